#include "views/map_side.h"

#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/map_gradient.h"
#include "views/map_picture.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

struct BarRow {
    std::string name;  // left of the bar; may be empty
    std::string label;
    double p = 0;
    double before = -1;  // without what was set by hand; -1: nothing was
    std::string number;
    Colour colour;
    bool strong = false, mark = false;  // mark: a dot behind the number
    Target target;
    bool hovered = false;
};

// Columns that all rows of a list share.
struct BarColumns {
    double name = 0, label = 0, number = 0, mark = 0;
};

void draw_bar_row(Canvas& canvas, const MapContext& c, const Rect& r, const BarColumns& columns,
                  const BarRow& row, double top) {
    const Theme& t = c.theme;
    const Weight weight = row.strong ? Weight::bold : Weight::regular;
    double x = r.x;
    if (columns.name > 0) {
        text_in(canvas, {x, r.y, columns.name, r.h}, row.name,
                t.text(t.small(), row.strong ? t.ink : t.ink_soft, weight));
        x += columns.name + 8;
    }
    text_in(canvas, {x, r.y, columns.label, r.h}, row.label, t.text(t.normal(), t.ink, weight));
    x += columns.label + 8;
    const double end = r.right() - columns.mark;
    if (row.mark) draw_circle(canvas, {r.right() - 4, r.y + r.h / 2}, 3.5, t.accent);
    text_in(canvas, {end - columns.number, r.y, columns.number, r.h}, row.number,
            t.text(t.small(), row.strong ? t.ink : t.ink_soft, weight, Align::right));
    const double room = end - columns.number - 8 - x;
    if (room >= 6) {
        const double h = std::min(r.h - 4, 12 * t.text_scale), y = r.y + (r.h - h) / 2;
        canvas.fill_rect({x, y, room, h}, t.grid, 2);
        const double w =
            top > 0 && std::isfinite(row.p) ? room * std::clamp(row.p / top, 0.0, 1.0) : 0;
        canvas.fill_rect({x, y, std::max(1.0, w), h}, row.colour,
                         std::min(2.0, std::max(1.0, w) / 2));
        if (row.before >= 0 && top > 0) {
            const double at = x + room * std::clamp(row.before / top, 0.0, 1.0);
            canvas.fill_rect({at - 1, y - 2, 2, h + 4}, t.accent);
        }
    }
    if (!row.target.node.empty()) canvas.hit(r, row.target);
    if (row.hovered) canvas.stroke_rect(r, t.ink, 1.5, 2);
}

double heading(Canvas& canvas, const MapContext& c, const Rect& r, const std::string& text,
               const std::string& detail) {
    const Theme& t = c.theme;
    const double line = line_height(t.normal()), under = line_height(t.small());
    text_in(canvas, {r.x, r.y, r.w, line}, text, t.text(t.normal(), t.ink, Weight::bold));
    if (detail.empty()) return line + 4;
    text_in(canvas, {r.x, r.y + line, r.w, under}, detail, t.text(t.small(), t.ink_soft));
    return line + under + 6;
}

bool hovers(const MapContext& c, const std::string& node, std::int64_t index) {
    return c.frame.hover_node == node && c.frame.hover_index == index;
}

double widest(const Canvas& canvas, const std::vector<BarRow>& rows, const TextStyle& style,
              std::string BarRow::*member) {
    double w = 0;
    for (const BarRow& row : rows) w = std::max(w, canvas.text_width(row.*member, style));
    return std::ceil(w);
}

void draw_list(Canvas& canvas, const MapContext& c, const Rect& r, double line,
               const std::vector<BarRow>& rows, double top) {
    const Theme& t = c.theme;
    BarColumns columns;
    columns.name = widest(canvas, rows, t.text(t.small(), t.ink, Weight::bold), &BarRow::name);
    columns.label = std::min(
        widest(canvas, rows, t.text(t.normal(), t.ink, Weight::bold), &BarRow::label), r.w * 0.38);
    columns.number = widest(canvas, rows, t.text(t.small(), t.ink, Weight::bold), &BarRow::number);
    for (const BarRow& row : rows) columns.mark = row.mark ? 14 : columns.mark;
    double y = r.y;
    for (const BarRow& row : rows) {
        draw_bar_row(canvas, c, {r.x, y, r.w, line}, columns, row, top);
        y += line;
    }
}

