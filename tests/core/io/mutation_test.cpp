// Damaged copies of valid files: each is read or refused with a UserError, never anything else. A
// small, seeded relative of tests/fuzz that runs with every test.

#include "core/io/checkpoint.h"
#include "core/io/tokenizer_json.h"
#include "core/io/trace_io.h"
#include "core/random.h"
#include "core/run/runner.h"
#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <functional>

namespace sf {
namespace {

using test::Scratch;

// The i-th damaged copy: cut short, bits flipped, a piece repeated or replaced by other digits.
// Half of the damage falls on the first bytes, where the structure is.
std::string damaged(const std::string& valid, std::uint64_t i) {
    std::uint64_t counter = 0;
    const auto below = [&](std::size_t n) {
        return static_cast<std::size_t>(random_bits(2024, i, counter++) %
                                        std::max<std::size_t>(n, 1));
    };
    std::string bytes = valid;
    const std::size_t changes = 1 + below(4);
    for (std::size_t k = 0; k < changes && !bytes.empty(); ++k) {
        const std::size_t span =
            below(2) == 0 ? std::min<std::size_t>(bytes.size(), 2000) : bytes.size();
        const std::size_t at = below(span);
        constexpr std::string_view alphabet = "0123456789-.e[]{}\",: ntf\\";
        switch (below(5)) {
            case 0:
                bytes.resize(at);
                break;
            case 1:
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
                break;
            case 2:
                bytes.insert(at, bytes.substr(at, below(20)));
                break;
            case 3:
                bytes.erase(at, below(20));
                break;
            default:
                bytes[at] = alphabet[below(alphabet.size())];
                break;
        }
    }
    return bytes;
}

// Counts what was refused, so that a reader that refuses or takes everything is noticed.
struct Outcome {
    int read = 0, refused = 0;
};

Outcome try_damaged(const std::string& valid, std::uint64_t rounds,
                    const std::function<void(const std::string&)>& reader) {
    Outcome outcome;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        try {
            reader(damaged(valid, i));
            ++outcome.read;
        } catch (const UserError& e) {
            ++outcome.refused;
            EXPECT_NE(std::string(e.what()), "");
            EXPECT_LT(std::string_view(e.what()).size(), 1000U);
        } catch (const std::exception& e) {
            ADD_FAILURE() << "copy " << i << ": " << e.what();
        }
    }
    return outcome;
}

TEST(Mutation, config) {
    for (const char* name : {"B/config.json", "C/config.json"}) {
        const auto outcome =
            try_damaged(read_file(test::reference(name)), 3000, [](const std::string& bytes) {
                const auto config = parse_config(bytes, "config.json");
                // What is taken is sound and can be written and read again.
                EXPECT_TRUE(config.problems().empty());
                EXPECT_EQ(parse_config(config_json(config), "again"), config);
            });
        EXPECT_GT(outcome.read, 0);
        EXPECT_GT(outcome.refused, 1000);
    }
}

TEST(Mutation, ids) {
    const auto outcome = try_damaged(read_file(test::reference("A/input_ids.json")), 3000,
                                     [](const std::string& bytes) {
                                         for (const auto& row : parse_ids(bytes, "ids.json")) {
                                             EXPECT_FALSE(row.empty());
                                             for (const auto id : row) EXPECT_GE(id, 0);
                                         }
                                     });
    EXPECT_GT(outcome.read, 0);
    EXPECT_GT(outcome.refused, 1000);
}

TEST(Mutation, tokenizer) {
    const std::vector<std::string_view> documents{"the cat, the hat, the cat"};
    const std::string valid = tokenizer_json(*train_bpe(documents, {264, 256, 257, "corpus"}));
    const auto outcome = try_damaged(valid, 1000, [](const std::string& bytes) {
        const auto tokenizer = parse_tokenizer(bytes, "tokenizer.json");
        for (const auto id : tokenizer->encode("the cat\xFF<|bos|> 12"))
            EXPECT_TRUE(id >= 0 && id < tokenizer->vocab_size());
        parse_tokenizer(tokenizer_json(*tokenizer), "again");
    });
    EXPECT_GT(outcome.read, 0);
    EXPECT_GT(outcome.refused, 300);
}

TEST(Mutation, safetensors) {
    Scratch folder;
    Tensor x(Shape{3, 4}, DType::real), i(Shape{5}, DType::i64);
    write_safetensors(
        folder / "valid",
        {{"x", x.view()}, {"half", x.view(), StoredType::bf16}, {"i", i.view(), StoredType::i64}},
        {{"format", "pt"}});
    const auto outcome =
        try_damaged(read_file(folder / "valid"), 2000, [&](const std::string& bytes) {
            const SafetensorsFile file(folder.with("t", bytes));
            for (const auto& [name, entry] : file.entries())
                if (entry.shape.size() <= Shape::max_rank) file.read(name);
        });
    EXPECT_GT(outcome.read, 0);
    EXPECT_GT(outcome.refused, 1000);
}

TEST(Mutation, trace) {
    Scratch folder;
    write_trace(folder / "valid", *run_trace(preset_model("nano", 1), {{1, 2, 3}}));
    const std::string valid = read_file(folder / "valid");
    std::uint64_t header = 0;
    std::memcpy(&header, valid.data(), sizeof header);
    const auto outcome = try_damaged(
        valid, 300, [&](const std::string& bytes) { read_trace(folder.with("t", bytes)); });
    EXPECT_GT(outcome.refused, 50);
    // Damage inside the header alone, its length kept right, reaches the deeper checks.
    const std::string text = valid.substr(8, static_cast<std::size_t>(header));
    const std::string data = valid.substr(8 + static_cast<std::size_t>(header));
    const auto deeper = try_damaged(text, 300, [&](const std::string& changed) {
        read_trace(folder.with("t", test::safetensors_bytes(changed, 0) + data));
    });
    EXPECT_GT(deeper.read + deeper.refused, 0);
    EXPECT_GT(deeper.refused, 50);
}

}  // namespace
}  // namespace sf
