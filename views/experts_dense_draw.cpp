#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/experts_dense.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sf::experts {

namespace {

// A piece of a layer's feed-forward parameters.
struct Piece {
    double amount = 0;
    Meaning meaning = Meaning::routed_expert;
    bool works = false;  // on a token
};

// Of a layer with experts any chosen ones are as large as the first.
std::vector<Piece> pieces(const ModelConfig& c, std::int64_t layer) {
    const double d = static_cast<double>(c.hidden_size);
    if (!c.is_moe(layer))
        return {{3 * d * static_cast<double>(c.intermediate_size), Meaning::residual, true}};
    const double expert = 3 * d * static_cast<double>(c.moe_intermediate_size);
    std::vector<Piece> all;
    if (c.n_shared_experts > 0)
        all.push_back(
            {expert * static_cast<double>(c.n_shared_experts), Meaning::shared_expert, true});
    for (std::int64_t e = 0; e < c.n_routed_experts; ++e)
        all.push_back({expert, Meaning::routed_expert, e < c.num_experts_per_tok});
    return all;
}

double sum(const std::vector<Piece>& all) {
    double amount = 0;
    for (const Piece& p : all) amount += p.amount;
    return amount;
}

void draw_pieces(Canvas& canvas, const Theme& t, const Rect& r, const std::vector<Piece>& all,
                 double most) {
    double x = r.x;
    for (const Piece& p : all) {
        const double w = r.w * p.amount / most, gap = w > 4 ? 1 : 0;
        const Rect one{x, r.y, std::max(0.0, w - gap), r.h};
        const Colour c = t.meaning(p.meaning);
        if (p.works) {
            canvas.fill_rect(one, c, std::min(2.0, one.w / 4));
            if (p.meaning == Meaning::shared_expert)
                draw_hatch(canvas, one, Hatch::diagonal, t.background);
        } else if (w > 4) {
            canvas.stroke_rect(one.inset(0.5), c.alpha(0.7), 1, std::min(2.0, one.w / 4));
        } else {
            canvas.fill_rect(one, c.alpha(0.25));
        }
        x += w;
    }
}

// One figure of both shapes.
struct Figure {
    std::string title;
    std::array<double, 2> value;
    std::array<std::string, 2> text;
};

}  // namespace

void draw_layers(Canvas& canvas, const DenseScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    Rect rest = area;
    const double title = draw_block_title(canvas, t, area, "Feed-forward parameters of each layer",
                                          "to scale; filled: they work on a token");
    rest.y += title, rest.h -= title;
    const double legend =
        draw_legend(canvas, t, {rest.x, rest.bottom() - line - 4 * u}, rest.w,
                    {{"routed experts", t.meaning(Meaning::routed_expert)},
                     {"shared", t.meaning(Meaning::shared_expert), Hatch::diagonal},
                     {"dense layer", t.meaning(Meaning::residual)}},
                    true);
    if (rest.h < 120 * u) return;
    draw_legend(canvas, t, {rest.x, rest.bottom() - legend}, rest.w,
                {{"routed experts", t.meaning(Meaning::routed_expert)},
                 {"shared", t.meaning(Meaning::shared_expert), Hatch::diagonal},
                 {"dense layer", t.meaning(Meaning::residual)}});
    rest.h -= legend + 8 * u;
    const std::int64_t layers = s.sparse.config.num_hidden_layers;
    const double half = (rest.h - 10 * u) / 2 - line - 2 * u;
    const auto shown =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(half / std::max(7 * u, 1.0)), 1, layers);
    double most = 1;
    for (std::int64_t l = 0; l < layers; ++l)
        most = std::max({most, sum(pieces(s.sparse.config, l)), sum(pieces(s.dense.config, l))});
    double y = rest.y;
    for (const ShapeOf* shape : {&s.sparse, &s.dense}) {
        std::string words =
            shape->name + ", " + format_short(static_cast<double>(shape->cost.size.parameters)) +
            " parameters, " +
            format_short(static_cast<double>(shape->cost.size.active_parameters)) + " at work";
        if (shown < layers)
            words += "; " + format_count(shown) + " of " + format_count(layers) + " layers";
        text_in(canvas, {rest.x, y, rest.w, line}, words, t.text(t.small(), t.ink));
        y += line + 2 * u;
        const double row = std::min(half / static_cast<double>(shown), 150 * u);
        for (std::int64_t i = 0; i < shown; ++i)
            // The last ones: the first layers may be dense in both.
            draw_pieces(canvas, t, {rest.x, y + row * static_cast<double>(i), rest.w, row - 2 * u},
                        pieces(shape->config, shown < layers ? layers - shown + i : i), most);
        y = rest.y + (rest.h + 10 * u) / 2;
    }
}