// What the colours of the boxes mean, at the foot of the panel where there is room.
void draw_colours(Canvas& canvas, const MapContext& c, const Rect& r) {
    const Theme& t = c.theme;
    std::vector<LegendEntry> entries;
    const auto put = [&](const char* name, Meaning m) {
        entries.push_back({name, t.meaning(m), Hatch::none, false, false});
    };
    put("query", Meaning::query);
    put("key", Meaning::key);
    put("value", Meaning::value);
    put("latent", Meaning::latent);
    put("position", Meaning::position);
    put("residual", Meaning::residual);
    put("norm", Meaning::norm);
    if (c.graph.config.n_routed_experts > 0) put("routed expert", Meaning::routed_expert);
    if (c.graph.config.n_shared_experts > 0) put("shared expert", Meaning::shared_expert);
    put("embedding", Meaning::embedding);
    put("head", Meaning::head);
    if (c.model.modules > 0) put("MTP", Meaning::mtp);
    const double h = draw_legend(canvas, t, {r.x, r.y}, r.w, entries, true);
    if (h > r.h) return;
    draw_legend(canvas, t, {r.x, r.bottom() - h}, r.w, entries);
}

// Of many layers, those round the current one and the last.
std::vector<LensRow> lens_window(const MapContext& c, std::size_t most) {
    auto rows = lens_rows(c);
    if (rows.size() <= most || most < 2) {
        if (rows.size() > most) rows.resize(most);
        return rows;
    }
    const auto n = static_cast<std::int64_t>(rows.size()), m = static_cast<std::int64_t>(most);
    std::vector<LensRow> out;
    for (std::int64_t i = 0; i < m; ++i)
        out.push_back(rows[static_cast<std::size_t>(i * (n - 1) / (m - 1))]);
    // The current layer in the place of its nearest neighbour.
    const int layer = c.current == no_node ? -1 : c.graph[c.current].layer;
    if (layer >= 0 && layer < static_cast<int>(n)) {
        const auto at = (layer * (m - 1) + (n - 1) / 2) / (n - 1);
        out[static_cast<std::size_t>(at)] = rows[static_cast<std::size_t>(layer)];
    }
    return out;
}

}  // namespace

double caption_height(const Theme& theme) {
    return std::ceil(line_height(theme.large()) + line_height(theme.normal()) + 2);
}

namespace {

// The longest headline that fits; empty where there is none.
std::string headline_of(const Canvas& canvas, const MapContext& c, double width,
                        const TextStyle& style) {
    if (!c.backward) return "";
    for (const std::string& text : gradient_headlines(c))
        if (canvas.text_width(text, style) <= width) return text;
    return "";
}

}  // namespace

