#include "core/io/model_folder.h"

#include "core/io/config_json.h"
#include "core/run/divergence.h"
#include "core/train/trainer.h"
#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using test::Scratch;

ModelPtr trained() {
    const ModelConfig config = ModelConfig::preset("nano");
    TrainSettings settings;
    settings.steps = 3;
    settings.batch = 2;
    settings.seq = 16;
    Trainer trainer(config, settings, generated_text(config, settings), 1);
    while (!trainer.finished()) trainer.step();
    auto model = std::make_shared<Model>(*trainer.model("run"));
    model->history = std::make_shared<const History>(trainer.history());
    return model;
}

TEST(ModelFolder, ComesBackBitForBit) {
    const Scratch scratch;
    const ModelPtr model = trained();
    const auto folder = scratch / "a b" / "run";
    save_model(folder, *model);
    const ModelPtr read = load_model(folder);
    EXPECT_EQ(read->config, model->config);
    EXPECT_EQ(read->weights->trained_step, 3);
    ASSERT_EQ(read->weights->tensors.size(), model->weights->tensors.size());
    for (const auto& [name, tensor] : model->weights->tensors)
        EXPECT_EQ(read->weights->at(name).real, tensor->real) << name;
    EXPECT_EQ(read->encode("the cat"), model->encode("the cat"));
    ASSERT_NE(read->history, nullptr);
    EXPECT_EQ(read->history->size(), model->history->size());
    const Divergence d = first_divergence(*model->history, *read->history);
    EXPECT_EQ(d.kind, Divergence::Kind::none) << divergence_text(d, "made", "read");
    EXPECT_EQ(d.step, 3);
    for (const std::int64_t step : model->history->probe_steps())
        EXPECT_EQ(read->history->probe(step)->find("logits")->real,
                  model->history->probe(step)->find("logits")->real);
}

TEST(ModelFolder, GoesWithoutHistoryAndTokenizer) {
    const Scratch scratch;
    auto bare = std::make_shared<Model>(*trained());
    bare->history = nullptr;
    bare->tokenizer = nullptr;
    save_model(scratch / "bare", *bare);
    EXPECT_FALSE(std::filesystem::exists(scratch / "bare" / "history.safetensors"));
    EXPECT_EQ(load_model(scratch / "bare")->history, nullptr);
}

TEST(ModelFolder, RefusesWhatIsThereAndLeavesNothingBehind) {
    const Scratch scratch;
    const ModelPtr model = trained();
    scratch.with("note.txt", "mine");
    EXPECT_NE(test::user_error([&] {
                  save_model(scratch.path(), *model);
              }).find("is not an empty folder"),
              std::string::npos);
    EXPECT_EQ(scratch.entries(), 1U);
    EXPECT_NE(test::user_error([&] {
                  save_model(scratch / "note.txt" / "run", *model);
              }).find("cannot be made"),
              std::string::npos);
    EXPECT_EQ(scratch.entries(), 1U);
}

TEST(ModelFields, ValuesAreTakenBack) {
    for (const std::string& preset : ModelConfig::preset_names()) {
        const ModelConfig config = ModelConfig::preset(preset);
        const auto fields = model_field_values(config);
        EXPECT_EQ(fields.size(), model_fields().size());
        ModelConfig copy = config;
        for (const ModelField& f : fields) EXPECT_TRUE(set_model_field(copy, f.name, f.value));
        EXPECT_EQ(copy, config) << preset;
    }
}

}  // namespace
}  // namespace sf
