#include "views/draw/number.h"
#include "views/draw/text.h"
#include "views/experts_draw.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>

// Beside the picture of one token: what can be changed, the chosen in figures, the next token.
namespace sf::experts {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

double row_height(const Theme& t) {
    return line_height(t.small()) + 8 * t.text_scale;
}

struct Button {
    std::string text;
    Target target;  // node empty: it cannot be pressed now
};
Target command(const std::string& line) {
    return {line.empty() ? "" : "command:" + line, 0, 1, 1, 0, 0};
}
double button_width(const Canvas& canvas, const Theme& t, const std::string& text) {
    return std::max(20 * t.text_scale,
                    canvas.text_width(text, t.text(t.small(), t.ink)) + 14 * t.text_scale);
}
// Its right edge is at `right`; returns its left edge.
double draw_button(Canvas& canvas, const Theme& t, double right, double y, const Button& b) {
    const double h = line_height(t.small()) + 4 * t.text_scale;
    const double w = button_width(canvas, t, b.text);
    const Rect r{right - w, y + (row_height(t) - h) / 2, w, h};
    const bool on = !b.target.node.empty();
    if (on) canvas.fill_rect(r, t.raised, 4);
    canvas.stroke_rect(r, on ? t.ink_faint : t.hairline, 1, 4);
    text_in(canvas, r, b.text,
            t.text(t.small(), on ? t.ink : t.ink_faint, Weight::regular, Align::centre));
    if (on) canvas.hit(r, b.target);
    return r.x;
}

struct Stepper {
    std::string name, setting;
    std::int64_t value, lo, hi, own;
    std::string word;  // behind the value
};
void draw_stepper(Canvas& canvas, const Theme& t, const Rect& row, const Stepper& p) {
    const auto to = [&](std::int64_t v) {
        return command(v < p.lo || v > p.hi
                           ? ""
                           : "set experts." + p.setting + "=" + std::to_string(v == p.own ? 0 : v));
    };
    const double gap = 4 * t.text_scale;
    double x = draw_button(canvas, t, row.right(), row.y, {"+", to(p.value + 1)}) - gap;
    const auto bold =
        t.text(t.normal(), p.value == p.own ? t.ink : t.accent, Weight::bold, Align::centre);
    const std::string value = std::to_string(p.value) + p.word;
    const double w = canvas.text_width(value, bold) + 10 * t.text_scale;
    text_in(canvas, {x - w, row.y, w, row.h}, value, bold);
    x = draw_button(canvas, t, x - w - gap, row.y, {"−", to(p.value - 1)}) - gap;
    text_in(canvas, {row.x, row.y, x - row.x, row.h}, p.name, t.text(t.small(), t.ink_soft));
}

bool can_switch(const Scene& s) {
    return s.trace->weights != nullptr && !s.another && !s.all_needed();
}

// Of the looked-at expert: on and off, and the bias that was added by hand. One may be off at a
// time.
void draw_expert(Canvas& canvas, const Scene& s, const Rect& row) {
    const Theme& t = *s.theme;
    const double gap = 6 * t.text_scale;
    const bool kicked = s.choices.kick != 0 && s.biased, off = s.choices.off >= 0;
    // In this layer, wherever one goes from here.
    const std::string node = can_switch(s) ? "setting:off,layer=" + std::to_string(s.layer) : "";
    const std::string other = s.choices.off == s.expert ? "" : std::to_string(s.choices.off) + " ";
    double x = draw_button(canvas, t, row.right(), row.y,
                           {off ? "switch " + other + "on" : "switch off",
                            {node, off ? -1 : s.expert, 1, 1, 0, 0}}) -
               gap;
    if (kicked)
        x = draw_button(canvas, t, x, row.y, {"no kick", command("set experts.kick=0")}) - gap;
    const auto style = t.text(t.small(), t.accent, Weight::bold);
    const std::string kick = kicked ? s.expert_name() + ", b " +
                                          std::string(s.choices.kick < 0 ? "" : "+") +
                                          format_fixed(s.choices.kick, 2)
                                    : s.expert_name();
    const bool fits = canvas.text_width(kick, style) <= x - row.x;
    text_in(canvas, {row.x, row.y, x - row.x, row.h}, fits ? kick : s.expert_name(), style);
}

// Lengths that are drawn as numbers: nothing where the run did not keep them.
std::string number_or_dash(double v) {
    return std::isfinite(v) ? format_number(v, 3) : "–";
}

double shared_length(const Scene& s) {
    const Tensor* out = fitting_tensor(*s.trace, s.node("shared_out"));
    if (out == nullptr) return NAN;
    double squares = 0;
    const std::int64_t width = out->shape.cols();
    for (std::int64_t i = 0; i < width; ++i) {
        const double v = out->at(s.row(s.t) * width + i);
        squares += v * v;
    }
    return std::sqrt(squares);
}

struct TableRow {
    std::vector<std::string> cells;
    bool bold = false;
    Colour mark;
    Hatch hatch = Hatch::none;
    std::int64_t slot = -1;
};

std::vector<TableRow> table_of(const Scene& s) {
    const Theme& t = *s.theme;
    const auto adds = contributions(s);
    std::vector<TableRow> rows;
    for (std::int64_t k = 0; k < s.rule.top_k; ++k) {
        const std::int64_t e = s.chosen(s.t, k);
        TableRow row{{std::to_string(e), format_fixed(s.s(s.t, e), 2)},
                     e == s.expert,
                     t.meaning(Meaning::routed_expert),
                     Hatch::none,
                     s.slot(s.t, k)};
        if (s.biased) row.cells.push_back(format_fixed(s.sb(s.t, e), 2));
        row.cells.push_back(format_fixed(s.gate(s.t, k), 2));
        row.cells.push_back(number_or_dash(adds.empty() ? NAN : adds[at(k)]));
        rows.push_back(std::move(row));
    }
    if (s.config.n_shared_experts > 0) {
        TableRow row{{"shared", ""},
                     false,
                     t.meaning(Meaning::shared_expert),
                     hatch_of(Meaning::shared_expert)};
        if (s.biased) row.cells.push_back("");
        row.cells.push_back(format_fixed(1, 2));
        row.cells.push_back(number_or_dash(shared_length(s)));
        rows.push_back(std::move(row));
    }
    return rows;
}

// The steppers of this layer's rule, within what the model can be asked for.
std::vector<Stepper> steppers_of(const Scene& s) {
    const bool can = s.trace->weights != nullptr;
    const Rule &own = s.own_rule, &now = s.rule;
    const std::int64_t size = own.group_size(), least = (now.top_k + size - 1) / size;
    std::vector<Stepper> all{{"experts for a token", "top_k", now.top_k, can ? 1 : now.top_k,
                              can ? now.kept * size : now.top_k, own.top_k,
                              " of " + std::to_string(own.experts)}};
    if (own.groups > 1)
        all.push_back({"nodes for a token", "groups", now.kept, can ? least : now.kept,
                       can ? own.groups : now.kept, own.kept, " of " + std::to_string(own.groups)});
    return all;
}

}  // namespace

