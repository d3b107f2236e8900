#include "core/run/latent_rank.h"
#include "latent_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sf {
namespace {

TEST(LatentRank, BothSpectraAreThoseOfTheirWeights) {
    const auto run = latent_run("the cat");
    Model twin = *preset_model("nano", 0);
    twin.config.attention_kind = "gqa";
    twin.config.num_key_value_heads = twin.config.num_attention_heads;
    twin.weights = initial_weights(twin.config, 4);
    LatentPicture p(run);
    p.frame.twin = std::make_shared<const Model>(twin);
    p.set("show=rank");
    p.settle();
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("multi-head twin"));
    const auto own = key_value_spectrum(*run->weights, run->graph->config, 1);
    const auto other = key_value_spectrum(*twin.weights, twin.config, 1);
    // Bars of the latent from one axis, a dashed line for the twin, at one scale.
    std::vector<Rect> bars;
    Vec2 begin{1e9, 0};
    for (const Primitive& q : canvas.primitives()) {
        if (q.kind == Primitive::Kind::fill_rect && q.colour == p.theme.meaning(Meaning::latent) &&
            q.rect.y > canvas.frame().h / 2)
            bars.push_back(q.rect);
        if (q.kind == Primitive::Kind::polyline && q.rect.h > 1 &&
            q.colour == p.theme.meaning(Meaning::key) && q.points.front().x < begin.x)
            begin = q.points.front();
    }
    double axis = 0;
    for (const Rect& r : bars) axis = std::max(axis, r.bottom());
    std::erase_if(bars, [&](const Rect& r) { return r.bottom() < axis - 1; });
    ASSERT_EQ(bars.size(), own.size());
    const double unit = bars[0].h / own[0];
    for (std::size_t i = 0; i < own.size(); ++i) EXPECT_NEAR(bars[i].h, own[i] * unit, 0.01) << i;
    EXPECT_NEAR(axis - begin.y, other[0] * unit, 0.01);
    const auto view = find_view("latent-kv");
    EXPECT_NE(view->describe(p.frame).find("multi-head twin"), std::string::npos);
    p.frame.twin = nullptr;
    EXPECT_FALSE(p.draw().has_text("multi-head twin"));
}

}  // namespace
}  // namespace sf