double draw_caption(Canvas& canvas, const MapContext& c, const Rect& r, bool with_guess) {
    const Theme& t = c.theme;
    const double first = line_height(t.large()), second = line_height(t.normal());
    const auto large = t.text(t.large(), t.ink, Weight::bold);
    const auto soft = t.text(t.normal(), t.ink_soft);
    std::string title = "The whole model", place;
    const double dot = std::round(5 * t.text_scale), x = r.x + 2 * dot + 4;
    double left = r.x;  // of the second line
    const std::string headline = headline_of(canvas, c, r.right() - x, large);
    if (!headline.empty()) {
        canvas.fill_rect({r.x, r.y + first / 2 - 2 * dot, dot, 4 * dot}, t.accent, dot / 2);
        text_in(canvas, {x, r.y, r.right() - x, first}, headline, large);
        const std::string symbol = gradient_symbol(c.graph[c.current]);
        const FormulaLook look{&t, true};
        const double w = formula_width(canvas, symbol, soft, look);
        if (w <= r.w / 4) {
            draw_formula(canvas, {r.x, r.y + first + second / 2 + cap_height(soft.size) / 2},
                         symbol, soft, look);
            left += w + 12 * t.text_scale;
        }
        place = c.step->title + " · " + place_of(c, *c.step) + " · shape " +
                to_string(c.trace.shape(c.current));
    } else if (c.current != no_node && c.step != nullptr) {
        const Node& node = c.graph[c.current];
        title = node.title;
        const bool gradient = c.step->kind == Step::Kind::gradient;
        if (gradient)
            title = c.step->title;
        else if (c.step->kind != Step::Kind::operation)
            title += " · " + c.step->title;
        const std::string said = gradient ? gradient_symbol(node) : node.formula;
        canvas.fill_rect({r.x, r.y + first / 2 - 2 * dot, dot, 4 * dot}, t.accent, dot / 2);
        text_in(canvas, {x, r.y, r.right() - x, first}, title, large);
        const double after = x + canvas.text_width(title, large) + 20 * t.text_scale;
        const auto formula = t.text(t.normal() * 1.15, t.ink_soft);
        const FormulaLook look{&t, true};
        if (after + formula_width(canvas, said, formula, look) <= r.right())
            draw_formula(canvas, {after, r.y + first / 2 + cap_height(large.size) / 2}, said,
                         formula, look);
        place = place_of(c, *c.step) + " · shape " + to_string(c.trace.shape(c.current));
    } else {
        text_in(canvas, {r.x, r.y, r.w, first}, title, large);
    }
    std::vector<std::string> parts{place};
    if (with_guess) {
        const auto best = best_guesses(c.trace, c.graph.find("probs"), c.batch, c.token, 1);
        if (!best.empty())
            parts.push_back("next " + quoted(c.trace.label(best[0].id)) + " " +
                            format_percent(best[0].p));
    }
    if (c.frame.timeline != nullptr && c.step != nullptr)
        parts.push_back("step " + format_count(c.frame.cursor.step) + " of " +
                        format_count(c.frame.timeline->size()));
    parts.push_back(c.trace.trained_step == 0
                        ? "untrained"
                        : "trained " + format_count(c.trace.trained_step) + " steps");
    std::string line;
    for (const std::string& part : parts) {
        if (part.empty()) continue;
        const std::string longer = line.empty() ? part : line + " · " + part;
        if (!line.empty() && canvas.text_width(longer, soft) > r.right() - left) break;
        line = longer;
    }
    text_in(canvas, {left, r.y + first, r.right() - left, second}, line, soft);
    return caption_height(t);
}

void draw_tokens(Canvas& canvas, const MapContext& c, const Rect& r) {
    const Theme& t = c.theme;
    const bool current = c.is_current(c.graph.find("ids"));
    // Only as many as could ever fit are measured.
    const auto [begin, end] = token_window(c.extent_tokens(), c.token, 256);
    std::vector<Chip> chips;
    for (std::int64_t i = begin; i < end; ++i) {
        Chip chip;
        chip.text = token_label(token_text(c, i));
        chip.chosen = i == c.token;
        chip.lit = hovers(c, "token", i);
        chip.index = i;
        if (current) chip.mark = t.accent;
        chips.push_back(chip);
    }
    draw_chips(canvas, t, {r.x, r.y}, r.w, chips);
}

