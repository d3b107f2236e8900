#include "views/attention_draw.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/place.h"
#include "views/registry.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace online;

namespace {

// How can softmax finish without seeing the row twice? One query's scores arrive tile by tile; when
// the maximum rises, what was collected shrinks.
class AttentionView final : public View {
public:
    std::string id() const override { return "attention"; }
    std::string title() const override { return "Attention and online softmax"; }
    std::string group() const override { return "Attention"; }
    std::string lesson() const override {
        return "Softmax divides by a sum over the whole row, and to be safe it first subtracts the "
               "row's maximum: that seems to need the row three times. The online softmax sees it "
               "once. It keeps a running maximum m, a running sum d and a running output o; when a "
               "tile of keys brings a larger score, everything collected so far was e to the "
               "m − m′ too large, so d and o are multiplied by that, and one goes on. At the end "
               "o / d is the same as ever. Drag the dot on a score: make a late one huge and see "
               "what came before it melt away. The causal mask is why the map is a triangle: a "
               "query sees only keys up to itself. Without the division by √d scores grow with the "
               "width of a head and the softmax picks one key only.";
    }
    std::vector<Parameter> parameters(const Frame& frame) const override;
    std::vector<Need> needs(const Frame& frame) const override {
        if (frame.trace == nullptr || setting_text(frame, *this, "show") != "scale") return {};
        return {score_variances(*frame.trace)};
    }
    std::vector<Invariant> invariants(const Frame& frame) const override {
        const RowOrReason made = made_of(frame);
        return made.reason.empty() ? checks(made.row) : std::vector<Invariant>{};
    }
    std::string describe(const Frame& frame) const override {
        const RowOrReason made = made_of(frame);
        if (!made.reason.empty()) return made.reason;
        return description(made.row) + (setting_text(frame, *this, "show") == "scale"
                                            ? " " + scale_words(made.row, frame)
                                            : "");
    }
    void draw(Canvas& canvas, const Frame& frame) const override;

private:
    RowOrReason made_of(const Frame& frame) const;
    static void draw_page(const Page& page, const Rect& area, bool scale);
};

std::vector<Parameter> AttentionView::parameters(const Frame& frame) const {
    double heads = 1024, queries = 1 << 20, keys = 1 << 20;
    if (frame.trace != nullptr) {
        const Nodes n = attention_nodes(*frame.trace->graph, layer_at_cursor(frame));
        if (n.scores != no_node) {
            const Shape s = frame.trace->shape(n.scores);
            if (s.rank == 4) {
                heads = static_cast<double>(s[1]);
                queries = static_cast<double>(s[2]);
                keys = static_cast<double>(s[3]);
            }
        }
    }
    using T = Parameter::Type;
    return {
        {"show",
         T::choice,
         0,
         0,
         {"row", "scale"},
         std::string("row"),
         "The page: one row through the online softmax, or why scores are divided by √d.",
         false},
        {"head",
         T::integer,
         0,
         std::max(0.0, heads - 1),
         {},
         0.0,
         "Which attention head is looked at.",
         false},
        {"query",
         T::integer,
         -1,
         std::max(-1.0, queries - 1),
         {},
         -1.0,
         "Position of the token that asks; −1 follows the chosen token.",
         false},
        {"tile",
         T::integer,
         0,
         keys,
         {},
         0.0,
         "Keys that arrive at once; 0 makes about six tiles, 32 is the model's own size, the whole "
         "row is the plain softmax.",
         false,
         false,
         keys},
        {"order", T::choice, 0, 0, order_names(), std::string("forward"),
         "In which order the tiles arrive: the result does not depend on it, the number of "
         "rescales does.",
         false},
        {"divide",
         T::toggle,
         0,
         1,
         {},
         true,
         "Divides the scores by √d, as the model does.",
         false},
        {"half",
         T::toggle,
         0,
         1,
         {},
         false,
         "Softmax without subtracting the maximum in 16-bit floats: e^a overflows above 11.09.",
         false},
        {"arrived",
         T::integer,
         -1,
         keys,
         {},
         -1.0,
         "How many tiles have arrived; −1 follows the steps of the timeline.",
         false},
        {"key",
         T::integer,
         -1,
         std::max(-1.0, keys - 1),
         {},
         -1.0,
         "Key whose score the dot moves; −1 is the last one that the query sees.",
         true},
        {"push", T::real, -64, 64, {}, 0.0, "What is added to that key's score by hand.", true},
    };
}

RowOrReason AttentionView::made_of(const Frame& frame) const {
    if (frame.trace == nullptr || frame.trace->extent.tokens < 1)
        return {{}, "Nothing has run yet. Type a text and press Enter."};
    const auto whole = [&](const char* name) {
        return static_cast<std::int64_t>(std::llround(setting_number(frame, *this, name)));
    };
    Choice c;
    c.head = whole("head");
    c.query = whole("query");
    c.tile = whole("tile");
    c.order = setting_text(frame, *this, "order");
    c.key = whole("key");
    c.push = setting_number(frame, *this, "push");
    c.divide = setting_bool(frame, *this, "divide");
    c.half = setting_bool(frame, *this, "half");
    c.arrived = whole("arrived");
    return make_row(frame, c);
}

void AttentionView::draw(Canvas& canvas, const Frame& frame) const {
    if (frame.area.w < 64 || frame.area.h < 48) return;
    const RowOrReason made = made_of(frame);
    if (frame.trace == nullptr)
        return draw_empty_page(canvas, *frame.theme, frame.area.inset(16),
                               "Type a text and press Enter",
                               "Scores of one query then arrive tile by tile, and softmax sees "
                               "each only once.");
    if (!made.reason.empty())
        return draw_empty_page(canvas, *frame.theme, frame.area.inset(16), "No row here",
                               made.reason);
    const double s = frame.theme->text_scale;
    const double pad = frame.area.w / s < 700 ? 12 : 24;
    const Page page{canvas, frame, *frame.theme, made.row};
    draw_page(page,
              {frame.area.x + pad, frame.area.y + pad * 0.75, frame.area.w - 2 * pad,
               frame.area.h - 1.5 * pad},
              setting_text(frame, *this, "show") == "scale");
}

// The row in the middle; the two memories go before the maps where there is no room for all.
void AttentionView::draw_page(const Page& page, const Rect& area, bool scale) {
    const Theme& t = page.t;
    const Row& r = page.row;
    const double s = t.text_scale, wide = area.w / s, high = area.h / s;
    double y = area.y;
    const PageTitles titles{
        "attention", {{"row", "One row"}, {"scale", "Why √d"}}, scale ? "scale" : "row"};
    if (high >= 140) {
        const double line = std::ceil(line_height(t.large()));
        const double pages = page_titles_width(page.canvas, t, titles);
        const std::string head = scale ? scale_headline(r) : headline(r);
        const auto style = t.text(t.large(), t.ink, Weight::bold);
        // The pages stand beside the headline, else above it where there is height for them.
        const bool beside = page.canvas.text_width(head, style) + 32 * s + pages <= area.w;
        const bool above = !beside && high >= 320 && pages <= area.w;
        if (above) {
            draw_page_titles(page.canvas, t, {area.x, y}, titles);
            y += page_titles_height(t);
        } else if (beside) {
            draw_page_titles(page.canvas, t, {area.right() - pages, y + 2}, titles);
        }
        text_in(page.canvas, {area.x, y, area.w - (beside ? pages + 32 * s : 0), line}, head,
                style);
        y += line;
    }
    if (high >= 200) {
        const double line = std::ceil(line_height(t.normal()));
        const std::int64_t position = r.query + r.context - r.queries;
        const std::vector<std::string> parts{
            "“" + r.token(position) + "” at " + std::to_string(position) + " asks",
            "head " + std::to_string(r.head) + ", " + r.place,
            std::to_string(r.n) + (r.n == 1 ? " key" : " keys") +
                (scale ? ""
                       : " in " + std::to_string(r.tiles) + (r.tiles == 1 ? " tile" : " tiles") +
                             " of " + std::to_string(r.tile)),
            r.pushed ? "one score moved by hand" : "", r.divided ? "" : "not divided by √d"};
        std::string text;
        const auto soft = t.text(t.normal(), t.ink_soft);
        for (const std::string& part : parts) {
            const std::string longer = text.empty() ? part : text + " · " + part;
            if (part.empty() || page.canvas.text_width(longer, soft) > area.w) continue;
            text = longer;
        }
        text_in(page.canvas, {area.x, y, area.w, line}, text, soft);
        y += line + 12;
    }
    Rect body{area.x, y, area.w, area.bottom() - y};
    if (scale) return draw_scale(page, body);
    const double gap = wide >= 700 ? 24 : 16;
    const bool maps_left = wide >= 800 && body.h / s >= 240;
    if (wide >= 560 && body.h >= slow_height(t)) {
        const double w = std::round(std::clamp(area.w * 0.2, 168 * s, 320 * s) / 8) * 8;
        Rect side{body.right() - w, body.y, w, body.h};
        body.w -= w + gap;
        const double room = side.h - slow_height(t) - 16;
        if (!maps_left && room >= 160 * s) {
            draw_maps(page, {side.x, side.y, side.w, room});
            side.y += room + 16;
        } else if (room >= fast_height(t)) {
            side.y += draw_fast(page, {side.x, side.y, side.w, side.h - slow_height(t) - 16}) + 16;
        }
        draw_slow(page, {side.x, side.y, side.w, slow_height(t)});
    }
    if (maps_left) {
        const double w = std::round(std::clamp(area.w * 0.19, 152 * s, 400 * s) / 8) * 8;
        draw_maps(page, {body.x, body.y, w, body.h});
        body.x += w + gap;
        body.w -= w + gap;
    }
    draw_chart(page, body);
}

}  // namespace

std::unique_ptr<const View> make_attention_view() {
    return std::make_unique<AttentionView>();
}

}  // namespace sf
