// What the staircase shows is what was computed.
#include "mtp_fixture.h"

#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

std::string token_label_of(const Trace& trace, std::int64_t id) {
    return token_label(trace.label(id));
}

// The likeliest token of depth k at a position of sequence b, found again.
struct Best {
    std::int64_t id = 0;
    double p = 0;
};
Best best(const Trace& trace, std::int64_t k, std::int64_t b, std::int64_t i) {
    const Tensor& t = *trace.find(k == 0 ? "probs" : "mtp." + std::to_string(k) + ".probs");
    Best most;
    for (std::int64_t v = 0; v < t.shape[2]; ++v)
        if (const double p = t.at((b * t.shape[1] + i) * t.shape[2] + v); p > most.p) most = {v, p};
    return most;
}

const Hit* cell_hit(const RecordingCanvas& canvas, std::int64_t k, std::int64_t i) {
    return find_hit(canvas,
                    "setting:depth=" + std::to_string(k) + ",position=" + std::to_string(i));
}

TEST(MtpStairs, EveryCellSaysItsPredictionAndWhatIsWritten) {
    for (const auto& kind : {std::function<void(ModelConfig&)>{}, {parallel}}) {
        const TracePtr trace = mtp_run("the cat s", 2, kind, {}, 2);
        const bool chain = !kind;
        for (const std::int64_t b : {0, 1}) {
            MtpPicture p(trace);
            p.frame.cursor.batch = b;
            p.frame.area = {0, 0, 2560, 1440};
            const RecordingCanvas canvas = p.draw();
            for (std::int64_t k = 0; k <= 2; ++k)
                for (std::int64_t i = 0; i < 9; ++i) {
                    const Hit* hit = cell_hit(canvas, k, i);
                    ASSERT_NE(hit, nullptr) << k << " " << i;
                    const auto texts = texts_in(canvas, hit->rect);
                    if (chain && i + k >= 9) {
                        EXPECT_TRUE(holds(texts, "no token " + std::to_string(i + k))) << k << i;
                        continue;
                    }
                    const Best say = best(*trace, k, b, i);
                    EXPECT_TRUE(holds(texts, "“" + token_label_of(*trace, say.id) + "”")) << k << i;
                    EXPECT_TRUE(holds(texts, format_percent(say.p))) << k << i;
                    const std::int64_t at = i + k + 1;
                    if (at >= 9) {
                        EXPECT_TRUE(holds(texts, "to come"));
                    } else {
                        const auto truth = trace->ids[static_cast<std::size_t>(b * 9 + at)];
                        EXPECT_TRUE(holds(
                            texts, truth == say.id ? "as written"
                                                   : "is “" + token_label_of(*trace, truth) + "”"));
                    }
                }
        }
    }
}

// A strip is one row of its tensor, number by number.
void expect_strip(const RecordingCanvas& canvas, const Trace& trace, const std::string& node,
                  std::int64_t first) {
    const Tensor& tensor = *trace.find(node);
    const std::int64_t width = tensor.shape[2];
    double most = 0, squares = 0;
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
        most = std::max(most, std::abs(tensor.at(i)));
        squares += tensor.at(i) * tensor.at(i);
    }
    const ColourScale scale = ColourScale::symmetric(
        std::min(most, 3 * std::sqrt(squares / static_cast<double>(tensor.size()))));
    const Theme theme = Theme::light();
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != node || h.target.first != first || h.rect.w < 200) continue;
        for (const Primitive& p : canvas.primitives()) {
            if (p.kind != Primitive::Kind::image || !(p.rect == h.rect)) continue;
            ASSERT_EQ(p.image->w, width) << node;
            for (std::int64_t c = 0; c < width; ++c)
                EXPECT_EQ(p.image->pixels[static_cast<std::size_t>(c)],
                          scale.colour(theme, tensor.at(first + c)))
                    << node << " " << c;
            return;
        }
    }
    ADD_FAILURE() << "no large strip of " << node << " from " << first;
}