void draw_predictions(Canvas& canvas, const MapContext& c, const Rect& r) {
    const Theme& t = c.theme;
    // Rows spread a little where there is room.
    const double line = std::clamp(std::floor(r.h / 26), std::ceil(20 * t.text_scale),
                                   std::ceil(28 * t.text_scale));
    const NodeId probs = c.graph.find("probs");
    const double head_h = line_height(t.normal()) + line_height(t.small()) + 6;
    const std::size_t lens_all = c.lens ? lens_rows(c).size() : 0;
    const double gap = 20;
    // The lens takes at most half.
    const double lens_least =
        c.lens ? gap + head_h + line * static_cast<double>(std::min<std::size_t>(lens_all, 3)) : 0;
    const auto bars =
        static_cast<std::size_t>(std::clamp((r.h - head_h - lens_least) / line, 1.0, 8.0));
    const bool lens = c.lens && r.h - head_h - line * static_cast<double>(bars) >= lens_least;

    double y = r.y;
    y += heading(canvas, c, {r.x, y, r.w, 0}, "Next token",
                 "after " + quoted(token_text(c, c.token)) +
                     (c.frame.base != nullptr ? "; lines: unedited"
                                              : ", position " + std::to_string(c.token)));
    const auto best = best_guesses(c.trace, probs, c.batch, c.token, bars);
    const Tensor* before = c.frame.base != nullptr ? c.frame.base->find(probs) : nullptr;
    std::vector<BarRow> rows;
    for (const Guess& g : best) {
        BarRow row;
        row.label = token_label(c.trace.label(g.id));
        row.p = g.p;
        if (before != nullptr) row.before = before->at(g.index);
        row.number = format_percent(g.p);
        row.strong = rows.empty();
        row.colour = row.strong ? t.meaning(Meaning::head) : t.meaning(Meaning::head).alpha(0.55);
        row.target = {"probs", g.index, 1, 1, 0, 0};
        row.hovered = hovers(c, "probs", g.index);
        rows.push_back(row);
    }
    if (rows.empty())
        text_in(canvas, {r.x, y, r.w, line}, "not kept", t.text(t.normal(), t.ink_soft));
    else
        draw_list(canvas, c, {r.x, y, r.w, 0}, line, rows, std::max(best.front().p, 1e-30));
    if (!lens) return;
    y += line * static_cast<double>(std::max<std::size_t>(rows.size(), 1)) + gap;
    canvas.fill_rect({r.x, y - gap / 2, r.w, 1}, t.hairline);

    const int settled = lens_settles(c);
    std::string detail = "what the head would say after each layer";
    if (settled >= 0 && !best.empty())
        detail = "says " + quoted(c.trace.label(best.front().id)) + " from layer " +
                 std::to_string(settled) + " on";
    y += heading(canvas, c, {r.x, y, r.w, 0}, "Logit lens", detail);
    const auto room = static_cast<std::size_t>(std::max(0.0, (r.bottom() - y) / line));
    rows.clear();
    double top = 1e-30;
    for (const LensRow& l : lens_window(c, room)) {
        BarRow row;
        row.name = l.label;
        row.label = l.kept ? token_label(c.trace.label(l.guess.id)) : "not kept";
        row.p = l.kept ? l.guess.p : 0;
        row.number = l.kept ? format_percent(l.guess.p) : "";
        row.mark = l.agrees;
        row.strong = c.current != no_node && l.node != no_node &&
                     c.graph[l.node].layer == c.graph[c.current].layer;
        row.colour = l.module   ? t.meaning(Meaning::mtp)
                     : l.agrees ? t.meaning(Meaning::head)
                                : t.meaning(Meaning::head).alpha(0.45);
        if (l.kept) {
            row.target = {c.graph[l.node].name, l.guess.index, 1, 1, 0, 0};
            row.hovered = hovers(c, row.target.node, l.guess.index);
        }
        top = std::max(top, row.p);
        rows.push_back(row);
    }
    draw_list(canvas, c, {r.x, y, r.w, 0}, line, rows, top);
    y += line * static_cast<double>(rows.size());
    draw_colours(canvas, c, {r.x, y + gap, r.w, r.bottom() - y - gap});
}

void draw_back_side(Canvas& canvas, const MapContext& c, const Rect& r) {
    const Theme& t = c.theme;
    const double line = std::ceil(20 * t.text_scale), gap = 20;
    const double head = line_height(t.normal()) + line_height(t.small()) + 6;
    const Tensor* losses = c.trace.find("nll");
    const bool room =
        losses != nullptr && losses->shape.rank == 2 && r.h >= 2 * (head + 4 * line) + gap;
    const double least = room ? gap + head + 3 * line : 0;
    const double strip = draw_gradient_strip(canvas, c, {r.x, r.y, r.w, r.h - least});
    if (!room) return;
    double y = r.y + strip + gap;
    canvas.fill_rect({r.x, y - gap / 2, r.w, 1}, t.hairline);
    y += heading(canvas, c, {r.x, y, r.w, 0}, "Loss of each token",
                 "nats, where the gradient begins");
    const std::int64_t count = losses->shape.cols();
    const auto most = static_cast<std::int64_t>((r.bottom() - y) / line);
    const auto [begin, end] = token_window(count, std::min(c.token, count - 1), most);
    std::vector<BarRow> rows;
    for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t index = c.batch * count + i;
        BarRow row;
        row.label = token_label(token_text(c, i + 1));
        row.p = losses->at(index);
        row.number = format_fixed(row.p, 3);
        row.colour = t.meaning(Meaning::head);
        row.strong = i + 1 == c.token;
        row.target = {"nll", index, 1, 1, 0, 0};
        row.hovered = hovers(c, "nll", index);
        rows.push_back(row);
    }
    double top = 1e-30;
    for (std::int64_t i = 0; i < count; ++i) top = std::max(top, losses->at(c.batch * count + i));
    draw_list(canvas, c, {r.x, y, r.w, 0}, line, rows, top);
}

}  // namespace sf
