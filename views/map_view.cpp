#include "core/run/gradients.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/map_context.h"
#include "views/map_flow.h"
#include "views/map_gradient.h"
#include "views/map_side.h"
#include "views/registry.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// The block diagram of the whole model with live pictures, the residual stream, the prediction and
// the logit lens: where am I, what is the shape of everything, what does the model think?
class MapView : public View {
public:
    std::string id() const override { return "map"; }
    std::string title() const override { return "Model map"; }
    std::string group() const override { return "Model"; }

    std::string lesson() const override {
        return "Read the map like a page: tokens become vectors, the residual stream runs along "
               "the "
               "top of each row, and every layer adds to it twice, once from attention (what other "
               "tokens know) and once from its feed-forward part (dense, or a few chosen experts). "
               "After the last layer the head turns each vector into probabilities for the next "
               "token. The logit lens asks the same head after every layer: watch where its answer "
               "settles. MTP modules reuse embedding and head, drawn dashed, to look further "
               "ahead. "
               "With gradients recorded the walk goes on, back from the loss along the same lines: "
               "each box then shows its gradient and how large it is. An addition hands the "
               "gradient on to both sides, and where the stream branches off both are added: that "
               "keeps it from vanishing in a deep stack. "
               "Click a token to follow it, a box to go there.";
    }

    std::vector<Parameter> parameters(const Frame& frame) const override {
        using Type = Parameter::Type;
        double heads = 1;
        if (frame.trace != nullptr)
            heads = static_cast<double>(frame.trace->graph->config.num_attention_heads);
        std::vector<Parameter> all;
        all.push_back({"head",
                       Type::integer,
                       0,
                       std::max(0.0, heads - 1),
                       {},
                       0.0,
                       "Which attention head is pictured.",
                       false});
        all.push_back(
            {"values",
             Type::choice,
             0,
             0,
             {"activations", "norm", "change"},
             std::string("activations"),
             "What the residual strips show: the channels themselves, the length of each "
             "state, or the length of what each layer adds; on the way back of gradients.",
             false});
        all.push_back({"lens",
                       Type::toggle,
                       0,
                       1,
                       {},
                       true,
                       "Shows what the head would say after each layer.",
                       false});
        all.push_back({"zoom", Type::real, 1, 8, {}, 1.0, "How large the diagram is.", true});
        all.push_back({"pan_x",
                       Type::real,
                       -20000,
                       20000,
                       {},
                       0.0,
                       "How far the diagram is moved to the right, in pixels.",
                       true});
        all.push_back({"pan_y",
                       Type::real,
                       -20000,
                       20000,
                       {},
                       0.0,
                       "How far the diagram is moved down, in pixels.",
                       true});
        return all;
    }

    std::vector<Invariant> invariants(const Frame& frame) const override {
        if (frame.trace == nullptr) return {};
        const MapModel model(*frame.trace->graph);
        return map_invariants(context(frame, model));
    }

    std::string describe(const Frame& frame) const override {
        if (frame.trace == nullptr) return "Nothing has run yet. Type a text and press Enter.";
        const MapModel model(*frame.trace->graph);
        return map_description(context(frame, model));
    }

