#include "core/io/safetensors.h"

#include "core/io/half.h"
#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>
#include <cmath>
#include <limits>
#include <ostream>

namespace sf {
namespace {

using test::safetensors_bytes;
using test::Scratch;
using test::user_error;

TEST(Half, bf16_rounds_to_nearest_even) {
    EXPECT_EQ(to_bf16(1.0F), 0x3F80);
    EXPECT_EQ(to_bf16(1.0F + 0x1p-8F), 0x3F80);             // a tie goes to the even one
    EXPECT_EQ(to_bf16(1.0F + 0x1p-7F + 0x1p-8F), 0x3F82);   // a tie goes up to the even one
    EXPECT_EQ(to_bf16(1.0F + 0x1p-8F + 0x1p-20F), 0x3F81);  // above a tie
    EXPECT_EQ(to_bf16(-0.0F), 0x8000);
    EXPECT_EQ(to_bf16(std::numeric_limits<float>::max()), 0x7F80);
    EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::numeric_limits<float>::quiet_NaN()))));
    EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::bit_cast<float>(0x7F800001U)))));
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        if (!std::isnan(from_bf16(half))) {
            ASSERT_EQ(to_bf16(from_bf16(half)), half);
        }
    }
}

TEST(Half, f16_is_exact) {
    EXPECT_EQ(from_f16(0x3C00), 1.0F);
    EXPECT_EQ(from_f16(0xC000), -2.0F);
    EXPECT_EQ(from_f16(0x7BFF), 65504.0F);
    EXPECT_EQ(from_f16(0x0001), 0x1p-24F);
    EXPECT_EQ(from_f16(0x83FF), -1023 * 0x1p-24F);
    EXPECT_EQ(from_f16(0x0400), 0x1p-14F);
    EXPECT_TRUE(std::signbit(from_f16(0x8000)));
    EXPECT_EQ(from_f16(0x7C00), std::numeric_limits<float>::infinity());
    EXPECT_EQ(from_f16(0xFC00), -std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(from_f16(0x7E00)));
}

TEST(Safetensors, round_trip) {
    Scratch folder;
    Tensor matrix(Shape{2, 3}, DType::real), ids(Shape{2}, DType::i64),
        scalar(Shape{}, DType::real);
    Tensor empty(Shape{0, 4}, DType::real), no_ids(Shape{0}, DType::i64);
    for (std::size_t i = 0; i < 6; ++i)
        matrix.real[i] = static_cast<Real>(0.1F) * static_cast<Real>(i);
    ids.ints = {-5, std::numeric_limits<std::int64_t>::max()};
    scalar.real = {static_cast<Real>(-0.25)};
    const std::map<std::string, std::string> metadata = {{"a", "é \"quoted\"\n"}, {"b", ""}};
    const std::vector<NamedTensor> tensors = {
        {"scalar", scalar.view(), StoredType::f32}, {"matrix", matrix.view(), StoredType::f32},
        {"ids", ids.view(), StoredType::i64},       {"empty", empty.view(), StoredType::f32},
        {"no ids", no_ids.view(), StoredType::i64}, {"half", matrix.view(), StoredType::bf16}};
    write_safetensors(folder / "t", tensors, metadata);
    const std::string bytes = read_file(folder / "t");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    EXPECT_EQ(length % 8, 0U);

    const SafetensorsFile file(folder / "t");
    EXPECT_EQ(file.metadata(), metadata);
    EXPECT_EQ(file.entries().size(), 6U);
    EXPECT_EQ(file.entries().at("scalar").begin, 0U);
    EXPECT_EQ(file.entries().at("matrix").begin, 4U);  // in the order given
    const Tensor read = file.read("matrix");
    EXPECT_EQ(read.shape, matrix.shape);
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(read.real[i], static_cast<float>(matrix.real[i]));
    EXPECT_EQ(file.read("ids").ints, ids.ints);
    EXPECT_EQ(file.read("scalar").shape.rank, 0);
    EXPECT_EQ(file.read("scalar").real, scalar.real);
    EXPECT_EQ(file.read("empty").shape, empty.shape);
    EXPECT_EQ(file.read("no ids").dtype, DType::i64);
    const Tensor half = file.read("half");
    for (std::size_t i = 0; i < 6; ++i)
        EXPECT_EQ(half.real[i], from_bf16(to_bf16(static_cast<float>(matrix.real[i]))));

    write_safetensors(folder / "again", tensors, metadata);
    EXPECT_EQ(read_file(folder / "again"), bytes);
}

