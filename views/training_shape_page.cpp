#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/track.h"
#include "views/training_pages.h"
#include "views/training_shape.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sf {

using namespace training;

namespace {

// What would another shape cost?
class ShapePage final : public ViewPage {
public:
    std::string id() const override { return "shape"; }
    std::string title() const override { return "Shape"; }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return shape_parameters(frame);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return has_shape(frame) ? shape_checks(frame, make_shape(frame, view))
                                : std::vector<Invariant>{};
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return has_shape(frame) ? shape_description(*frame.theme, make_shape(frame, view))
                                : "Type a text and press Enter: the shape of the model that reads "
                                  "it can then be changed.";
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

// A word to press; `on`: filled with the accent.
double button_width(const Canvas& canvas, const Theme& t, const std::string& text) {
    return canvas.text_width(text, t.text(t.normal(), t.ink, Weight::bold)) + 28 * t.text_scale;
}
void draw_button(Canvas& canvas, const Theme& t, const Rect& r, const std::string& text, bool on,
                 const std::string& command) {
    canvas.fill_rect(r, on ? t.accent : t.raised, 5 * t.text_scale);
    text_in(canvas, r, text,
            t.text(t.normal(), on ? t.background : t.ink_soft, Weight::bold, Align::centre));
    if (!command.empty()) canvas.hit(r, {"command:" + command});
}

double switch_width(const Canvas& canvas, const Theme& t, const std::string& text) {
    return canvas.text_width(text, t.text(t.normal(), t.ink)) + 36 * t.text_scale;
}
void draw_switch(Canvas& canvas, const Theme& t, Vec2 at, const std::string& text, bool on,
                 const std::string& command) {
    const double u = t.text_scale, h = line_height(t.normal());
    const Rect knob{at.x, at.y + (h - 14 * u) / 2, 26 * u, 14 * u};
    canvas.fill_rect(knob, on ? t.accent : t.raised, 7 * u);
    canvas.stroke_rect(knob, on ? t.accent : t.ink_faint, 1, 7 * u);
    canvas.fill_rect({knob.x + (on ? 14 : 2) * u, knob.y + 2 * u, 10 * u, 10 * u},
                     on ? t.background : t.ink_faint, 5 * u);
    canvas.text({knob.right() + 8 * u, at.y + h / 2 + cap_height(t.normal()) / 2}, text,
                t.text(t.normal(), t.ink));
    canvas.hit({at.x, at.y - 2, switch_width(canvas, t, text), h + 4}, {"command:" + command});
}

// Kind of attention as two words to press, the chosen one underlined.
double draw_kinds(Canvas& canvas, const Theme& t, const Proposal& s, const Rect& area,
                  double label) {
    const double u = t.text_scale, h = 24 * u;
    text_in(canvas, {area.x, area.y, label, h}, "attention", t.text(t.small(), t.ink_soft));
    double x = area.x + label;
    const std::array<std::array<const char*, 3>, 2> kinds{
        {{"mla", "latent (MLA)", "MLA"}, {"gqa", "groups of heads (GQA)", "GQA"}}};
    const auto bold = t.text(t.small(), t.ink, Weight::bold);
    const bool whole =
        x + canvas.text_width(kinds[0][1], bold) + 18 * u + canvas.text_width(kinds[1][1], bold) <=
        area.right();
    for (const auto& names : kinds) {
        const char *const kind = names[0], *const words = names[whole ? 1 : 2];
        const bool now = s.proposed.attention_kind == kind;
        const bool own = s.present.attention_kind == kind;
        const auto style = t.text(t.small(), now ? (own ? t.ink : t.accent) : t.ink_soft,
                                  now ? Weight::bold : Weight::regular);
        const double w = canvas.text_width(words, bold);
        if (x + w > area.right()) break;
        text_in(canvas, {x, area.y, w + 2, h}, words, style);
        if (now) canvas.fill_rect({x, area.y + h - 3 * u, w, 2}, t.accent, 1);
        canvas.hit({x - 4, area.y, w + 8, h},
                   {std::string("command:set training.attention_kind=") + kind});
        x += w + 18 * u;
    }
    return h;
}

bool applies(const Proposal& s, const ShapeField& f) {
    if (f.member == &ModelConfig::kv_lora_rank) return s.proposed.mla();
    if (f.member == &ModelConfig::num_key_value_heads) return !s.proposed.mla();
    const bool of_experts =
        f.member == &ModelConfig::num_experts_per_tok || f.member == &ModelConfig::n_group ||
        f.member == &ModelConfig::topk_group || f.member == &ModelConfig::moe_intermediate_size;
    return !of_experts || s.proposed.n_routed_experts > 0;
}

// Tracks as many as there is room for; below them what builds it. Returns nothing: takes the area.
void draw_sliders(Canvas& canvas, const Frame& frame, const Proposal& s, const Rect& area) {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const auto soft = t.text(t.small(), t.ink_soft);
    double label = 0, figure = 0;
    const std::vector<Parameter> all = shape_parameters(frame);
    for (const ShapeField& f : shape_fields()) {
        label = std::max(label, canvas.text_width(f.title, soft));
        figure = std::max(figure, canvas.text_width(format_count(s.proposed.*f.member),
                                                    t.text(t.small(), t.ink, Weight::bold)));
    }
    label = std::ceil(label) + 10 * u;
    figure = std::max(std::ceil(figure), 24 * u) + 10 * u;
    const double foot = 36 * u;
    double y = area.y + draw_block_title(canvas, t, area, "A shape by hand", "drag") + 2 * u;
    const double end = area.bottom() - foot;
    std::size_t rows = 1;
    for (const ShapeField& f : shape_fields()) rows += applies(s, f) ? 1 : 0;
    const double pitch = std::clamp((end - y) / static_cast<double>(rows), 24 * u, 56 * u);
    if (y + pitch <= end) {
        draw_kinds(canvas, t, s, {area.x, y, area.w, pitch}, label);
        y += pitch;
    }
    for (std::size_t i = 0; i < shape_fields().size(); ++i) {
        const ShapeField& f = shape_fields()[i];
        if (!applies(s, f)) continue;
        if (y + pitch > end + 0.5) break;
        const std::int64_t value = s.proposed.*f.member;
        draw_track(canvas, t, all[i],
                   {{area.x, y, area.w, 24 * u},
                    f.title,
                    static_cast<double>(value),
                    value != s.present.*f.member,
                    label,
                    figure});
        y += pitch;
    }
    const bool can = !s.changes.empty() && s.problems.empty() && !s.too_large;
    const std::string build = "Build it";
    const Rect button{area.x, std::min(y + 8 * u, area.bottom() - 28 * u),
                      button_width(canvas, t, build), 28 * u};
    if (button.right() > area.right() || button.y < y - 4 * u) return;
    draw_button(canvas, t, button, build, can, can ? s.command() : "");
    const std::string at_once = "at once";
    const double x = button.right() + 20 * u;
    if (x + switch_width(canvas, t, at_once) <= area.right())
        draw_switch(canvas, t, {x, button.y + (28 * u - line_height(t.normal())) / 2}, at_once,
                    s.rebuild,
                    std::string("set training.rebuild=") + (s.rebuild ? "false" : "true"));
}

// What one shape spends a figure on, in the colours of what it is spent on.
void draw_parts(Canvas& canvas, const Theme& t, const Rect& r, const CostRow& row,
                double CostPart::*amount, double most) {
    double x = r.x;
    for (const CostPart& p : row.parts) {
        const double w = most > 0 ? r.w * p.*amount / most : 0;
        if (w < 0.5) continue;
        draw_swatch(canvas, {x, r.y, std::max(w - 1, 0.5), r.h}, p.colour, p.hatch);
        x += w;
    }
    if (x == r.x) canvas.fill_rect({r.x, r.y, 1, r.h}, t.hairline);
}

// A figure of the shape there is, of the one drawn up, and the difference with its sign.
void draw_cost(Canvas& canvas, const Theme& t, const CostRow& row, const Rect& area, bool changed,
               double label, double figure) {
    const double u = t.text_scale, line = line_height(t.small());
    const std::string difference = changed ? difference_text(row) : row.text(row.before);
    const bool differs = changed && row.after != row.before;
    const auto bold = t.text(t.small(), differs ? t.accent : t.ink, Weight::bold, Align::right);
    const double w = canvas.text_width(difference, bold) + 10 * u;
    const auto name = t.text(t.small(), t.ink, Weight::bold);
    text_in(canvas, {area.x, area.y, area.w - w, line}, row.title, name);
    const double used = canvas.text_width(row.title, name) + 10 * u;
    const auto faint = t.text(t.small(), t.ink_faint);
    if (!row.help.empty() && used + canvas.text_width(row.help, faint) <= area.w - w)
        text_in(canvas, {area.x + used, area.y, area.w - w - used, line}, row.help, faint);
    text_in(canvas, {area.right() - w, area.y, w, line}, difference, bold);
    const double most = std::max(row.before, row.after);
    const Rect bars{area.x + (changed ? label : 0), area.y + line + 2 * u,
                    area.w - (changed ? label + figure : 0), area.h - line - 4 * u};
    const double each = changed ? bars.h / 2 : bars.h;
    const double bar = std::min(26 * u, each - 2 * u);
    if (bar < 3 * u || bars.w < 40 * u) return;
    const auto draw_one = [&](double y, const char* which, double CostPart::*amount, double v) {
        draw_parts(canvas, t, {bars.x, y, bars.w, bar}, row, amount, most);
        if (!changed) return;
        const auto soft = t.text(t.small(), t.ink_soft);
        const double middle = y + bar / 2 - line / 2;
        text_in(canvas, {area.x, middle, label, line}, which, soft);
        text_in(canvas, {area.right() - figure, middle, figure, line}, row.text(v),
                t.text(t.small(), t.ink_soft, Weight::regular, Align::right));
    };
    draw_one(bars.y, "now", &CostPart::before, row.before);
    if (changed) draw_one(bars.y + each, "new", &CostPart::after, row.after);
}

// One entry a part, of all rows.
std::vector<LegendEntry> legend_of(const std::vector<CostRow>& rows) {
    std::vector<LegendEntry> entries;
    for (const CostRow& r : rows)
        for (const CostPart& p : r.parts)
            if (!p.name.empty() && p.name != "norms" &&
                std::none_of(entries.begin(), entries.end(),
                             [&](const LegendEntry& e) { return e.name == p.name; }))
                entries.push_back({p.name, p.colour, p.hatch});
    return entries;
}

void draw_costs(Canvas& canvas, const Theme& t, const Proposal& s, const Rect& area) {
    const double u = t.text_scale, line = line_height(t.small());
    const bool possible = s.problems.empty(), changed = possible && !s.changes.empty();
    double y = area.y +
               draw_block_title(canvas, t, area,
                                !possible ? "What it costs as it is"
                                : changed ? "What would change"
                                          : "What it costs",
                                "computed from the shape") +
               2 * u;
    const std::vector<CostRow> rows = cost_rows(t, s);
    const double least = changed ? 3 * line + 4 * u : 2 * line + 2 * u;
    const std::vector<LegendEntry> legend = legend_of(rows);
    const double key = draw_legend(canvas, t, {}, area.w, legend, true) + 8 * u;
    if (area.bottom() - y - key >= 5 * least) {
        draw_legend(canvas, t, {area.x, y}, area.w, legend);
        y += key;
    }
    const auto n =
        std::min(rows.size(), static_cast<std::size_t>(std::max(0.0, (area.bottom() - y) / least)));
    if (n == 0) return;
    const double pitch = std::min((area.bottom() - y) / static_cast<double>(n), least + 56 * u);
    double figure = 0;
    const auto soft = t.text(t.small(), t.ink_soft);
    for (const CostRow& r : rows)
        for (const double v : {r.before, r.after})
            figure = std::max(figure, canvas.text_width(r.text(v), soft));
    figure = std::ceil(figure) + 12 * u;
    const double label = std::ceil(canvas.text_width("new", soft)) + 10 * u;
    for (std::size_t i = 0; i < n; ++i, y += pitch)
        draw_cost(canvas, t, rows[i], {area.x, y, area.w, pitch - 8 * u}, changed, label, figure);
}

// Returns the height.
double draw_problems(Canvas& canvas, const Theme& t, const Proposal& s, const Rect& area) {
    const double u = t.text_scale;
    double y = area.y + draw_block_title(canvas, t, area, "What stands against it", "") + 4 * u;
    for (const std::string& problem : s.problems) {
        const double line = line_height(t.normal());
        if (y + line > area.bottom()) break;
        draw_ring(canvas, {area.x + 5 * u, y + line / 2}, 3.5 * u, t.bad, 1.5 * u);
        y += paragraph(canvas, {area.x + 18 * u, y}, area.w - 18 * u, problem,
                       t.text(t.normal(), t.ink), area.bottom() - y) +
             8 * u;
    }
    return y - area.y;
}

std::string shape_facts(const Proposal& s) {
    if (!s.problems.empty()) return "Move the slider back, or another one along with it.";
    if (s.changes.empty())
        return "Nothing is changed yet; “Build it” then draws new weights of that shape, ready to "
               "be trained (R).";
    std::string text = "changed: ";
    for (const auto& [name, value] : s.changes)
        text += (text.size() > 9 ? ", " : "") + name + " " + value;
    if (s.too_large)
        text += " · too large to be trained here, which is done up to " +
                format_short(static_cast<double>(most_trained_parameters)) + " parameters";
    return text;
}

void ShapePage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& all,
                     const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    if (!has_shape(frame)) {
        return draw_empty_page(canvas, t, all, titles, "No shape to change yet",
                               "Type a text and press Enter",
                               "The shape of the model that reads it can then be changed, and what "
                               "that would cost is told at once.");
    }
    const Proposal s = make_shape(frame, view);
    const double head =
        draw_page_head(canvas, t, all, titles, shape_headline(t, s), shape_facts(s)) + 14 * u;
    const Rect body{all.x, all.y + head, all.w, all.h - head};
    if (body.h < 60 * u || body.w < 200 * u) return;
    const double gap = 44 * u;
    const bool two = body.w >= 560 * u;
    Rect left = body;
    if (two) left.w = std::round(std::max(250 * u, (body.w - gap) * 0.4));
    draw_sliders(canvas, frame, s, left);
    if (!two) return;
    Rect right{left.right() + gap, body.y, body.right() - left.right() - gap, body.h};
    if (!s.problems.empty()) {
        const double used = draw_problems(canvas, t, s, right) + 16 * u;
        right.y += used, right.h -= used;
    }
    draw_costs(canvas, t, s, right);
}

}  // namespace

std::unique_ptr<const ViewPage> make_training_shape_page() {
    return std::make_unique<ShapePage>();
}

}  // namespace sf