    void draw(Canvas& canvas, const Frame& frame) const override {
        const Theme& t = *frame.theme;
        const Rect area = frame.area;
        if (frame.trace == nullptr || frame.trace->extent.tokens < 1) {
            draw_empty(canvas, t, area);
            return;
        }
        const MapModel model(*frame.trace->graph);
        const MapContext c = context(frame, model);
        const double s = t.text_scale, pad = area.w / s < 700 ? 12 : 24, gap = pad;
        const double wide = area.w / s, high = area.h / s;

        Rect left{area.x + pad, area.y + pad * 0.75, area.w - 2 * pad, area.h - 1.5 * pad};
        const bool guesses = wide >= 560 && high >= 180;
        if (guesses) {
            const double w = std::round(std::clamp(area.w * 0.18, 176 * s, 320 * s) / 8) * 8;
            const Rect side{left.right() - w, left.y, w, left.h};
            if (c.backward)
                draw_back_side(canvas, c, side);
            else
                draw_predictions(canvas, c, side);
            canvas.fill_rect({left.right() - w - gap / 2, left.y, 1, left.h}, t.hairline);
            left.w -= w + gap;
        }
        double y = left.y + draw_caption(canvas, c, {left.x, left.y, left.w, 0}, !guesses) + 8;
        if (high >= 260) {
            draw_tokens(canvas, c, {left.x, y, left.w, chip_height(t)});
            y += chip_height(t) + 16;
        }
        Rect flow{left.x, y, left.w, left.bottom() - y};
        if (wide >= 900 && flow.h / s >= 160) {
            const double w = std::round(std::clamp(area.w * 0.1, 120 * s, 240 * s) / 8) * 8;
            draw_stream(canvas, c, {flow.x, flow.y, w, flow.h});
            flow.x += w + gap;
            flow.w -= w + gap;
        }
        if (flow.w < 40 || flow.h < 20) return;
        draw_diagram(canvas, c, flow);
    }

private:
    MapContext context(const Frame& frame, const MapModel& model) const {
        const Trace& trace = *frame.trace;
        MapContext c{frame, trace, *trace.graph, *frame.theme, model};
        if (frame.timeline != nullptr && frame.timeline->size() > 0) {
            c.step = &(*frame.timeline)[std::clamp<std::int64_t>(frame.cursor.step, 0,
                                                                 frame.timeline->size() - 1)];
            c.current = c.step->node;
            c.current_band = model.band_of(c.current);
            c.backward = c.step->kind == Step::Kind::gradient;
            if (c.backward) {
                c.gradients = gradient_scale(back_stations(trace, model));
                c.reached = reached_by_loss(c.graph, trace.loss);
            }
        }
        c.batch = std::clamp<std::int64_t>(frame.cursor.batch, 0,
                                           std::max<std::int64_t>(0, trace.extent.batch - 1));
        const std::int64_t last = trace.extent.tokens - 1;
        c.token = frame.cursor.token < 0 ? last : std::min(frame.cursor.token, last);
        c.head = static_cast<std::int64_t>(std::lround(setting_number(frame, *this, "head")));
        c.values = setting_text(frame, *this, "values");
        if (const NodeId hovered = trace.graph->find(frame.hover_node);
            hovered != no_node && frame.hover_index >= 0 &&
            frame.hover_index < trace.shape(hovered).size())
            c.inputs = explain(trace, hovered, frame.hover_index).cells;
        c.lens = setting_bool(frame, *this, "lens");
        c.zoom = setting_number(frame, *this, "zoom");
        c.pan = {setting_number(frame, *this, "pan_x"), setting_number(frame, *this, "pan_y")};
        return c;
    }

    static void draw_empty(Canvas& canvas, const Theme& t, const Rect& area) {
        const Vec2 middle = area.centre();
        const Rect line{area.x + 16, middle.y - line_height(t.large()), area.w - 32,
                        line_height(t.large())};
        text_in(canvas, line, "Type a text and press Enter",
                t.text(t.large(), t.ink, Weight::bold, Align::centre));
        text_in(canvas, {line.x, line.bottom(), line.w, line_height(t.normal())},
                "The map then shows every operation of the model on it.",
                t.text(t.normal(), t.ink_soft, Weight::regular, Align::centre));
    }

    // Laid out at zoom 1, then moved as a whole, so that what is under the pointer stays there;
    // only what is inside the boxes uses the room gained.
    static void draw_diagram(Canvas& canvas, const MapContext& c, const Rect& area) {
        Flow flow = layout_flow(canvas, c, area);
        if (c.zoom == 1 && c.pan == Vec2{}) {
            draw_flow(canvas, c, flow);
            return;
        }
        const Vec2 centre = c.frame.area.centre();
        const auto move = [&](Vec2 p) { return centre + c.pan + (p - centre) * c.zoom; };
        const auto move_rect = [&](Rect& r) {
            const Vec2 corner = move({r.x, r.y});
            r = {corner.x, corner.y, r.w * c.zoom, r.h * c.zoom};
        };
        for (auto& b : flow.boxes) move_rect(b.r);
        for (auto& l : flow.labels) move_rect(l.r);
        for (auto& a : flow.adds) a.at = move(a.at);
        for (auto& a : flow.forks) a.at = move(a.at);
        for (auto& l : flow.lines)
            for (Vec2& p : l.path) p = move(p);
        MapContext zoomed = c;
        zoomed.theme.text_scale *= std::sqrt(c.zoom);
        draw_flow(canvas, zoomed, flow);
    }
};

}  // namespace

std::unique_ptr<const View> make_map_view() {
    return std::make_unique<MapView>();
}

}  // namespace sf