TEST(Safetensors, a_large_tensor_in_pieces) {
    Scratch folder;
    Tensor big(Shape{3, 70001}, DType::real);
    for (std::size_t i = 0; i < big.real.size(); ++i) big.real[i] = static_cast<Real>(i);
    write_safetensors(folder / "t", {{"big", big.view(), StoredType::f32}}, {});
    EXPECT_EQ(SafetensorsFile(folder / "t").read("big").real, big.real);
}

TEST(Safetensors, all_types_are_read) {
    Scratch folder;
    const std::string header = R"({"f16":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
                               R"("bf16":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]},)"
                               R"("f64":{"dtype":"F64","shape":[1],"data_offsets":[6,14]},)"
                               R"("i64":{"dtype":"I64","shape":[1,1],"data_offsets":[14,22]}})";
    std::string bytes = safetensors_bytes(header, 0);
    const auto put = [&](auto value) {
        std::string raw(sizeof value, '\0');
        std::memcpy(raw.data(), &value, sizeof value);
        bytes += raw;
    };
    put(std::uint16_t{0x3C00});
    put(std::uint16_t{0xC000});
    put(std::uint16_t{0x3F80});
    put(-2.5);
    put(std::int64_t{-7});
    const SafetensorsFile file(folder.with("t", bytes));
    EXPECT_EQ(file.read("f16").real, (std::vector<Real>{1, -2}));
    EXPECT_EQ(file.read("bf16").real, (std::vector<Real>{1}));
    EXPECT_EQ(file.read("f64").real, (std::vector<Real>{-2.5}));
    EXPECT_EQ(file.read("i64").ints, (std::vector<std::int64_t>{-7}));
}

TEST(Safetensors, reads_the_reference) {
    const SafetensorsFile file(test::reference("A/expected.safetensors"));
    const Tensor logits = file.read("logits");
    EXPECT_EQ(logits.shape, (Shape{2, 12, 61}));
    for (const auto v : logits.real) ASSERT_TRUE(std::isfinite(v));
    EXPECT_EQ(SafetensorsFile(test::reference("A/model.safetensors")).metadata().at("format"),
              "pt");
}

struct Hostile {
    const char* name;
    std::string bytes;
    std::string reason;
};
void PrintTo(const Hostile& h, std::ostream* out) {
    *out << h.name;
}
class HostileFile : public testing::TestWithParam<Hostile> {};

TEST_P(HostileFile, is_refused_in_one_sentence) {
    Scratch folder;
    const auto path = folder.with("t.safetensors", GetParam().bytes);
    const auto sentence = user_error([&] { SafetensorsFile file(path); });
    EXPECT_EQ(sentence.rfind(path.string() + ": ", 0), 0U) << sentence;
    EXPECT_NE(sentence.find(GetParam().reason), std::string::npos) << sentence;
    EXPECT_LT(sentence.size() - path.string().size(), 500U);
}

std::string length_only(std::uint64_t length) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes;
}

std::string one(const std::string& entry, std::size_t data = 8) {
    return safetensors_bytes("{\"x\":" + entry + "}", data);
}

