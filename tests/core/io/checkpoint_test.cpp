#include "core/io/checkpoint.h"

#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

namespace sf {
namespace {

using test::Scratch;
using test::user_error;

ModelConfig tiny() {
    ModelConfig c = ModelConfig::preset("nano");
    c.vocab_size = 10;
    c.bos_token_id = c.eos_token_id = 0;
    c.num_hidden_layers = 2;
    return c;
}

// The weights of `tiny` as they would be written, to be damaged.
std::map<std::string, Tensor> tiny_tensors() {
    std::map<std::string, Tensor> tensors;
    const auto weights = initial_weights(tiny(), 1);
    for (const auto& [name, tensor] : weights->tensors) tensors.emplace(name, *tensor);
    return tensors;
}

void write(const std::filesystem::path& file, const std::map<std::string, Tensor>& tensors) {
    std::vector<NamedTensor> list;
    for (const auto& [name, tensor] : tensors)
        list.push_back(
            {name, tensor.view(), tensor.dtype == DType::i64 ? StoredType::i64 : StoredType::f32});
    write_safetensors(file, list, {});
}

TEST(Checkpoint, round_trip) {
    Scratch folder;
    Weights weights = *initial_weights(tiny(), 1);
    weights.trained_step = 1234;
    write_weights(folder / "model.safetensors", weights, StoredType::f32);
    const auto read = read_weights(folder.path(), tiny());
    EXPECT_EQ(read->trained_step, 1234);
    ASSERT_EQ(read->tensors.size(), weights.tensors.size());
    for (const auto& [name, tensor] : weights.tensors)
        EXPECT_EQ(read->at(name).real, tensor->real) << name;
    write_weights(folder / "model.safetensors", weights, StoredType::bf16);
    const auto half = read_weights(folder.path(), tiny());
    const auto& a = half->at("lm_head.weight").real;
    const auto& b = weights.at("lm_head.weight").real;
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], std::abs(b[i]) / 256);
}

TEST(Checkpoint, reads_the_reference_and_its_copies) {
    for (const char* name : {"A", "B", "C", "B_mtp"}) {
        const auto config = read_config(test::reference(std::string(name) + "/config.json"));
        const auto weights = read_weights(test::reference(name), config);
        EXPECT_EQ(weights->tensors.size(), parameters(config).size());
        EXPECT_EQ(weights->trained_step, 0);
    }
}

TEST(Checkpoint, shards) {
    Scratch folder;
    auto tensors = tiny_tensors();
    nlohmann::json index = {{"metadata", {{"total_size", 1}}},
                            {"weight_map", nlohmann::json::object()}};
    std::map<std::string, Tensor> shards[2];
    std::size_t i = 0;
    for (const auto& [name, tensor] : tensors) {
        const std::size_t shard = i++ % 2;
        shards[shard].emplace(name, tensor);
        index["weight_map"][name] = shard == 0 ? "model-1.safetensors" : "model-2.safetensors";
    }
    write(folder / "model-1.safetensors", shards[0]);
    write(folder / "model-2.safetensors", shards[1]);
    folder.with("model.safetensors.index.json", index.dump());
    const auto weights = read_weights(folder.path(), tiny());
    for (const auto& [name, tensor] : tensors) EXPECT_EQ(weights->at(name).real, tensor.real);

    const std::string norm = "model.norm.weight";
    const auto sentence = [&] { return user_error([&] { read_weights(folder.path(), tiny()); }); };
    const std::string file = (folder / "model.safetensors.index.json").string();

    // The other shard does not hold what the index says.
    auto broken = index;
    broken["weight_map"][norm] = index["weight_map"][norm] == "model-1.safetensors"
                                     ? "model-2.safetensors"
                                     : "model-1.safetensors";
    folder.with("model.safetensors.index.json", broken.dump());
    EXPECT_NE(sentence().find("tensor model.norm.weight: is missing"), std::string::npos)
        << sentence();
    broken["weight_map"][norm] = "model-3.safetensors";
    folder.with("model.safetensors.index.json", broken.dump());
    EXPECT_EQ(sentence(), (folder / "model-3.safetensors").string() + ": no such file");
    broken["weight_map"].erase(norm);
    folder.with("model.safetensors.index.json", broken.dump());
    EXPECT_EQ(sentence(), file + ": tensor model.norm.weight: is missing");
    for (const char* outside :
         {"../model-1.safetensors", "/etc/passwd", "a/b", "a\\b", "..", ".", "", "C:x"}) {
        broken["weight_map"][norm] = outside;
        folder.with("model.safetensors.index.json", broken.dump());
        EXPECT_NE(sentence().find("weight_map.model.norm.weight: must be a plain file name"),
                  std::string::npos)
            << outside << ": " << sentence();
    }
    broken["weight_map"][norm] = 3;
    folder.with("model.safetensors.index.json", broken.dump());
    EXPECT_NE(sentence().find("must be a file's name, got the number 3"), std::string::npos);
    for (const char* text : {"[]", "{}", "{\"weight_map\": []}", "{\"weight_map\""}) {
        folder.with("model.safetensors.index.json", text);
        EXPECT_EQ(sentence().rfind(file + ": ", 0), 0U) << sentence();
    }
}

