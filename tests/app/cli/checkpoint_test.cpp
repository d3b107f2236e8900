// Hostile and broken model folders: one sentence naming the file and the reason, nothing left.
#include "tests/app/cli/process.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

namespace sf::test {
namespace {

using nlohmann::json;

const char* const embedding = "model.embed_tokens.weight";

// Changes the header of a safetensors file, leaves its data.
void edit_header(const fs::path& file, const std::function<void(json&)>& change) {
    const std::string bytes = slurp(file);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    json header = json::parse(bytes.substr(8, length));
    change(header);
    const std::string text = header.dump();
    const std::uint64_t size = text.size();
    std::string edited(8, '\0');
    std::memcpy(edited.data(), &size, 8);
    spill(file, edited + text + bytes.substr(8 + length));
}

void edit_config(const fs::path& folder, const std::function<void(json&)>& change) {
    json config = json::parse(slurp(folder / "config.json"));
    change(config);
    spill(folder / "config.json", config.dump());
}

struct Damage {
    std::string name;
    std::function<void(const fs::path&)> damage;  // of a sound model folder
    std::vector<std::string> said;
};
void PrintTo(const Damage& damage, std::ostream* out) {
    *out << damage.name;
}

std::function<void(const fs::path&)> header(std::function<void(json&)> change) {
    return [change = std::move(change)](const fs::path& folder) {
        edit_header(folder / "model.safetensors", change);
    };
}
std::function<void(const fs::path&)> config(std::function<void(json&)> change) {
    return [change = std::move(change)](const fs::path& folder) { edit_config(folder, change); };
}

class Checkpoints : public ::testing::TestWithParam<Damage> {};

TEST_P(Checkpoints, AreRefusedInOneSentence) {
    const Folder folder;
    const fs::path model = folder / "model";
    fs::create_directory(model);
    for (const char* const file : {"config.json", "model.safetensors"})
        fs::copy_file(reference("A", file), model / file);
    fs::permissions(model / "config.json", fs::perms::owner_write, fs::perm_options::add);
    fs::permissions(model / "model.safetensors", fs::perms::owner_write, fs::perm_options::add);
    spill(folder / "ids.json", "[1, 2, 3]");
    GetParam().damage(model);
    const auto before = folder.files();
    const Outcome outcome =
        run({"trace", "--model", "model", "--ids", "ids.json", "-o", "out.st"}, folder.path());
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    for (const auto& part : GetParam().said)
        EXPECT_NE(outcome.err.find(part), std::string::npos)
            << "'" << part << "' is not in: " << outcome.err;
    EXPECT_EQ(folder.files(), before);
}

INSTANTIATE_TEST_SUITE_P(
    Files, Checkpoints,
    ::testing::Values(
        Damage{"no_folder", [](const fs::path& m) { fs::remove_all(m); }, {"model"}},
        Damage{
            "no_config", [](const fs::path& m) { fs::remove(m / "config.json"); }, {"config.json"}},
        Damage{"no_weights",
               [](const fs::path& m) { fs::remove(m / "model.safetensors"); },
               {"model.safetensors"}},
        Damage{"empty",
               [](const fs::path& m) { spill(m / "model.safetensors", ""); },
               {"model.safetensors"}},
        Damage{"truncated",
               [](const fs::path& m) { fs::resize_file(m / "model.safetensors", 20000); },
               {"model.safetensors"}},
        Damage{"truncated_in_header",
               [](const fs::path& m) { fs::resize_file(m / "model.safetensors", 100); },
               {"model.safetensors", "header"}},
        Damage{"header_beyond_file",
               [](const fs::path& m) {
                   std::string bytes = slurp(m / "model.safetensors");
                   std::memset(bytes.data(), 0x7F, 8);
                   spill(m / "model.safetensors", bytes);
               },
               {"model.safetensors", "header"}},
        Damage{"header_no_json",
               [](const fs::path& m) {
                   std::string bytes = slurp(m / "model.safetensors");
                   bytes[8] = '[';
                   spill(m / "model.safetensors", bytes);
               },
               {"model.safetensors"}},
        Damage{"shard_missing",
               [](const fs::path& m) {
                   fs::remove(m / "model.safetensors");
                   spill(m / "model.safetensors.index.json",
                         R"({"weight_map": {"model.embed_tokens.weight": "part-1.safetensors"}})");
               },
               {"part-1.safetensors"}}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Headers, Checkpoints,
    ::testing::Values(Damage{"offsets_beyond",
                             header([](json& h) {
                                 h[embedding]["data_offsets"] = {0, 1ull << 40};
                             }),
                             {"model.safetensors", embedding}},
                      Damage{"offsets_reversed",
                             header([](json& h) {
                                 h[embedding]["data_offsets"] = {100, 50};
                             }),
                             {"model.safetensors", embedding}},
                      Damage{"offsets_overlap",
                             header([](json& h) {
                                 h["lm_head.weight"]["data_offsets"] = h[embedding]["data_offsets"];
                             }),
                             {"model.safetensors"}},
                      Damage{"offsets_negative",
                             header([](json& h) {
                                 h[embedding]["data_offsets"] = {-8, 0};
                             }),
                             {"model.safetensors", embedding}},
                      Damage{"dtype_unknown",
                             header([](json& h) { h[embedding]["dtype"] = "Q4"; }),
                             {"model.safetensors", embedding, "Q4"}},
                      Damage{"dtype_size",
                             header([](json& h) { h[embedding]["dtype"] = "F16"; }),
                             {"model.safetensors", embedding}},
                      Damage{"dtype_integers",
                             header([](json& h) {
                                 // The same bytes as half as many 64-bit integers.
                                 h[embedding]["dtype"] = "I64";
                                 h[embedding]["shape"][1] = h[embedding]["shape"][1].get<int>() / 2;
                             }),
                             {"model.safetensors", embedding}},
                      Damage{"shape_swapped",
                             header([](json& h) {
                                 std::swap(h[embedding]["shape"][0], h[embedding]["shape"][1]);
                             }),
                             {"model.safetensors", embedding, "61"}},
                      Damage{"shape_overflow",
                             header([](json& h) {
                                 h[embedding]["shape"] = {1ull << 40, 1ull << 40};
                             }),
                             {"model.safetensors", embedding}},
                      Damage{"tensor_renamed",
                             header([](json& h) {
                                 h["something.else"] = h[embedding];
                                 h.erase(embedding);
                             }),
                             {"model.safetensors", embedding}}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Configs, Checkpoints,
    ::testing::Values(
        Damage{"no_json",
               [](const fs::path& m) { spill(m / "config.json", "{\"vocab_size\": "); },
               {"config.json"}},
        Damage{"scoring",
               config([](json& c) { c["scoring_func"] = "tanh"; }),
               {"config.json", "scoring_func", "tanh"}},
        Damage{"scaling",
               config([](json& c) {
                   c["rope_scaling"] = {{"type", "spiral"}, {"factor", 2.0}};
               }),
               {"config.json", "rope_scaling", "spiral"}},
        Damage{"activation",
               config([](json& c) { c["hidden_act"] = "relu"; }),
               {"config.json", "hidden_act", "relu"}},
        Damage{"bias",
               config([](json& c) { c["attention_bias"] = true; }),
               {"config.json", "attention_bias"}},
        Damage{"word_for_number",
               config([](json& c) { c["hidden_size"] = "many"; }),
               {"config.json", "hidden_size"}},
        Damage{"negative",
               config([](json& c) { c["num_hidden_layers"] = -1; }),
               {"config.json", "num_hidden_layers"}},
        Damage{"absurd",
               config([](json& c) { c["vocab_size"] = 1ll << 60; }),
               {"config.json", "vocab_size"}},
        Damage{"groups", config([](json& c) { c["n_group"] = 3; }), {"config.json", "n_group"}},
        Damage{"norm_topk",
               config([](json& c) { c["norm_topk_prob"] = false; }),
               {"config.json", "norm_topk_prob"}}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace sf::test
