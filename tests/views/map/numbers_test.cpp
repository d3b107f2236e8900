#include "map_fixture.h"

#include "core/run/edited_run.h"
#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace sf {
namespace {

// Compares a picture with a trace: each heat map's colours with those of the cells that its hit
// names, each probability in figures with the value of its cell, each chip with its token.
// Returns what differs, in words.
std::vector<std::string> compare(const RecordingCanvas& canvas, const Trace& trace,
                                 const Theme& theme, std::int64_t& checked) {
    std::vector<std::string> wrong;
    const auto& prims = canvas.primitives();
    for (const Hit& hit : canvas.hits()) {
        const Target& t = hit.target;
        if (t.node == "token") continue;
        const Tensor* tensor = trace.find(t.node);
        if (tensor == nullptr) {
            wrong.push_back(t.node + " is no tensor");
            continue;
        }
        const auto cell = [&](std::int64_t r, std::int64_t c) {
            return t.first + r * t.row_stride + c * t.col_stride;
        };
        if (cell(t.rows - 1, t.cols - 1) >= tensor->size()) {
            wrong.push_back(t.node + " has no cell " +
                            std::to_string(cell(t.rows - 1, t.cols - 1)));
            continue;
        }
        // A heat map: an image in the same place, one pixel a cell.
        const auto image = std::find_if(prims.begin(), prims.end(), [&](const Primitive& p) {
            return p.kind == Primitive::Kind::image && p.rect == hit.rect;
        });
        if (image != prims.end() && image->image->w == t.cols && image->image->h == t.rows) {
            // The scale is not drawn, but equal values have equal colours and order is kept: the
            // fitted scale is rebuilt from the cells.
            std::vector<double> values;
            for (std::int64_t r = 0; r < t.rows; ++r)
                for (std::int64_t c = 0; c < t.cols; ++c) values.push_back(tensor->at(cell(r, c)));
            auto scale = ColourScale::fit(values);
            if (t.node.ends_with("attn_probs")) scale = ColourScale::range(0, 1);
            for (std::int64_t i = 0; i < t.rows * t.cols; ++i) {
                const Colour drawn = image->image->pixels[static_cast<std::size_t>(i)];
                if (drawn.a == 0) continue;  // above the diagonal
                ++checked;
                if (!(drawn == scale.colour(theme, values[static_cast<std::size_t>(i)])))
                    wrong.push_back(t.node + " cell " + std::to_string(i));
            }
        }
        // A bar of a list: its number stands in the same row.
        if (t.rows == 1 && t.cols == 1 && t.node.ends_with("probs") && t.first > 0) {
            const std::string number = format_percent(tensor->at(t.first));
            const std::string label =
                token_label(trace.label(t.first % tensor->shape[tensor->shape.rank - 1]));
            bool has_number = false, has_label = false, row = false;
            for (const Primitive& p : prims) {
                if (p.kind != Primitive::Kind::text || !hit.rect.contains(p.rect.centre()))
                    continue;
                row = row || p.text.ends_with("%");
                has_number = has_number || p.text == number;
                has_label = has_label || p.text == label;
            }
            if (!row) continue;  // the hit of a box
            ++checked;
            if (!has_number) wrong.push_back(t.node + ": " + number + " is not there");
            if (!has_label) wrong.push_back(t.node + ": " + label + " is not there");
        }
    }
    return wrong;
}

TEST(MapNumbers, WhatIsDrawnIsWhatWasComputed) {
    const TracePtr trace = map_run("the cat", 3, 1, {}, {}, 2);
    const Timeline timeline(*trace);
    std::int64_t checked = 0;
    for (std::int64_t i = 0; i < timeline.size(); i += 5)
        for (const std::int64_t batch : {0, 1}) {
            MapPicture p(trace, timeline[i].name, 2560, 1440);
            p.frame.cursor.batch = batch;
            p.frame.cursor.token = i % 7;
            p.settings["head"] = static_cast<double>(i % 4);
            const auto wrong = compare(p.draw(), *trace, p.theme, checked);
            EXPECT_EQ(wrong, std::vector<std::string>{}) << timeline[i].name;
        }
    EXPECT_GT(checked, 10000);
}

// The comparison itself must see a picture that shows other numbers than the trace's.
TEST(MapNumbers, APerturbedTraceIsNoticed) {
    const TracePtr trace = map_run();
    const MapPicture p(trace, "layers.1.kv_latent", 2560, 1440);
    const RecordingCanvas canvas = p.draw();
    std::int64_t checked = 0;
    ASSERT_EQ(compare(canvas, *trace, p.theme, checked), std::vector<std::string>{});
    for (const char* node :
         {"probs", "layers.1.kv_latent", "layers.0.attn_probs", "layers.2.lens_probs"}) {
        Trace other = *trace;
        const NodeId id = trace->graph->find(node);
        auto changed = std::make_shared<Tensor>(*trace->find(id));
        // The largest entry of the last row of what is pictured (attention: of the first head).
        const auto end =
            changed->shape.rank == 4 ? changed->real.begin() + 11 * 11 : changed->real.end();
        *std::max_element(end - changed->shape.cols(), end) *= 0.5F;
        other.keep(id, changed, 0);
        EXPECT_FALSE(compare(canvas, other, p.theme, checked).empty()) << node;
    }
}

TEST(MapNumbers, TheStripShowsTheStream) {
    const TracePtr trace = map_run("the cat sat", 3, 0);
    const MapPicture p(trace, "ids", 2560, 1440);
    const RecordingCanvas canvas = p.draw();
    std::vector<const Hit*> strips;
    for (const Hit& h : canvas.hits())
        if (h.target.row_stride == 1 && h.target.rows == 48 && h.target.cols == 11)
            strips.push_back(&h);
    ASSERT_EQ(strips.size(), 4U);  // the embedding and three layers
    // Each at its own scale, which is told.
    for (const Hit* h : strips) {
        double limit = 0;
        for (const Real v : trace->find(h->target.node)->real)
            limit = std::max(limit, std::abs(static_cast<double>(v)));
        const auto scale = ColourScale::symmetric(limit);
        EXPECT_TRUE(canvas.has_text("±" + format_number(limit, 2))) << h->target.node;
        for (const Primitive& image : canvas.primitives()) {
            if (image.kind != Primitive::Kind::image || !(image.rect == h->rect)) continue;
            ASSERT_EQ(image.image->w, 11);
            ASSERT_EQ(image.image->h, 48);
            for (std::int64_t channel = 0; channel < 48; ++channel)
                for (std::int64_t token = 0; token < 11; ++token)
                    EXPECT_EQ(image.image->pixels[static_cast<std::size_t>(channel * 11 + token)],
                              scale.colour(p.theme,
                                           value_at(*trace, h->target.node, {0, token, channel})));
        }
    }
}

TEST(MapNumbers, EveryOperationHasAPlaceAndItsShape) {
    const TracePtr trace = map_run();
    const Timeline timeline(*trace);
    for (std::int64_t i = 0; i < timeline.size(); ++i) {
        const MapPicture p(trace, timeline[i].name);
        const RecordingCanvas canvas = p.draw();
        const std::string node = (*trace->graph)[timeline[i].node].name;
        const auto& hits = canvas.hits();
        EXPECT_TRUE(std::any_of(hits.begin(), hits.end(), [&](const Hit& h) {
            return h.target.node == node;
        })) << node;
        EXPECT_TRUE(canvas.has_text("shape " + to_string(trace->find(node)->shape))) << node;
        // Lit: something in the accent around or on the operation.
        EXPECT_TRUE(std::any_of(canvas.primitives().begin(), canvas.primitives().end(),
                                [&](const Primitive& s) {
                                    return s.kind == Primitive::Kind::stroke_rect &&
                                           s.colour == p.theme.accent && s.width == 2;
                                }))
            << node;
    }
}

// Losses are boxes too, and the way back lights the boxes of the way there.
TEST(MapNumbers, AGradientHasThePlaceOfItsOperation) {
    RunOptions options;
    options.gradients = true;
    const TracePtr trace = map_run("the cat sat", 3, 1, {}, options);
    const Timeline timeline(*trace);
    for (std::int64_t i = 0; i < timeline.size(); i += 2) {
        const Step& step = timeline[i];
        const MapPicture p(trace, step.name);
        const RecordingCanvas canvas = p.draw();
        const std::string& name = (*trace->graph)[step.node].name;
        const std::string node = step.kind == Step::Kind::gradient ? gradient_name(name) : name;
        const auto& hits = canvas.hits();
        EXPECT_TRUE(std::any_of(hits.begin(), hits.end(), [&](const Hit& h) {
            return h.target.node == node;
        })) << step.name;
        EXPECT_TRUE(canvas.has_text("shape " + to_string(trace->shape(step.node)))) << step.name;
        EXPECT_EQ(canvas.has_text(" · backward"), step.kind == Step::Kind::gradient) << step.name;
        EXPECT_TRUE(canvas.has_text(step.title)) << step.name;
        const std::string described = MapPicture::view().describe(p.frame);
        if (step.kind == Step::Kind::gradient) {
            EXPECT_NE(described.find(step.sentence), std::string::npos) << described;
        }
        for (const Invariant& held : MapPicture::view().invariants(p.frame))
            EXPECT_TRUE(held.holds) << held.name << ": " << held.figure;
    }
}

TEST(MapNumbers, ChipsAreTheTokens) {
    const TracePtr trace = map_run("a cat");
    MapPicture p(trace, "ids");
    p.frame.cursor.token = 2;
    const RecordingCanvas canvas = p.draw();
    std::int64_t next = 0;
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != "token") continue;
        EXPECT_EQ(h.target.first, next);
        bool named = false;
        for (const Primitive& t : canvas.primitives())
            named = named || (t.kind == Primitive::Kind::text && h.rect.contains(t.rect.centre()) &&
                              t.text == token_label(trace->tokens[static_cast<std::size_t>(next)]));
        EXPECT_TRUE(named) << next;
        ++next;
    }
    EXPECT_EQ(next, 5);
    EXPECT_TRUE(canvas.has_text("position 2"));
}

