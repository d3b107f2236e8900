// The page "Why √d": variances and weights on it are those of the runs.
#include "scene.h"

#include "core/run/score_variance.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

namespace sf::test {
namespace {

struct ScalePage : Scene {
    Derived derived;
    explicit ScalePage(TracePtr t) : Scene(std::move(t)) { set("show=scale"); }
    Frame settled() {
        Frame f = frame();
        derived.settle(view.needs(f));
        f.derived = &derived;
        return f;
    }
};

std::string all_texts(const RecordingCanvas& canvas) {
    std::string all;
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::text) all += p.text + "\n";
    return all;
}

// Softmax of the last query's row of the layer on screen, by hand.
double largest_weight(const Trace& trace, bool divided) {
    const Tensor& scores = *trace.find("layers.1.scores");
    const std::int64_t T = scores.shape[2], S = scores.shape[3];
    const double scale = divided ? 1 : 1 / trace.graph->config.softmax_scale();
    double sum = 0, most = -1e300;
    for (std::int64_t s = 0; s < S; ++s) most = std::max(most, scores.at((T - 1) * S + s) * scale);
    for (std::int64_t s = 0; s < S; ++s) sum += std::exp(scores.at((T - 1) * S + s) * scale - most);
    return 1 / sum;
}

TEST(AttentionScale, TellsTheLargestWeights) {
    ScalePage page(small_run());
    const Frame f = page.settled();
    RecordingCanvas canvas(page.area);
    page.view.draw(canvas, f);
    const std::string headline =
        "Undivided one key takes " + format_percent(largest_weight(*page.trace, false)) +
        ", divided by √d " + format_percent(largest_weight(*page.trace, true));
    EXPECT_NE(all_texts(canvas).find(headline), std::string::npos) << headline;
}

TEST(AttentionScale, DescribesTheMeasuredVariances) {
    ScalePage page(small_run());
    const Frame f = page.settled();
    const auto needs = page.view.needs(f);
    ASSERT_EQ(needs.size(), 1u);
    const auto& fresh = *page.derived.find<ScoreVariances>(needs.front().key);
    ASSERT_EQ(fresh.widths.size(), 6u);
    const std::string words = page.view.describe(f);
    for (const ScoreVariance* v : {&fresh.widths.front(), &fresh.widths.back()}) {
        EXPECT_NE(words.find(format_number(v->raw, 3)), std::string::npos);
        EXPECT_NE(words.find(format_number(v->scaled, 3)), std::string::npos);
    }
    // This model's own, over all heads of the layer, by hand.
    const Tensor& scores = *page.trace->find("layers.1.scores");
    const std::int64_t heads = scores.shape[1], T = scores.shape[2], S = scores.shape[3];
    double sum = 0, squares = 0, n = 0;
    for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t t = 0; t < T; ++t)
            for (std::int64_t s = 0; s <= t; ++s, ++n) {
                const double a = scores.at((h * T + t) * S + s);
                sum += a;
                squares += a * a;
            }
    const double variance = squares / n - sum / n * (sum / n);
    EXPECT_NE(words.find("divided " + format_number(variance, 3) + "."), std::string::npos)
        << words;
}

TEST(AttentionScale, PendingAndSettledPagesAreClean) {
    for (const PageSize size : {PageSize{900, 560, 100, false}, PageSize{1280, 720, 200, true},
                                PageSize{2560, 1440, 100, false}, PageSize{360, 300, 100, true}}) {
        ScalePage page(small_run());
        page.theme = size.theme();
        page.area = {0, 0, size.w, size.h};
        for (const Frame& f : {page.frame(), page.settled()}) {
            RecordingCanvas canvas(page.area);
            page.view.draw(canvas, f);
            expect_clean(canvas, std::to_string(size.w) + (f.derived ? " settled" : " pending"));
        }
    }
}

}  // namespace
}  // namespace sf::test
