#include "core/gl/gl_program.h"
#include "tests/core/gl/gl_bench.h"

#include <epoxy/gl.h>
#include <numeric>
#include <thread>

// The device, its memory and its compiler; and every way to fail, each with its sentence.

namespace sf::test {
namespace {

using Objects = GlSuite;

std::string sentence_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const DeviceError& error) {
        return error.what();
    }
    return "";
}

TEST_F(Objects, ABufferKeepsWhatIsWritten) {
    GlBuffer buffer(100);
    std::vector<float> numbers(100), got(100);
    std::iota(numbers.begin(), numbers.end(), 1.0F);
    buffer.write(0, numbers);
    buffer.write(10, std::vector<float>{-1, -2});
    numbers[10] = -1;
    numbers[11] = -2;
    buffer.read(0, got);
    EXPECT_EQ(got, numbers);
    std::vector<float> some(3);
    buffer.read(9, some);
    EXPECT_EQ(some, (std::vector<float>{10, -1, -2}));
    const GlBuffer moved = std::move(buffer);
    moved.read(0, got);
    EXPECT_EQ(got, numbers);
}

TEST_F(Objects, HalvesLieTwoAWord) {
    EXPECT_EQ(words_of(5, true), 3);
    EXPECT_EQ(words_of(5, false), 5);
    GlBuffer buffer(3);
    store(buffer, 0, std::vector<float>{1, -2, 0.5F, 65504, 3}, true);
    std::vector<float> words(3);
    buffer.read(0, words);
    const auto bits = std::bit_cast<std::uint32_t>(words[1]);
    EXPECT_EQ(from_f16(static_cast<std::uint16_t>(bits)), 0.5F);
    EXPECT_EQ(from_f16(static_cast<std::uint16_t>(bits >> 16)), 65504.0F);
}

TEST_F(Objects, MemoryThatIsNotThere) {
    const std::string said = sentence_of([] { GlBuffer huge(std::int64_t{1} << 45); });
    EXPECT_NE(said.find("no memory for a buffer of"), std::string::npos) << said;
    GlBuffer small(8);  // and life goes on
    small.write(0, std::vector<float>{1});
    complaints_expected = true;
}

TEST_F(Objects, ACompileErrorNamesFileAndLine) {
    const std::string good = "layout(local_size_x = 4) in;\nvoid main() {\n",
                      bad = "    y = 1;\n}\n";
    const std::string said = sentence_of([&] {
        GlProgram({"broken.comp", {"REGISTERS", "A 1"}}, good + bad);
    });
    EXPECT_EQ(said.rfind("broken.comp:3: ", 0), 0U) << said;
    EXPECT_NE(said.find("y' undeclared"), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    const std::string syntax = sentence_of([&] {
        GlProgram({"broken.comp", {"REGISTERS"}}, "void main() {\n  int a = ;\n}\n");
    });
    EXPECT_EQ(syntax.rfind("broken.comp:2: ", 0), 0U) << syntax;
    const std::string common = sentence_of([&] {  // a definition that spoils the common part
        GlProgram({"broken.comp", {"REGISTERS", "float 3"}}, good + "}\n");
    });
    EXPECT_EQ(common.rfind("memory.glsl:", 0), 0U) << common;
    EXPECT_NE(sentence_of([] {
                  GlProgram({"absent.comp", {}});
              }).find("absent.comp"),
              std::string::npos);
    const GlProgram right({"right.comp", {"REGISTERS"}}, good + "}\n");
    EXPECT_EQ(right.local(), (std::array<std::int64_t, 3>{4, 1, 1}));
    complaints_expected = true;
}

TEST_F(Objects, WhatIsKnownOfTheDevice) {
    const DeviceInfo& info = device->info;
    EXPECT_FALSE(info.name.empty());
    EXPECT_EQ(info.version.rfind("OpenGL 4", 0), 0U) << info.version;
    EXPECT_EQ(info.software, info.name.find("llvmpipe") != std::string::npos) << info.name;
    EXPECT_GE(info.limits.invocations, 128);  // what OpenGL 4.3 promises
    EXPECT_GE(info.limits.block_bytes, 1 << 24);
    EXPECT_GE(info.limits.buffers, 8);
    for (const std::int64_t n : info.limits.groups) EXPECT_GE(n, 65535);
    EXPECT_EQ(info.variants.size() + info.refused.size(), 3U);
    ASSERT_FALSE(info.variants.empty());
    EXPECT_EQ(info.variants.front() == KernelVariant::registers,
              info.software || info.variants.size() == 1);
    for (const auto& [variant, why] : info.refused) {
        EXPECT_FALSE(why.empty());
        const std::string said = sentence_of([&, v = variant] { GlKernels(*device, v, false); });
        EXPECT_NE(said.find(why), std::string::npos) << said;
    }
}

TEST_F(Objects, ErrorsAreNamedAndComplaintsKept) {
    device->check("nothing");
    glBindBuffer(0x1234, 0);  // no such target
    const std::string said = sentence_of([] { device->check("layers.0.attn"); });
    EXPECT_EQ(said.rfind("layers.0.attn: ", 0), 0U) << said;
    EXPECT_FALSE(device->complaints().empty());
    complaints_expected = true;
}

TEST_F(Objects, AContextMovesFromThreadToThread) {
    context->release();
    std::vector<float> got(4);
    std::thread([&] {
        context->make_current();
        GlBuffer buffer(4);
        buffer.write(0, std::vector<float>{1, 2, 3, 4});
        buffer.read(0, got);
        buffer = GlBuffer();
        context->release();
    }).join();
    context->make_current();
    EXPECT_EQ(got, (std::vector<float>{1, 2, 3, 4}));
}

TEST_F(Objects, ContextsThatCannotBe) {
    const std::string said = sentence_of([] {
        EglContext impossible({"a test of kernels", 9, 9, false});
    });
    EXPECT_EQ(said, "a test of kernels needs EGL with OpenGL 9.9, and it has no OpenGL 9.9");
    EglContext old({"a test of kernels", 3, 3, false});  // what the driver gives may be newer
    old.make_current();
    if (epoxy_gl_version() < 43) {
        EXPECT_THROW(GlDevice(), DeviceError);
    }
    context->make_current();
}

TEST_F(Objects, WarmingUpCompilesEverything) {
    for (const bool half : {false, true}) {
        GlKernels kernels(*device, device->info.variants.front(), half);
        int told = 0, all = 0;
        kernels.warm_up([&](int done, int of) {
            EXPECT_EQ(done, ++told);
            all = of;
        });
        EXPECT_EQ(told, all);
        EXPECT_GT(all, 4);
    }
}

TEST_F(Objects, TheRoofIsMeasured) {
    GlKernels kernels(*device, device->info.variants.front(), false);
    const Roofline roof = kernels.roofline();
    EXPECT_GT(roof.copy_bytes_per_second, 1e6);
    EXPECT_GT(roof.flops_per_second, 1e6);
}

}  // namespace
}  // namespace sf::test
