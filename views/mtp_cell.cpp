#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/mtp_stairs.h"

#include <algorithm>
#include <cmath>

// The chosen cell, large.
namespace sf::mtp {

namespace {

// A vector on its way through the module.
struct Station {
    std::string formula, words, node;
    Meaning meaning = Meaning::residual;
};

Station input_of(const Stairs& s) {
    const std::string before = std::to_string(s.chain ? s.k - 1 : 0);
    return {"h^{" + before + "}_i", before == "0" ? "the main model's" : "of MTP " + before,
            s.input_node(s.k), Meaning::residual};
}

std::string ahead(std::int64_t k) {
    return k == 0 ? "t_i" : "t_{i+" + std::to_string(k) + "}";
}

// What is read, then what is made of it.
struct Way {
    std::vector<Station> read, made;
    std::string step, last;  // what leads from one to the next, and to the prediction
};
Way way_of(const Stairs& s) {
    const std::string k = std::to_string(s.k), layer = "TRM_" + k;
    const Station token{"Emb(" + ahead(s.k) + ")", s.token(s.i + s.k), s.node(s.k, "embed"),
                        Meaning::embedding};
    if (s.k == 0)
        return {{token},
                {{"h^{0}_i", "after all layers", "final_norm", Meaning::residual}},
                "layers",
                "OutHead"};
    const Station out{"h^{" + k + "}_i", "after its layer", s.node(s.k, "hidden"),
                      Meaning::residual};
    if (!s.chain) return {{input_of(s)}, {out}, layer, "OutHead"};
    return {{token, input_of(s)},
            {{"[e; h]", "both normed, joined", s.node(s.k, "concat"), Meaning::mtp},
             {"h'^{" + k + "}_i = M_" + k + "[e; h]", "", s.node(s.k, "input"), Meaning::mtp}},
            "",
            layer};
}

double label_height(const Theme& t) {
    return std::ceil(line_height(t.small()) + 2 * t.text_scale);
}

// One row of the tensor as bars; of [e; h] each half in the colour of what it is.
void draw_numbers(Canvas& canvas, const Stairs& s, const Rect& r, const Station& station) {
    const Tensor* tensor = fitting_tensor(*s.trace, station.node);
    if (tensor == nullptr || s.i >= tensor->shape[1] || s.arrival(station.node) < 1) return;
    const std::int64_t width = tensor->shape[2], first = s.flat(station.node, s.i);
    Bars bars;
    bars.area = r;
    bars.colour = s.t->meaning(station.meaning);
    for (std::int64_t c = 0; c < width; ++c) {
        bars.values.push_back(tensor->at(first + c));
        if (width == 2 * s.hidden)
            bars.colours.push_back(
                s.t->meaning(c < s.hidden ? Meaning::embedding : Meaning::residual));
    }
    bars.target = {station.node, first, 1, 1, 0, 1};
    if (s.frame->hover_node == station.node) bars.hover_index = s.frame->hover_index;
    draw_bars(canvas, *s.t, bars);
}

void draw_station(Canvas& canvas, const Stairs& s, Strips& strips, const Rect& r,
                  const Station& station) {
    const Theme& t = *s.t;
    const double label = label_height(t), u = t.text_scale;
    const auto ink = t.text(t.small(), t.meaning_text(station.meaning), Weight::bold);
    const double base = r.y + label / 2 + cap_height(t.small()) / 2 - u;
    const double w = formula_width(canvas, station.formula, ink);
    if (w <= r.w) draw_formula(canvas, {r.x, base}, station.formula, ink);
    const double beside = r.w - w - 8 * u;
    const auto soft = t.text(t.small(), t.ink_soft);
    if (canvas.text_width(station.words, soft) <= beside)
        canvas.text({r.x + w + 8 * u, base}, station.words, soft);
    // The numbers as colours, and where there is room as bars below them.
    const Rect rest{r.x, r.y + label, r.w, r.h - label - 3 * u};
    const double bars = rest.h - 30 * u;
    const double height = bars >= 36 * u ? 26 * u : rest.h;
    strips.draw(canvas, {rest.x, rest.y, rest.w, height}, station.node, s.i);
    canvas.fill_rect({rest.x, rest.y + height + 1, rest.w, 2 * u}, t.meaning(station.meaning), 1);
    if (height < rest.h)
        draw_numbers(canvas, s, {rest.x, rest.bottom() - bars + 4 * u, rest.w, bars - 4 * u},
                     station);
}

// The likeliest tokens as bars, what stands in the text marked.
void draw_guesses(Canvas& canvas, const Stairs& s, const Rect& area) {
    const Theme& t = *s.t;
    const double u = t.text_scale;
    const double line = std::ceil(line_height(t.small()) + std::clamp(area.h / 24, 6 * u, 16 * u));
    const std::string formula =
        s.k == 0 ? "P_{i+1}"
                 : "P^{" + std::to_string(s.k) + "}_{i+" + std::to_string(s.k + 1) + "}";
    const double label = label_height(t);
    const auto ink =
        t.text(t.small(), t.meaning_text(s.k == 0 ? Meaning::head : Meaning::mtp), Weight::bold);
    draw_formula(canvas, {area.x, area.y + label / 2 + cap_height(t.small()) / 2 - u}, formula,
                 ink);
    const Rect rest{area.x, area.y + label, area.w, area.h - label};
    const Cell cell = s.cell(s.k, s.i);
    if (!cell.said()) return;
    const auto shown = std::clamp<std::int64_t>(static_cast<std::int64_t>(rest.h / line), 0, 11);
    if (shown < 1) return;
    auto ids =
        s.best(s.k, s.i,
               static_cast<std::size_t>(std::min<std::int64_t>(shown, rest.h > 260 * u ? 10 : 5)));
    // What was right has its row also where the model did not think of it.
    if (cell.truth >= 0 && std::find(ids.begin(), ids.end(), cell.truth) == ids.end()) {
        if (std::ssize(ids) >= shown) ids.pop_back();
        ids.push_back(cell.truth);
    }
    const auto soft = t.text(t.small(), t.ink);
    const auto right = t.text(t.small(), t.ink_soft, Weight::regular, Align::right);
    double left = 0;
    for (const std::int64_t id : ids) left = std::max(left, canvas.text_width(s.word(id), soft));
    left = std::min(std::ceil(left), rest.w * 0.4) + 8 * u;
    double figure = 0;
    for (const std::int64_t id : ids)
        figure =
            std::max(figure, canvas.text_width(format_percent(s.probability(s.k, s.i, id)), right));
    const double mark = 16 * u, number = std::ceil(figure) + 8 * u;
    const double wide = rest.w - left - number - mark;
    if (wide < 8 * u) return;
    const std::string node = s.node(s.k, "probs");
    const double come = s.arrival(node);
    double y = rest.y;
    for (const std::int64_t id : ids) {
        const double p = s.probability(s.k, s.i, id);
        text_in(canvas, {rest.x, y, left - 6 * u, line}, s.word(id), soft);
        const Rect bar{rest.x + left, y + 4 * u, wide * std::clamp(p, 0.0, 1.0) * come,
                       line - 8 * u};
        canvas.fill_rect({bar.x, bar.y, wide, bar.h}, t.raised, 2);
        if (bar.w > 0) canvas.fill_rect(bar, depth_colour(t, s.k), std::min(2.0, bar.w / 2));
        text_in(canvas, {rest.right() - mark - number, y, number, line}, format_percent(p), right);
        if (id == cell.truth)
            draw_verdict(canvas, t, {rest.right() - mark / 2 + 2 * u, y + line / 2}, 9 * u, true);
        const std::int64_t flat = s.flat(node, s.i) + id;
        canvas.hit({rest.x, y, rest.w, line}, {node, flat, 1, 1, 0, 0});
        if (s.frame->hover_node == node && s.frame->hover_index == flat)
            canvas.stroke_rect({bar.x, bar.y, wide, bar.h}, t.ink, 1.5, 2);
        y += line;
    }
}

void draw_step(Canvas& canvas, const Stairs& s, Vec2 from, Vec2 to, const std::string& markup) {
    const Theme& t = *s.t;
    const double u = t.text_scale;
    draw_arrow(canvas, from.y == to.y ? std::vector<Vec2>{from, to} : elbow(from, to),
               {t.ink_faint, 1.5 * u, 6 * u, 8 * u});
    const auto style = t.text(t.small(), t.ink_soft, Weight::regular, Align::left);
    const double w = formula_width(canvas, markup, style);
    if (markup.empty() || w > to.x - from.x) return;
    draw_formula(canvas, {(from.x + to.x - w) / 2, to.y - 5 * u}, markup, style);
}

std::string title_of(const Stairs& s) {
    return (s.k == 0 ? std::string("The main model") : "MTP module " + std::to_string(s.k)) +
           " at " + s.token(s.i);
}

std::string remark_of(const Stairs& s) {
    const std::string places =
        s.k == 0 ? "the next token" : "the token " + std::to_string(s.k + 1) + " places on";
    const std::int64_t truth = s.id_at(s.i + s.k + 1);
    return "foretells " + places + (truth >= 0 ? ": " + s.word(truth) + " stands there" : "");
}

}  // namespace

double cell_height(const Stairs& s) {
    const Theme& t = *s.t;
    return line_height(t.normal()) + label_height(t) +
           5 * (line_height(t.small()) + 6 * t.text_scale);
}

void draw_cell(Canvas& canvas, const Stairs& s, const Rect& area) {
    const Theme& t = *s.t;
    const double u = t.text_scale;
    const double title = draw_block_title(canvas, t, area, title_of(s), remark_of(s)) + 4 * u;
    Rect rest{area.x, area.y + title, area.w, area.h - title};
    if (s.cell(s.k, s.i).state == Cell::State::missing) {
        paragraph(canvas, {rest.x, rest.y}, std::min(rest.w, 560 * u),
                  "Here module " + std::to_string(s.k) + " would join token " +
                      std::to_string(s.i + s.k) +
                      ", which is not written yet. When the text is decoded with drafts, the draft "
                      "takes its place.",
                  t.text(t.normal(), t.ink_soft), rest.h);
        return;
    }
    if (rest.w < 540 * u) return draw_guesses(canvas, s, rest);
    const Way way = way_of(s);
    Strips strips(s);
    const double gap = 84 * u, joint = 36 * u;
    const double column = std::min((rest.w - gap - joint) / 3, 520 * u);
    const bool joined = way.read.size() > 1;
    const double between = joined ? joint : gap;
    const double height = std::min(rest.h, 760 * u), station = (height - 18 * u) / 2;
    const double mid = joined ? 0 : (height - station) / 2;
    const auto place = [&](double x, std::size_t n) {
        return Rect{x, rest.y + mid + static_cast<double>(n) * (station + 18 * u), column,
                    std::min(station, 340 * u)};
    };
    const double x2 = rest.x + column + between, x3 = x2 + column + gap;
    for (std::size_t n = 0; n < way.read.size(); ++n)
        draw_station(canvas, s, strips, place(rest.x, n), way.read[n]);
    for (std::size_t n = 0; n < way.made.size(); ++n)
        draw_station(canvas, s, strips, place(x2, n), way.made[n]);
    const double label = label_height(t);
    const auto middle = [&](const Rect& r) {
        return r.y + label + std::min(13 * u, (r.h - label) / 2);
    };
    const Rect first = place(rest.x, 0), made = place(x2, 0), last = place(x2, way.made.size() - 1);
    draw_step(canvas, s, {first.right() + 4 * u, middle(first)}, {made.x - 4 * u, middle(made)},
              way.step);
    if (joined) {
        const Rect second = place(rest.x, 1);
        draw_step(canvas, s, {second.right() + 4 * u, middle(second)},
                  {made.x - 4 * u, middle(made)}, "");
        draw_arrow(canvas,
                   {{made.right() - 14 * u, made.bottom() + 3 * u},
                    {made.right() - 14 * u, last.y + label - 2 * u}},
                   {t.ink_faint, 1.5 * u, 6 * u, 8 * u});
    }
    draw_step(canvas, s, {last.right() + 4 * u, middle(last)}, {x3 - 6 * u, middle(last)},
              way.last);
    draw_guesses(canvas, s, {x3, rest.y, std::min(rest.right() - x3, 520 * u), rest.h});
}

}  // namespace sf::mtp