double controls_height(const Scene& s) {
    return line_height(s.theme->normal()) + 4 +
           row_height(*s.theme) * (s.own_rule.groups > 1 ? 3 : 2);
}

void draw_controls(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    Rect row{area.x, area.y + draw_block_title(canvas, t, area, "What if"), area.w, row_height(t)};
    for (const Stepper& stepper : steppers_of(s)) {
        draw_stepper(canvas, t, row, stepper);
        row.y += row.h;
    }
    draw_expert(canvas, s, row);
}

double control_strip_height(const Theme& t) {
    return row_height(t);
}

void draw_control_strip(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double gap = 24 * t.text_scale;
    const auto steppers = steppers_of(s);
    const double w = (area.w - gap * static_cast<double>(steppers.size())) /
                     static_cast<double>(steppers.size() + 1);
    if (w < 196 * t.text_scale) {
        const double alone = std::min(area.w, 280 * t.text_scale);
        if (alone >= 200 * t.text_scale) draw_expert(canvas, s, {area.x, area.y, alone, area.h});
        return;
    }
    Rect row{area.x, area.y, w, area.h};
    draw_expert(canvas, s, row);
    for (const Stepper& stepper : steppers) {
        row.x += w + gap;
        draw_stepper(canvas, t, row, stepper);
    }
}

void draw_node_limit(Canvas& canvas, const Scene& s, const Rect& row) {
    for (const Stepper& stepper : steppers_of(s))
        if (stepper.setting == "groups") draw_stepper(canvas, *s.theme, row, stepper);
}

double chosen_height(const Scene& s) {
    const double rows = static_cast<double>(s.rule.top_k + (s.config.n_shared_experts > 0 ? 1 : 0));
    const Theme& t = *s.theme;
    return line_height(t.normal()) + 4 + (line_height(t.small()) + 4 * t.text_scale) * (rows + 1);
}

void draw_chosen(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small()) + 4 * u;
    double y = area.y + draw_block_title(canvas, t, area, "Who works on it", "adds: g ‖FFN(u)‖");
    std::vector<std::string> head{"expert", "s"};
    if (s.biased) head.push_back("s + b");
    head.insert(head.end(), {"g", "adds"});
    const double first = std::min(area.w * 0.34, 84 * u);
    const double w = (area.w - first) / static_cast<double>(head.size() - 1);
    const auto cell = [&](std::size_t c, const std::string& text, Colour ink, Weight weight) {
        const Rect r = c == 0 ? Rect{area.x + 16 * u, y, first - 16 * u, line}
                              : Rect{area.x + first + w * static_cast<double>(c - 1), y, w, line};
        text_in(canvas, r, text,
                t.text(t.small(), ink, weight, c == 0 ? Align::left : Align::right));
    };
    for (std::size_t c = 0; c < head.size(); ++c) cell(c, head[c], t.ink_faint, Weight::regular);
    y += line;
    canvas.line({area.x, y - 1}, {area.right(), y - 1}, t.hairline, 1);
    const auto rows = table_of(s);
    for (const TableRow& row : rows) {
        if (y + line > area.bottom() + 0.5) break;
        const Rect all{area.x, y, area.w, line};
        if (row.bold) canvas.fill_rect(all, t.accent_soft, 3);
        draw_swatch(canvas, {area.x + 2 * u, y + line / 2 - 5 * u, 10 * u, 10 * u}, row.mark,
                    row.hatch);
        for (std::size_t c = 0; c < row.cells.size(); ++c)
            if (!row.cells[c].empty())
                cell(c, row.cells[c], t.ink, row.bold ? Weight::bold : Weight::regular);
        if (row.slot >= 0 && s.own()) {
            canvas.hit(all, {s.node("router_weights"), row.slot, 1, 1, 0, 0});
            if (s.frame->hover_node == s.node("router_weights") && s.frame->hover_index == row.slot)
                canvas.stroke_rect(all, t.ink, 1.5, 3);
        }
        y += line;
    }
}

}  // namespace sf::experts