TEST(MapNumbers, HoveringACellLightsItAndItsInputs) {
    const TracePtr trace = map_run();
    MapPicture p(trace, "layers.1.q_latent", 2560, 1440);
    const auto strokes = [](const RecordingCanvas& canvas) {
        return std::count_if(
            canvas.primitives().begin(), canvas.primitives().end(),
            [](const Primitive& s) { return s.kind == Primitive::Kind::stroke_rect; });
    };
    const auto before = strokes(p.draw());
    p.frame.hover_node = "layers.1.attn_out";
    p.frame.hover_index = 3 * 48 + 5;
    const RecordingCanvas canvas = p.draw();
    EXPECT_GE(strokes(canvas), before + 3);  // the cell twice (a dark and a light line), its inputs
    // Token 3's row of the head outputs is what it was made from.
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != "layers.1.heads" || h.target.rows != 11) continue;
        const double row = h.rect.h / 11;
        EXPECT_TRUE(std::any_of(
            canvas.primitives().begin(), canvas.primitives().end(), [&](const Primitive& s) {
                return s.kind == Primitive::Kind::stroke_rect &&
                       std::abs(s.rect.y - h.rect.y - 3 * row) < 0.01 &&
                       std::abs(s.rect.w - h.rect.w) < 0.01 && std::abs(s.rect.h - row) < 0.01;
            }));
    }
}