TEST(MtpStairs, TheChosenCellShowsWhatItReadsAndMakes) {
    const TracePtr trace = mtp_run("the cat sat", 2, {}, {}, 2);
    MtpPicture p(trace);
    p.frame.cursor.batch = 1;
    p.set("depth=2");
    p.set("position=5");
    const RecordingCanvas canvas = p.draw();
    const std::int64_t H = trace->graph->config.hidden_size, row = 9 + 5;  // 9 positions a sequence
    expect_strip(canvas, *trace, "mtp.2.embed", row * H);
    expect_strip(canvas, *trace, "mtp.2.previous", row * H);
    expect_strip(canvas, *trace, "mtp.2.concat", row * 2 * H);
    expect_strip(canvas, *trace, "mtp.2.input", row * H);
    EXPECT_TRUE(canvas.has_text("MTP module 2 at “b”"));
    EXPECT_TRUE(canvas.has_text("foretells the token 3 places on"));
    const Tensor& probs = *trace->find("mtp.2.probs");
    const Best say = best(*trace, 2, 1, 5);
    bool found = false;
    for (const Hit& h : canvas.hits())
        if (h.target.node == "mtp.2.probs" && h.target.first == row * probs.shape[2] + say.id)
            found = found || holds(texts_in(canvas, h.rect), format_percent(say.p));
    EXPECT_TRUE(found);

    MtpPicture q(mtp_run("the cat sat", 2, parallel));
    q.set("depth=1");
    q.set("position=4");
    const RecordingCanvas other = q.draw();
    expect_strip(other, *q.trace, "final_norm", 4 * H);
    expect_strip(other, *q.trace, "mtp.1.hidden", 4 * H);
    EXPECT_EQ(find_hit(other, "mtp.1.embed"), nullptr);
    EXPECT_TRUE(other.has_text("parallel heads"));
}

// The tokens that the chosen cell may look at carry a mark.
TEST(MtpStairs, TokensInReachAreMarked) {
    for (const bool chain : {true, false}) {
        MtpPicture p(mtp_run("the cat", 2, chain ? nullptr : parallel));
        p.set("depth=2");
        p.set("position=2");
        const RecordingCanvas canvas = p.draw();
        for (std::int64_t i = 0; i < 7; ++i) {
            const Hit* chip = find_hit(canvas, "setting:position=" + std::to_string(i));
            ASSERT_NE(chip, nullptr);
            const bool marked = std::any_of(
                canvas.primitives().begin(), canvas.primitives().end(), [&](const Primitive& q) {
                    return q.kind == Primitive::Kind::fill_rect && q.rect.h == 2 &&
                           q.colour == p.theme.accent && chip->rect.contains(q.rect.centre());
                });
            EXPECT_EQ(marked, i <= (chain ? 4 : 2)) << i;
        }
    }
}

TEST(MtpStairs, TheTimelineBuildsIt) {
    const TracePtr trace = mtp_run("the cat");
    const auto said = [&](const std::string& step, std::int64_t k, double within = 1) {
        MtpPicture p(trace, step);
        p.frame.cursor.within = within;
        const RecordingCanvas canvas = p.draw();
        return holds(texts_in(canvas, cell_hit(canvas, k, 2)->rect), "%");
    };
    EXPECT_TRUE(said("layers.1.scores", 2));  // a look back at the whole run
    EXPECT_TRUE(said("mtp.1.embed", 0));
    EXPECT_FALSE(said("mtp.1.embed", 1));
    EXPECT_TRUE(said("mtp.1.probs", 1));
    EXPECT_FALSE(said("mtp.1.probs", 2));
    EXPECT_TRUE(said("mtp.2.probs", 2));
    // The step's module is the one looked at; its move is a function of the phase.
    MtpPicture p(trace, "mtp.2.embed");
    EXPECT_TRUE(p.draw().has_text("MTP module 2 at"));
    const RecordingCanvas still = p.draw();
    p.frame.cursor.within = 0.4;
    EXPECT_FALSE(p.draw() == still);
    p.frame.cursor.within = 1;
    EXPECT_TRUE(p.draw() == still);
}

TEST(MtpStairs, LossesOfTheHistory) {
    const TracePtr trace = mtp_run();
    History history(trace->graph->config);
    for (std::int64_t step = 0; step <= 40; step += 10) {
        StepRecord r;
        r.step = step;
        r.loss = 5 - 0.1F * static_cast<float>(step);
        r.mtp_loss = {r.loss + 0.5F, r.loss + 1};
        r.lambda = 0.25F;
        const auto experts = history.layers().size() * static_cast<std::size_t>(history.experts());
        r.load.assign(experts, 0);
        r.bias.assign(experts, 0);
        history.add(r);
    }
    MtpPicture p(trace, "probs", 1600, 900);
    EXPECT_TRUE(p.draw().has_text("No training of this model was recorded"));
    p.frame.history = &history;
    const RecordingCanvas canvas = p.draw();
    // 1 + 0.25 (1.5 + 2) / 2
    EXPECT_TRUE(canvas.has_text("1.00 + 0.25 · (1.50 + 2.00) / 2 = 1.44"));
    EXPECT_TRUE(canvas.has_text("MTP 2"));
    p.set("lambda=1");
    EXPECT_TRUE(p.draw().has_text("= 2.75"));
    EXPECT_NE(p.shown.describe(p.frame).find("of MTP 2 2"), std::string::npos);
}

}  // namespace
}  // namespace sf