INSTANTIATE_TEST_SUITE_P(
    all, HostileFile,
    testing::Values(
        Hostile{"empty", "", "is not a safetensors file: 0 bytes"},
        Hostile{"seven_bytes", "1234567", "is not a safetensors file: 7 bytes"},
        Hostile{"header_beyond_the_file", length_only(100), "header length: 100 bytes"},
        Hostile{"header_of_all_bits", length_only(~std::uint64_t{0}), "header length"},
        Hostile{"no_header", length_only(0), "is not JSON"},
        Hostile{"header_is_a_list", safetensors_bytes("[]", 0), "header: must be an object"},
        Hostile{"header_is_no_json", safetensors_bytes("{\"x\"", 0), "is not JSON"},
        Hostile{"header_nested", safetensors_bytes(std::string(50000, '['), 0), "nested"},
        Hostile{"twice",
                safetensors_bytes(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                  R"("x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                                  8),
                "x: is given twice"},
        Hostile{"entry_is_no_object", one("3"), "tensor x: its header must be an object"},
        Hostile{"no_dtype", one(R"({"shape":[2],"data_offsets":[0,8]})"), "x: dtype is missing"},
        Hostile{"no_shape", one(R"({"dtype":"F32","data_offsets":[0,8]})"), "shape is missing"},
        Hostile{"no_offsets", one(R"({"dtype":"F32","shape":[2]})"), "data_offsets is missing"},
        Hostile{"dtype_unknown", one(R"({"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]})"),
                "tensor x: dtype F8_E4M3 is not supported"},
        Hostile{"dtype_number", one(R"({"dtype":4,"shape":[2],"data_offsets":[0,8]})"),
                "dtype must be a string"},
        Hostile{"shape_number", one(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"),
                "shape must be a list"},
        Hostile{"shape_negative", one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
                "shape must hold whole numbers"},
        Hostile{"shape_fraction", one(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"),
                "shape must hold whole numbers"},
        Hostile{"shape_beyond_64_bits",
                one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]})"),
                "shape must hold whole numbers"},
        Hostile{"shape_overflows",
                one(R"({"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]})"),
                "absurdly large"},
        Hostile{"shape_overflows_to_the_size",  // 2^62 x 4 x 4 + 8 wraps to 8
                one(R"({"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,16]})", 16),
                "absurdly large"},
        Hostile{"shape_and_size_differ", one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
                "need 12 bytes, data_offsets hold 8"},
        Hostile{"offsets_three", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})"),
                "list of two"},
        Hostile{"offsets_strings", one(R"({"dtype":"F32","shape":[2],"data_offsets":["0","8"]})"),
                "data_offsets must hold whole numbers"},
        Hostile{"offsets_backwards", one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
                "end before they begin"},
        Hostile{"offsets_negative", one(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})"),
                "data_offsets must hold whole numbers"},
        Hostile{"beyond_the_file", one(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16]})"),
                "end at byte 16, the file holds 8"},
        Hostile{"huge_offsets",
                one(R"({"dtype":"F32","shape":[2],)"
                    R"("data_offsets":[9223372036854775799,9223372036854775807]})"),
                "the file holds 8"},
        Hostile{"gap_at_the_start", one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
                "leaves a gap"},
        Hostile{"rest_at_the_end", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"),
                "4 bytes belong to no tensor"},
        Hostile{"overlap",
                safetensors_bytes(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                  R"("y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                                  12),
                "tensor y: overlaps"},
        Hostile{"same_bytes",
                safetensors_bytes(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                  R"("y":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                  8),
                "overlaps"},
        Hostile{"metadata_list", safetensors_bytes(R"({"__metadata__":[]})", 0),
                "__metadata__: must be an object"},
        Hostile{"metadata_number", safetensors_bytes(R"({"__metadata__":{"a":1}})", 0),
                "__metadata__.a: must be a string"},
        Hostile{"long_name", safetensors_bytes("{\"" + std::string(100000, 'n') + "\":3}", 0),
                "nnn…"},
        Hostile{"name_of_no_utf8", safetensors_bytes("{\"\xFF\":3}", 0), "is not JSON"}));

TEST(Safetensors, what_cannot_be_opened) {
    Scratch folder;
    EXPECT_NE(user_error([&] { SafetensorsFile file(folder / "no"); }).find("no such file"),
              std::string::npos);
    EXPECT_NE(user_error([&] { SafetensorsFile file(folder.path()); }).find("not a regular file"),
              std::string::npos);
}

TEST(Safetensors, what_cannot_be_held) {
    Scratch folder;
    const SafetensorsFile file(folder.with(
        "t", safetensors_bytes(
                 R"({"x":{"dtype":"F32","shape":[1,1,1,1,1,2],"data_offsets":[0,8]}})", 8)));
    EXPECT_NE(user_error([&] { file.read("x"); }).find("has 6 dimensions"), std::string::npos);
    EXPECT_NE(user_error([&] { file.read("y"); }).find("tensor y: is missing"), std::string::npos);
}

TEST(Safetensors, our_own_mistakes_are_no_user_errors) {
    Scratch folder;
    Tensor real(Shape{1}, DType::real), ids(Shape{1}, DType::i64);
    const auto write = [&](const std::vector<NamedTensor>& tensors) {
        write_safetensors(folder / "t", tensors, {});
    };
    EXPECT_THROW(write({{"a", real.view(), StoredType::i64}}), ShapeError);
    EXPECT_THROW(write({{"a", ids.view(), StoredType::f32}}), ShapeError);
    EXPECT_THROW(write({{"a", real.view(), StoredType::f16}}), ShapeError);
    EXPECT_THROW(write({{"a", real.view()}, {"a", real.view()}}), ShapeError);
    EXPECT_THROW(write({{"__metadata__", real.view()}}), ShapeError);
    EXPECT_EQ(folder.entries(), 0U);
}

}  // namespace
}  // namespace sf