TEST(MapInvariants, LeaveOutWhatWasSetByHand) {
    const TracePtr base = map_run();
    for (const char* node : {"layers.1.hidden", "layers.1.attn_residual", "layers.1.attn_out",
                             "probs", "layers.0.lens_probs", "logits"}) {
        const Need need = edited_run(base, {read_edit(*base, std::string(node) + "[3]=0.9")});
        Derived derived;
        derived.settle({need});
        MapPicture p(derived.find<EditedRun>(need.key)->run);
        for (const Invariant& i : p.view().invariants(p.frame))
            EXPECT_TRUE(i.holds) << node << ": " << i.name << ": " << i.figure;
    }
}

TEST(MapInvariants, HoldOnATrueRun) {
    for (const std::int64_t modules : {0, 1, 2}) {
        const MapPicture p(map_run("the cat sat", 3, modules));
        const auto all = p.view().invariants(p.frame);
        EXPECT_EQ(all.size(), 4U);
        for (const Invariant& i : all) {
            EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
            EXPECT_EQ(i.figure.find("not in"), std::string::npos) << i.name;
        }
    }
}

TEST(MapInvariants, FailWhenANumberIsBroken) {
    const TracePtr trace = map_run();
    const auto broken = [&](const std::string& node, auto&& change) {
        auto other = std::make_shared<Trace>(*trace);
        auto tensor = std::make_shared<Tensor>(*trace->find(node));
        change(*tensor);
        other->keep(trace->graph->find(node), tensor, 0);
        const MapPicture p(other);
        std::vector<bool> holds;
        for (const Invariant& i : p.view().invariants(p.frame)) holds.push_back(i.holds);
        return holds;
    };
    const auto last = [](Tensor& t) { t.real.back() += 0.01F; };
    EXPECT_FALSE(broken("logits", last)[0]);
    EXPECT_FALSE(broken("probs", last)[3]);
    EXPECT_FALSE(broken("layers.2.hidden", last)[2]);
    EXPECT_FALSE(broken("layers.1.attn_out", last)[2]);
    EXPECT_FALSE(broken("layers.0.q", [](Tensor& t) { t.shape = {1, 11, 80}; })[1]);
}