double costs_height(const Theme& t) {
    return line_height(t.normal()) + 4 + 9 * line_height(t.small()) + 16 * t.text_scale;
}

void draw_costs(Canvas& canvas, const DenseScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    const auto figure = [&](const std::string& title, double a, double b) {
        return Figure{title, {a, b}, {format_short(a), format_short(b)}};
    };
    const ModelCost &a = s.sparse.cost.size, &b = s.dense.cost.size;
    const std::array<Figure, 3> figures{
        figure("parameters", static_cast<double>(a.parameters), static_cast<double>(b.parameters)),
        figure("of them at work on a token", static_cast<double>(a.active_parameters),
               static_cast<double>(b.active_parameters)),
        figure("FLOPs of a token", s.sparse.cost.forward(), s.dense.cost.forward())};
    double y = area.y + draw_block_title(canvas, t, area, "What they cost", "computed");
    const auto soft = t.text(t.small(), t.ink_soft), bold = t.text(t.small(), t.ink, Weight::bold);
    double label = 0, number = 0;
    for (const ShapeOf* shape : {&s.sparse, &s.dense})
        label = std::max(label, canvas.text_width(shape->name, soft));
    for (const Figure& f : figures)
        for (const std::string& text : f.text)
            number = std::max(number, canvas.text_width(text, bold));
    label = std::ceil(label) + 10 * u, number = std::ceil(number) + 10 * u;
    const double wide = area.w - label - number;
    if (wide < 24 * u) return;
    for (const Figure& f : figures) {
        if (y + 3 * line > area.bottom() + 1) return;
        text_in(canvas, {area.x, y, area.w, line}, f.title, soft);
        y += line;
        for (std::size_t i = 0; i < 2; ++i, y += line) {
            text_in(canvas, {area.x, y, label, line}, (i == 0 ? s.sparse : s.dense).name, soft);
            const double w = wide * f.value[i] / std::max(f.value[0], f.value[1]);
            const Rect bar{area.x + label, y + line * 0.18, w, line * 0.64};
            canvas.fill_rect(bar, t.meaning(i == 0 ? Meaning::routed_expert : Meaning::residual),
                             2 * u);
            auto right = bold;
            right.align = Align::right;
            text_in(canvas, {area.right() - number, y, number, line}, f.text[i], right);
        }
        y += 5 * u;
    }
}

void draw_losses(Canvas& canvas, const DenseScene& s, const Rect& area) {
    constexpr std::array<Meaning, 4> others{Meaning::residual, Meaning::position, Meaning::value,
                                            Meaning::key};
    const Theme& t = *s.theme;
    Rect rest = area;
    const double title =
        draw_block_title(canvas, t, area, "What they learn",
                         "training loss, mean of " +
                             format_count(static_cast<std::int64_t>(mean_of)) + " kept records");
    rest.y += title, rest.h -= title;
    const bool compared = s.curves.size() > 1;
    if (!compared) {
        const std::string words =
            "To compare what both learn, train the dense one as this was, with\n--set "
            "n_routed_experts=0 --set intermediate_size=" +
            std::to_string(s.dense.config.intermediate_size) +
            "\nand open its folder beside this run.";
        const auto style = t.text(t.normal(), t.ink_soft);
        const double high = paragraph_height(canvas, rest.w, words, style);
        if (high > rest.h) return;
        paragraph(canvas, {rest.x, rest.y}, rest.w, words, style, rest.h);
        rest.y += high + 12 * t.text_scale, rest.h -= high + 12 * t.text_scale;
    }
    if (s.curves.empty() || rest.h < 80 * t.text_scale) return;
    Plot plot;
    plot.area = rest;
    plot.x = {"step", 0, 0, false, true};
    plot.y = {"nats a token"};
    for (std::size_t i = 0; i < s.curves.size(); ++i) {
        const LossCurve& c = s.curves[i];
        plot.series.push_back(
            {c.name, c.step, c.loss,
             t.meaning(i == 0 ? Meaning::routed_expert : others[(i - 1) % others.size()]), 2, false,
             i > 0});
    }
    draw_plot(canvas, t, plot);
}

}  // namespace sf::experts
