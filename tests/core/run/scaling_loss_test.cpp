#include "core/run/scaling_loss.h"

#include "core/model/model.h"
#include "core/run/runner.h"
#include "core/text/corpus.h"
#include "core/text/tokenizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

namespace sf {
namespace {

std::vector<std::string> generated() {
    std::vector<std::string> labels;
    for (const CorpusKind& kind : corpus_kinds()) labels.push_back(kind.id);
    return labels;
}

TracePtr trace_of(const ModelPtr& model) {
    return run_trace(model, {model->encode("the cat")});
}

Derived::Entry measured(const TracePtr& trace, std::int64_t trained, double factor,
                        const std::vector<std::string>& corpora = generated()) {
    return Derived::computed(scaling_losses(*trace, corpora, trained, factor),
                             [](double) { return true; });
}

TEST(ScalingLoss, MeasuresEachWayOnTheSameRows) {
    const auto trace = trace_of(preset_model("nano", 2));
    const auto entry = measured(trace, 32, 3);
    ASSERT_EQ(entry.error, "");
    const auto& all = dynamic_cast<const ScalingLosses&>(*entry.value);
    EXPECT_EQ(all.length, 96);
    ASSERT_EQ(all.methods.size(), 4u);
    const std::size_t bands = all.begin.size();
    for (const auto& m : all.methods) {
        ASSERT_EQ(m.loss.size(), bands);
        // Bands of one length: their mean is the mean of the two parts.
        double mean = 0;
        for (const double l : m.loss) mean += l / static_cast<double>(bands);
        EXPECT_NEAR(mean, (m.within + 2 * m.beyond) / 3, 1e-6) << m.type;
        EXPECT_GT(mean, 1);
    }
    EXPECT_NE(all.methods[0].beyond, all.methods[1].beyond);
    EXPECT_NE(all.methods[1].beyond, all.methods[2].beyond);
    EXPECT_NE(all.methods[2].beyond, all.methods[3].beyond);
}

// What "none" measures is the model's own loss.
TEST(ScalingLoss, WithoutScalingIsTheModelItself) {
    const ModelPtr model = preset_model("nano", 2);
    const auto entry = measured(trace_of(model), 24, 2);
    ASSERT_EQ(entry.error, "");
    const auto& all = dynamic_cast<const ScalingLosses&>(*entry.value);
    double nats = 0;
    for (std::int64_t r = 0; r < all.rows; ++r) {
        std::vector<std::int64_t> ids;
        for (std::uint64_t d = 0; static_cast<std::int64_t>(ids.size()) < all.length + 1; ++d) {
            const auto more =
                model->tokenizer->encode(corpus_document(CorpusMix(), 0, CorpusPart::held_out,
                                                         (static_cast<std::uint64_t>(r) << 20) + d)
                                             .text);
            ids.insert(ids.end(), more.begin(), more.end());
            ids.push_back(model->config.eos_token_id);
        }
        ids.resize(static_cast<std::size_t>(all.length + 1));
        RunOptions options;
        options.gradients = true;
        const auto run = run_trace(model, {ids}, options);
        nats += run->find("loss")->at(0) / static_cast<double>(all.rows);
    }
    EXPECT_NEAR((all.methods[0].within + all.methods[0].beyond) / 2, nats, 1e-5);
}

TEST(ScalingLoss, SaysWhyItCannot) {
    const auto trace = trace_of(preset_model("nano", 2));
    EXPECT_EQ(measured(trace, 32, 1).error,
              "nothing lies beyond the trained length at this factor");
    EXPECT_EQ(measured(trace, 32, 2, {"novel.txt"}).error,
              "the text that this model was trained on is not at hand");
    EXPECT_EQ(measured(trace, 4096, 2).error,
              "rows of 8192 tokens are longer than the 4096 that are measured");
    auto file = std::make_shared<Trace>(*trace);
    file->weights = nullptr;
    EXPECT_EQ(measured(file, 32, 2).error, "a saved trace holds no weights to run with");
}

}  // namespace
}  // namespace sf