TEST(MapDescription, NamesWhatIsThere) {
    const TracePtr trace = map_run("the cat sat");
    MapPicture p(trace, "layers.1.kv_latent");
    p.frame.cursor.token = 4;
    const std::string text = p.view().describe(p.frame);
    const Tensor& probs = *trace->find("probs");
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < probs.shape[2]; ++i)
        if (value_at(*trace, "probs", {0, 4, i}) > value_at(*trace, "probs", {0, 4, best}))
            best = i;
    for (const std::string& part :
         {std::string("untrained"), std::string("Latent KV"), std::string("(1, 11, 24)"),
          std::string("Layer 1"), std::string("token 4 “c”"), "“" + trace->label(best) + "”",
          format_percent(value_at(*trace, "probs", {0, 4, best}))})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST(MapSettings, AreDeclaredAndRefuseNonsense) {
    const MapPicture p(map_run());
    Settings s;
    for (const char* good : {"zoom=2.5", "head=3", "lens=false", "values=norm", "pan_x=-40"})
        EXPECT_NO_THROW(set_setting(s, p.view(), p.frame, good)) << good;
    EXPECT_EQ(s.size(), 5U);
    set_setting(s, p.view(), p.frame, "lens=true");
    EXPECT_EQ(s.size(), 4U);  // the default is not kept
    for (const char* bad : {"zoom=0", "zoom=nan", "head=4", "head=1.5", "values=other", "nothing=1",
                            "lens=maybe", "zoom", "=1"})
        EXPECT_ANY_THROW(set_setting(s, p.view(), p.frame, bad)) << bad;
}

TEST(MapSettings, EveryOneChangesThePicture) {
    const TracePtr trace = map_run();
    MapPicture p(trace, "layers.1.attn_probs");
    const RecordingCanvas plain = p.draw();
    for (const char* change : {"zoom=2", "head=2", "lens=false", "values=norm", "values=change",
                               "pan_x=30", "pan_y=9"}) {
        p.settings.clear();
        set_setting(p.settings, p.view(), p.frame, change);
        const RecordingCanvas other = p.draw();
        EXPECT_FALSE(other == plain) << change;
        EXPECT_EQ(other.outside(), std::vector<std::string>{}) << change;
        EXPECT_EQ(other.overlapping_texts(), std::vector<std::string>{}) << change;
    }
}

}  // namespace
}  // namespace sf
