#include "core/run/balance_noise.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/experts_scale.h"

#include <algorithm>
#include <cmath>

// Over all tokens: nodes a token, how the bias balances, and what it comes to.
namespace sf::experts {

namespace {

Colour with_limit(const Theme& t) {
    return t.meaning(Meaning::routed_expert);
}
Colour without_limit(const Theme& t) {
    return t.meaning(Meaning::position);
}

double noise_of(const RealGate& g) {
    return BalancedNoise(g.shape.num_experts_per_tok, g.shape.n_routed_experts)(g.tokens);
}

}  // namespace

void draw_node_counts(Canvas& canvas, const ScaleScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const RealGate& g = *s.gate.value;
    const double u = t.text_scale, line = line_height(t.small());
    Rect rest = area;
    const double title = draw_block_title(canvas, t, area, "Nodes that a token is sent to",
                                          "a link to each, over all tokens");
    rest.y += title, rest.h -= title;
    const double legend = draw_legend(
        canvas, t, {rest.x, rest.y}, rest.w,
        {{"limit: " + format_fixed(g.limited.mean_nodes(), 2) + " on average", with_limit(t)},
         {"plain top-8: " + format_fixed(g.plain.mean_nodes(), 2), without_limit(t),
          Hatch::diagonal}});
    rest.y += legend + 4 * u, rest.h -= legend + 4 * u;
    if (rest.h < 60 * u) return;
    double most = 0;
    const auto share = [&](const RealGate::Count& c, std::size_t n) {
        return static_cast<double>(c.nodes[n]) / static_cast<double>(g.tokens);
    };
    for (std::size_t n = 1; n < g.limited.nodes.size(); ++n)
        most = std::max({most, share(g.limited, n), share(g.plain, n)});
    const double column = rest.w / static_cast<double>(g.nodes());
    const double bar = std::min(column * 0.44, 40 * u), foot = line + 2 * u;
    const double high = rest.h - foot - line;
    const auto text = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
    auto left = text;
    left.align = Align::left;
    std::vector<Rect> placed;
    for (std::size_t n = 1; n < g.limited.nodes.size(); ++n) {
        const double x = rest.x + column * (static_cast<double>(n) - 0.5);
        for (const bool limited : {true, false}) {
            const double v = share(limited ? g.limited : g.plain, n);
            const double h = high * v / most;
            const Rect r{limited ? x - bar - 1 : x + 1, rest.bottom() - foot - h, bar, h};
            if (h <= 0) continue;
            canvas.fill_rect(r, limited ? with_limit(t) : without_limit(t).alpha(0.75));
            if (!limited) draw_hatch(canvas, r, Hatch::diagonal, t.background);
            // A number reaches over its bar's outer side, where nothing stands yet.
            const std::string label = format_percent(v);
            const double w = canvas.text_width(label, text);
            const Rect place{limited ? r.right() - w : r.x, r.y - 4 * u - line, w + 4 * u, line};
            if (v < 0.005 || place.right() > rest.right() + 4 * u ||
                std::any_of(placed.begin(), placed.end(),
                            [&](const Rect& p) { return p.overlaps(place); }))
                continue;
            canvas.text({place.x, r.y - 4 * u}, label, left);
            placed.push_back(place);
        }
        canvas.text({x, rest.bottom() - 3 * u}, std::to_string(n), text);
    }
    const double floor = rest.bottom() - foot;
    canvas.line({rest.x, floor}, {rest.right(), floor}, t.hairline, 1);
}

void draw_balancing(Canvas& canvas, const ScaleScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const RealGate& g = *s.gate.value;
    Rect rest = area;
    const double title = draw_block_title(canvas, t, area, "The bias balances",
                                          "largest load / mean − 1, move by move");
    rest.y += title, rest.h -= title;
    if (rest.h < 70 * t.text_scale) return;
    Plot plot;
    plot.area = rest;
    const auto moves = static_cast<double>(g.path.size());
    plot.x = {"moves of the bias, γ from " + format_number(g.gamma.front(), 1) + " to " +
                  format_number(g.gamma.back(), 1),
              0, std::max(moves, 2.0), false, true};
    const double noise = noise_of(g);
    const double lowest = *std::min_element(g.path.begin(), g.path.end());
    plot.y = {"", std::max(1e-3, std::min(lowest, noise) * 0.7), 0, true};
    Series path{"", {}, {}, with_limit(t), 2};
    for (std::size_t i = 0; i < g.path.size(); ++i) {
        path.x.push_back(static_cast<double>(i));
        path.y.push_back(g.path[i]);
    }
    plot.y.hi = std::max(*std::max_element(g.path.begin(), g.path.end()), noise) * 1.3;
    plot.series = {
        path,
        {"balanced sampling alone", {0, moves}, {noise, noise}, t.ink_soft, 1.5, false, true}};
    draw_plot(canvas, t, plot);
}

void draw_sorted_loads(Canvas& canvas, const ScaleScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const RealGate& g = *s.gate.value;
    Rect rest = area;
    const double title =
        draw_block_title(canvas, t, area, "Loads on other tokens", "over the mean, largest first");
    rest.y += title, rest.h -= title;
    if (rest.h < 70 * t.text_scale) return;
    const auto sorted = [&](const std::string& name, const RealGate::Count& c, Colour colour,
                            bool dashed) {
        Series series{name, {}, {}, colour, 2, false, dashed};
        for (const std::int64_t n : c.load)
            series.y.push_back(static_cast<double>(n) * static_cast<double>(c.load.size()) /
                               static_cast<double>(g.tokens * g.shape.num_experts_per_tok));
        std::sort(series.y.rbegin(), series.y.rend());
        for (std::size_t i = 0; i < series.y.size(); ++i)
            series.x.push_back(static_cast<double>(i + 1));
        return series;
    };
    Plot plot;
    plot.area = rest;
    plot.x = {"expert", 1, static_cast<double>(g.limited.load.size()), false, true};
    plot.series = {sorted("b = 0", g.unbalanced, t.ink_soft, true),
                   sorted("balanced", g.limited, with_limit(t), false)};
    plot.y = {"", 0, plot.series.front().y.front() * 1.05};
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 10 || f.data.h < 10) return;
    const double mean = f.at(1, 1).y;
    draw_dashed(canvas, {{f.data.x, mean}, {f.data.right(), mean}}, t.ink_faint, 1);
}

}  // namespace sf::experts
