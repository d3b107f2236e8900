// The page "scaling" of the view "RoPE": the losses on it are those that were measured.
#include "rope_fixture.h"

#include "core/run/scaling_loss.h"
#include "core/text/corpus.h"
#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sf {
namespace {

History generated_history(const ModelConfig& config, std::int64_t row_tokens) {
    History history(config);
    for (const CorpusKind& kind : corpus_kinds()) history.about.corpora.push_back(kind.id);
    history.about.row_tokens = row_tokens;
    return history;
}

// A model with text, as a run of training leaves it.
TracePtr readable_run() {
    const ModelPtr model = preset_model("nano", 3);
    return run_trace(model, {model->encode("the cat sat")});
}

std::vector<std::string> texts(const RecordingCanvas& canvas) {
    std::vector<std::string> all;
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::text) all.push_back(p.text);
    return all;
}
bool has(const std::vector<std::string>& all, const std::string& part) {
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& t) { return t.find(part) != std::string::npos; });
}

TEST(RopeLosses, AreTheMeasuredOnes) {
    RopePicture p(readable_run());
    const History history = generated_history(p.trace->graph->config, 24);
    p.frame.history = &history;
    p.set("show=scaling");
    p.set("factor=3");
    const auto needs = RopePicture::view().needs(p.frame);
    ASSERT_EQ(needs.size(), 1u);
    EXPECT_TRUE(has(texts(p.draw()), "Reading held-out text with each way"));
    p.settle();
    ASSERT_EQ(p.derived.entry(needs.front().key)->error, "");
    const auto& all = *p.derived.find<ScalingLosses>(needs.front().key);
    EXPECT_EQ(all.trained, 24);
    EXPECT_EQ(all.length, 72);

    const RecordingCanvas canvas = p.draw();
    const auto drawn = texts(canvas);
    const std::string words = RopePicture::view().describe(p.frame);
    for (const auto& m : all.methods) {
        EXPECT_TRUE(has(
            drawn, "loss " + format_fixed(m.within, 2) + ", beyond " + format_fixed(m.beyond, 2)))
            << m.type;
        EXPECT_NE(words.find(format_fixed(m.beyond, 3)), std::string::npos) << m.type;
    }
    EXPECT_TRUE(has(drawn, "beyond 24"));
    EXPECT_TRUE(has(drawn, "trained length 24 tokens, the rows of its training"));
    // The curves go through the measured bands: heights in proportion to the losses. (Those of
    // "none" and "linear" are dashed, in pieces.)
    for (const std::size_t at : {std::size_t{2}, std::size_t{3}}) {
        const auto& m = all.methods[at];
        int found = 0;
        for (const Primitive& line : canvas.primitives()) {
            if (line.points.size() != m.loss.size()) continue;
            const auto y = [&](std::size_t i) { return line.points[i].y; };
            const auto hi = static_cast<std::size_t>(
                std::max_element(m.loss.begin(), m.loss.end()) - m.loss.begin());
            const auto lo = static_cast<std::size_t>(
                std::min_element(m.loss.begin(), m.loss.end()) - m.loss.begin());
            const double scale = (y(lo) - y(hi)) / (m.loss[hi] - m.loss[lo]);
            bool same = scale > 0;
            for (std::size_t i = 0; i < m.loss.size(); ++i)
                same = same && std::abs(y(i) - (y(lo) - scale * (m.loss[i] - m.loss[lo]))) < 0.05;
            found += same ? 1 : 0;
        }
        EXPECT_EQ(found, 1) << m.type;
    }
}

TEST(RopeLosses, SayWhyThereAreNone) {
    RopePicture p(readable_run());
    p.set("show=scaling");
    p.settle();
    EXPECT_TRUE(has(texts(p.draw()), "the text that this model was trained on is not at hand"));
    p.set("factor=1");
    EXPECT_TRUE(RopePicture::view().needs(p.frame).empty());
}

}  // namespace
}  // namespace sf