struct Damage {
    const char* name;
    std::function<void(std::map<std::string, Tensor>&)> change;
    const char* reason;  // empty: is read all the same
};
void PrintTo(const Damage& d, std::ostream* out) {
    *out << d.name;
}
class Damaged : public testing::TestWithParam<Damage> {};

TEST_P(Damaged, checkpoint_is_refused_or_read) {
    Scratch folder;
    auto tensors = tiny_tensors();
    GetParam().change(tensors);
    write(folder / "model.safetensors", tensors);
    const auto sentence = user_error([&] { read_weights(folder.path(), tiny()); });
    if (*GetParam().reason == '\0') {
        EXPECT_EQ(sentence, "");
    } else {
        EXPECT_EQ(sentence.rfind(folder.path().string(), 0), 0U);
        EXPECT_NE(sentence.find(GetParam().reason), std::string::npos) << sentence;
    }
}

INSTANTIATE_TEST_SUITE_P(
    all, Damaged,
    testing::Values(
        Damage{"missing", [](auto& tensors) { tensors.erase("model.layers.1.mlp.gate.weight"); },
               "tensor model.layers.1.mlp.gate.weight: is missing"},
        Damage{"transposed",
               [](auto& tensors) {
                   tensors["lm_head.weight"].shape = {48, 10};
               },
               "tensor lm_head.weight: shape (48, 10), the config needs (10, 48)"},
        Damage{"flat", [](auto& tensors) { tensors["lm_head.weight"].shape = {480}; },
               "tensor lm_head.weight: shape (480)"},
        Damage{"whole_numbers",
               [](auto& tensors) { tensors["model.norm.weight"] = Tensor({48}, DType::i64); },
               "tensor model.norm.weight: dtype I64"},
        Damage{"not_a_number",
               [](auto& tensors) {
                   tensors["lm_head.weight"].real[7] = std::numeric_limits<Real>::quiet_NaN();
               },
               "tensor lm_head.weight: value 7 is not a finite number"},
        Damage{"infinite",
               [](auto& tensors) {
                   tensors["lm_head.weight"].real[0] = std::numeric_limits<Real>::infinity();
               },
               "tensor lm_head.weight: value 0 is not a finite number"},
        Damage{"extra", [](auto& tensors) { tensors["something.else"] = Tensor({3}, DType::i64); },
               ""},
        Damage{"equal_copies",
               [](auto& tensors) {
                   tensors["model.layers.2.embed_tokens.weight"] =
                       tensors["model.embed_tokens.weight"];
                   tensors["model.layers.2.shared_head.head.weight"] = tensors["lm_head.weight"];
               },
               ""},
        Damage{"other_embedding",
               [](auto& tensors) {
                   tensors["model.layers.2.embed_tokens.weight"] = tensors["lm_head.weight"];
               },
               "tensor model.layers.2.embed_tokens.weight: differs from model.embed_tokens.weight"},
        Damage{"other_head",
               [](auto& tensors) {
                   tensors["model.layers.2.shared_head.head.weight"] = tensors["lm_head.weight"];
                   tensors["model.layers.2.shared_head.head.weight"].real[0] += 1;
               },
               "tensor model.layers.2.shared_head.head.weight: differs from lm_head.weight"},
        Damage{"copy_of_another_shape",
               [](auto& tensors) {
                   tensors["model.layers.2.embed_tokens.weight"] = Tensor({1, 48}, DType::real);
               },
               "tensor model.layers.2.embed_tokens.weight: shape (1, 48)"}));

TEST(Checkpoint, a_folder_without_one) {
    Scratch folder;
    EXPECT_EQ(user_error([&] { read_weights(folder.path(), tiny()); }),
              folder.path().string() +
                  ": holds neither model.safetensors nor model.safetensors.index.json");
}

TEST(Checkpoint, a_truncated_one) {
    Scratch folder;
    write(folder / "model.safetensors", tiny_tensors());
    const std::string bytes = read_file(folder / "model.safetensors");
    folder.with("model.safetensors", std::string_view(bytes).substr(0, bytes.size() - 1));
    EXPECT_NE(user_error([&] { read_weights(folder.path(), tiny()); }).find("truncated"),
              std::string::npos);
}

TEST(Checkpoint, a_bad_training_step) {
    Scratch folder;
    const auto weights = initial_weights(tiny(), 1);
    std::vector<NamedTensor> list;
    for (const auto& [name, tensor] : weights->tensors) list.push_back({name, tensor->view()});
    for (const char* step : {"", "-1", "3x", "99999999999999999999"}) {
        write_safetensors(folder / "model.safetensors", list, {{"trained_step", step}});
        EXPECT_NE(user_error([&] { read_weights(folder.path(), tiny()); }).find("trained_step: "),
                  std::string::npos)
            << step;
    }
}

}  // namespace
}  // namespace sf
