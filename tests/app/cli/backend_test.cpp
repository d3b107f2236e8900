// Who computes: --backend, and what happens when the device that was asked for fails.
#include "core/io/checkpoint.h"
#include "tests/app/cli/process.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace sf::test {
namespace {

class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
    ~Variable() { unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* name_;
};

const std::vector<std::string> text = {"--prompt", "Tom has 12 + 7 = "};

Outcome traced(const Folder& folder, const std::string& backend, const std::string& file,
               const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"trace", "--backend", backend, "-o", file};
    arguments.insert(arguments.end(), text.begin(), text.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, folder.path());
}

bool has(const std::string& sentence, const std::string& words) {
    return sentence.find(words) != std::string::npos;
}

// One sentence on stderr, the run goes on.
void expect_sentence(const Outcome& outcome, const std::vector<std::string>& words) {
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    for (const std::string& w : words) EXPECT_TRUE(has(outcome.err, w)) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

TEST(Backend, TheDeviceAgreesWithTheCpuInEveryTensor) {
    for (const char* const attention : {"naive", "absorbed"}) {
        const Folder folder;
        const std::vector<std::string> more = {"--decode", "9", "--attention", attention};
        ASSERT_EQ(traced(folder, "cpu", "cpu.safetensors", more).status, 0);
        const Outcome outcome = traced(folder, "gl", "gl.safetensors", more);
        ASSERT_EQ(outcome.status, 0) << outcome.err;
        if (has_no_device(outcome)) GTEST_SKIP() << outcome.err;
        EXPECT_EQ(outcome.err, "");
        const SafetensorsFile cpu(folder / "cpu.safetensors"), gl(folder / "gl.safetensors");
        ASSERT_EQ(cpu.entries().size(), gl.entries().size());
        std::int64_t differing = 0;
        for (const auto& [name, entry] : cpu.entries()) {
            const Tensor a = gl.read(name), b = cpu.read(name);
            double largest = 0;
            for (std::int64_t i = 0; i < b.size(); ++i)
                if (std::isfinite(b.at(i))) largest = std::max(largest, std::abs(b.at(i)));
            for (std::int64_t i = 0; i < b.size(); ++i) {
                if (a.at(i) == b.at(i)) continue;
                ++differing;
                ASSERT_EQ(b.dtype, DType::real) << name;
                ASSERT_NEAR(a.at(i), b.at(i), 1e-4 * std::max(1.0, largest)) << name << "[" << i;
            }
        }
        // Another order of summation: the device did compute.
        EXPECT_GT(differing, 0);
    }
}

TEST(Backend, TheSameTextIsWritten) {
    const Folder folder;
    std::string written[2];
    for (const bool gl : {false, true})
        for (const char* const speculate : {"", "2"}) {
            std::vector<std::string> arguments = {"generate",  "--backend", gl ? "gl" : "cpu",
                                                  "--max-new", "24",        "--greedy"};
            arguments.insert(arguments.end(), text.begin(), text.end());
            if (*speculate) arguments.insert(arguments.end(), {"--speculate", speculate});
            const Outcome outcome = run(arguments, folder.path());
            ASSERT_EQ(outcome.status, 0) << outcome.err;
            if (has_no_device(outcome)) GTEST_SKIP() << outcome.err;
            written[gl] += outcome.out;
        }
    EXPECT_EQ(written[0], written[1]);
}

// The picture's own command makes it again.
TEST(Backend, AFigureNamesTheDeviceInItsCommand) {
    const Folder folder;
    for (const bool gl : {false, true}) {
        std::vector<std::string> arguments = {"figure",          "gpu", "--backend",
                                              gl ? "gl" : "cpu", "-o",  "a.svg"};
        arguments.insert(arguments.end(), text.begin(), text.end());
        const Outcome outcome = run(arguments, folder.path());
        ASSERT_EQ(outcome.status, 0) << outcome.err;
        if (has_no_device(outcome)) GTEST_SKIP() << outcome.err;
        EXPECT_EQ(has(slurp(folder / "a.svg"), "--backend gl"), gl);
    }
}

// What a failing device leaves is what the CPU computes, to the last bit.
TEST(Backend, ADeviceThatFailsEndsOnTheCpu) {
    const Folder folder;
    ASSERT_EQ(traced(folder, "cpu", "cpu.safetensors", {"--decode", "4"}).status, 0);
    const std::string cpu = slurp(folder / "cpu.safetensors");
    const struct {
        const char* fault;
        std::vector<std::string> words;
    } cases[] = {{"compile", {"fault.comp:2", "the CPU computes all"}},
                 {"memory", {"memory", "the CPU computes all"}},
                 {"lost", {"the context was lost", "the CPU computes all"}}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.fault);
        const Variable fault("STEPFORMER_GL_FAULT", c.fault);
        const Outcome outcome = traced(folder, "gl", "gl.safetensors", {"--decode", "4"});
        if (has_no_device(outcome)) GTEST_SKIP() << outcome.err;
        expect_sentence(outcome, c.words);
        EXPECT_TRUE(slurp(folder / "gl.safetensors") == cpu);
        const Outcome words = run(
            {"generate", "--backend", "gl", "--max-new", "8", "--greedy", "--prompt", "Tom has "},
            folder.path());
        expect_sentence(words, c.words);
        EXPECT_EQ(words.out, run({"generate", "--backend", "cpu", "--max-new", "8", "--greedy",
                                  "--prompt", "Tom has "},
                                 folder.path())
                                 .out);
    }
}

TEST(Backend, AnOlderOpenGlEndsOnTheCpu) {
    const Folder folder;
    const Variable version("MESA_GL_VERSION_OVERRIDE", "3.3");
    const Outcome outcome = traced(folder, "gl", "gl.safetensors");
    expect_sentence(outcome, {"the GL backend needs", "OpenGL 4.3", "computed on the CPU"});
    ASSERT_EQ(traced(folder, "cpu", "cpu.safetensors").status, 0);
    EXPECT_TRUE(slurp(folder / "gl.safetensors") == slurp(folder / "cpu.safetensors"));
}

// Never for its speed: these machines have none or a real one.
TEST(Backend, AutoTakesNoSoftwareRenderer) {
    const Folder folder;
    const Variable software("LIBGL_ALWAYS_SOFTWARE", "1");
    const Outcome outcome = traced(folder, "auto", "auto.safetensors");
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    ASSERT_EQ(traced(folder, "cpu", "cpu.safetensors").status, 0);
    EXPECT_TRUE(slurp(folder / "auto.safetensors") == slurp(folder / "cpu.safetensors"));
}

}  // namespace
}  // namespace sf::test
