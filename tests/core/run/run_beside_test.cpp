#include "core/run/run_beside.h"

#include "core/text/tokenizer.h"
#include "tests/support/runs.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

std::shared_ptr<const RunBeside> settled(const Need& need, std::string* error = nullptr) {
    const Derived::Entry e = Derived::computed(need, [](double) { return true; });
    if (error) *error = e.error;
    return std::dynamic_pointer_cast<const RunBeside>(e.value);
}

TEST(RunBeside, IsTheOtherModelsOwnRunOfTheText) {
    const ModelPtr own = preset_model("nano", 1), other = preset_model("nano", 2);
    RunOptions options;
    options.attention = AttentionMode::absorbed;
    options.gradients = true;
    const auto rows = std::vector{own->encode("the cat"), own->encode("tac eht")};
    const TracePtr mine = run_trace(own, rows, options);
    const auto beside = settled(run_beside(*mine, other, nullptr, -1));
    ASSERT_NE(beside, nullptr);
    const TracePtr wanted = run_trace(other, rows, options);
    EXPECT_EQ(beside->trace->ids, mine->ids);
    EXPECT_EQ(beside->trace->weights, other->weights);
    EXPECT_EQ(beside->trace->graph->attention, AttentionMode::absorbed);
    for (const char* name : {"logits", "layers.1.router_scores", "grad.layers.0.hidden"})
        EXPECT_EQ(beside->trace->find(name)->real, wanted->find(name)->real) << name;
    EXPECT_NE(beside->trace->find("logits")->real, mine->find("logits")->real);
    EXPECT_EQ(beside->timeline->size(), Timeline(*wanted).size());
    EXPECT_GT(beside->bytes(), 0);
    // The same question is one result; another model, text or way is another.
    EXPECT_EQ(run_beside(*mine, other, nullptr, -1).key, run_beside(*mine, other, nullptr, -1).key);
    EXPECT_NE(run_beside(*mine, own, nullptr, -1).key, run_beside(*mine, other, nullptr, -1).key);
    EXPECT_NE(run_beside(*run_trace(own, rows), other, nullptr, -1).key,
              run_beside(*mine, other, nullptr, -1).key);
}

// Every byte stands for the next one.
class Shifted : public Tokenizer {
public:
    std::int64_t vocab_size() const override { return 256; }
    std::vector<std::int64_t> encode(std::string_view text) const override {
        std::vector<std::int64_t> ids;
        for (const char c : text) ids.push_back((static_cast<unsigned char>(c) + 1) % 256);
        return ids;
    }
    std::string decode(const std::vector<std::int64_t>& ids) const override {
        std::string text;
        for (const std::int64_t id : ids) text += static_cast<char>((id + 255) % 256);
        return text;
    }
    std::string label(std::int64_t id) const override { return text_label(decode({id})); }
};

TEST(RunBeside, ReadsTheTextWhereIdsMeanOtherThings) {
    const TracePtr mine =
        run_trace(preset_model("nano", 1), {preset_model("nano", 1)->encode("abc")});
    auto other = std::make_shared<Model>(*preset_model("nano", 2));
    other->tokenizer = std::make_shared<Shifted>();
    const auto beside = settled(run_beside(*mine, other, nullptr, -1));
    ASSERT_NE(beside, nullptr);
    EXPECT_EQ(beside->trace->ids, (std::vector<std::int64_t>{'b', 'c', 'd'}));
    EXPECT_EQ(beside->trace->tokens, mine->tokens);
}

TEST(RunBeside, WhatDoesNotFitIsSaidInASentence) {
    const TracePtr mine = test::changed_run("the cat");
    auto other = std::make_shared<Model>(*preset_model("nano", 2));
    other->config.max_position_embeddings = 3;
    std::string error;
    EXPECT_EQ(settled(run_beside(*mine, other, nullptr, -1), &error), nullptr);
    EXPECT_NE(error.find("max_position_embeddings"), std::string::npos) << error;
    EXPECT_EQ(settled(run_beside(*mine, other, nullptr, 5), &error), nullptr);
    EXPECT_NE(error.find("nothing was kept"), std::string::npos) << error;
}

TEST(RunBeside, IsTheKeptProbeAtAStepOfTraining) {
    const ModelPtr model = preset_model("nano", 1);
    History history(model->config);
    const TracePtr trace = run_trace(model, {model->encode("abcd")});
    for (const std::int64_t step : {0, 10}) history.add_probe(step, trace);
    const auto kept = std::make_shared<const History>(history);
    const auto beside = settled(run_beside(*trace, model, kept, 12));
    ASSERT_NE(beside, nullptr);
    EXPECT_EQ(beside->trace->trained_step, 10);
    EXPECT_EQ(beside->trace->model_name, model->name);
    EXPECT_EQ(beside->trace->weights, nullptr);
}

}  // namespace
}  // namespace sf
