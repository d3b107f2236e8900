#include "views/draw/formula.h"
#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/latent_draw.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace sf::latent_kv {

namespace {

// Strips of numbers that mean one thing: a vector, or one of each head.
struct Block {
    std::string symbol, words;  // "c^{KV}", "48 numbers"
    Meaning meaning = Meaning::residual;
    std::vector<Strip> strips;
    bool cached = false, of_heads = false;
    double x = 0, w = 0;  // where it lies
    double numbers() const {
        double n = 0;
        for (const Strip& s : strips) n += static_cast<double>(s.values.size());
        return n;
    }
};
using Row = std::vector<Block>;
// From a block of one row to a block of the next.
struct Funnel {
    std::size_t row = 0, from = 0, to = 0;
    Meaning meaning = Meaning::residual;
    std::string formula;
};
struct Flow {
    std::vector<Row> rows;
    std::vector<Funnel> funnels;
    std::size_t kept = 0;  // the row of what is cached
};

template <class F>
std::vector<Strip> each(std::int64_t n, const F& strip) {
    std::vector<Strip> all;
    for (std::int64_t i = 0; i < n; ++i) all.push_back(strip(i));
    return all;
}

std::string numbers_of(std::int64_t n) {
    return format_count(n) + (n == 1 ? " number" : " numbers");
}
std::string heads_of(std::int64_t heads, std::int64_t width) {
    return format_count(heads) + " × " + format_count(width);
}

Row kept_row(const Scene& s) {
    return {{"c^{KV}", numbers_of(s.rank), Meaning::latent, {s.latent_row()}, true},
            {"k^{R}",
             format_count(s.rope) + ", for all heads",
             Meaning::position,
             {s.rope_row()},
             true}};
}

Flow expanded(const Scene& s) {
    Flow f;
    f.rows.push_back({{"h",
                       numbers_of(s.model.hidden_size) + " of " + s.token_text(s.t),
                       Meaning::residual,
                       {s.input()}}});
    f.rows.push_back(kept_row(s));
    f.kept = 1;
    f.funnels = {{0, 0, 0, Meaning::latent, "\\latent{W}^{DKV}"},
                 {0, 0, 1, Meaning::position, "\\position{W}^{KR}"}};
    Block keys{"k^{C}",      heads_of(s.heads, s.nope) + ", made anew",
               Meaning::key, each(s.heads, [&](std::int64_t i) { return s.key_of(i); }),
               false,        true};
    Block values{"v^{C}",        heads_of(s.heads, s.value) + ", made anew",
                 Meaning::value, each(s.heads, [&](std::int64_t i) { return s.value_of(i); }),
                 false,          true};
    if (keys.numbers() == 0) return f;  // neither values nor weights
    f.rows.push_back({std::move(keys), std::move(values)});
    f.funnels.push_back({1, 0, 0, Meaning::key, "\\key{W}^{UK}"});
    f.funnels.push_back({1, 0, 1, Meaning::value, "\\value{W}^{UV}"});
    return f;
}

Flow absorbed(const Scene& s) {
    Flow f;
    const auto block = [&](const char* symbol, const std::string& words, Meaning meaning,
                           Strip (Scene::*strip)(std::int64_t) const) {
        return Block{symbol,  words,
                     meaning, each(s.heads, [&](std::int64_t i) { return (s.*strip)(i); }),
                     false,   true};
    };
    f.rows.push_back({block("q^{C}", heads_of(s.heads, s.nope) + " ask for " + s.token_text(s.t),
                            Meaning::query, &Scene::query_of)});
    f.rows.push_back({block("q̃", heads_of(s.heads, s.rank) + ", as wide as the latent",
                            Meaning::query, &Scene::absorbed_of)});
    f.rows.push_back(kept_row(s));
    f.kept = 2;
    f.rows.push_back(
        {block("Σ α c^{KV}", heads_of(s.heads, s.rank) + ", what the heads take of all tokens",
               Meaning::latent, &Scene::attended_of)});
    f.rows.push_back({block("o", heads_of(s.heads, s.value), Meaning::value, &Scene::output_of)});
    f.funnels = {{0, 0, 0, Meaning::key, "\\key{W}^{UK⊤}"},
                 {1, 0, 0, Meaning::query, "q̃ · c^{KV}"},
                 {2, 0, 0, Meaning::latent, "α"},
                 {3, 0, 0, Meaning::value, "\\value{W}^{UV}"}};
    return f;
}

Flow grouped(const Scene& s) {
    Flow f;
    f.rows.push_back({{"h",
                       numbers_of(s.model.hidden_size) + " of " + s.token_text(s.t),
                       Meaning::residual,
                       {s.input()}}});
    f.rows.push_back({{"k", heads_of(s.groups, s.nope + s.rope), Meaning::key,
                       each(s.groups, [&](std::int64_t i) { return s.key_of(i); }), true},
                      {"v", heads_of(s.groups, s.value), Meaning::value,
                       each(s.groups, [&](std::int64_t i) { return s.value_of(i); }), true}});
    f.kept = 1;
    f.rows.push_back({{"q^{C}", heads_of(s.heads, s.nope) + " that read them", Meaning::query,
                       each(s.heads, [&](std::int64_t i) { return s.query_of(i); }), false, true}});
    f.funnels = {{0, 0, 0, Meaning::key, "\\key{W}^{K}"},
                 {0, 0, 1, Meaning::value, "\\value{W}^{V}"},
                 {1, 0, 0, Meaning::query, "q · k"}};
    if (s.nope == 0) f.rows.pop_back(), f.funnels.pop_back();
    return f;
}

// ---- layout -------------------------------------------------------------------------------------

struct Measures {
    double unit = 1;                             // pixels of one number
    double strip = 0, label = 0, pad = 0;        // heights; pad: of what is cached, round it
    double funnel = 0, between = 0, inside = 0;  // inside: between the heads of a block
    double foot = 0;                             // numbers of the heads
};

double gaps(const Row& row, const Measures& m) {
    double w = static_cast<double>(row.size() - 1) * m.between;
    for (const Block& b : row) w += static_cast<double>(b.strips.size() - 1) * m.inside;
    return w;
}

std::optional<Measures> measure(const Flow& f, const Theme& t, const Rect& area) {
    const double u = t.text_scale, n = static_cast<double>(f.rows.size());
    Measures m;
    m.label = line_height(t.small()) + 3 * u;
    m.pad = 5 * u;
    m.between = 20 * u;
    m.inside = 3 * u;
    m.foot = line_height(t.small());
    m.unit = 8 * u;
    for (const Row& row : f.rows) {
        double numbers = 0;
        for (const Block& b : row) numbers += b.numbers();
        m.unit = std::min(m.unit, (area.w - gaps(row, m) - 2 * m.pad) / std::max(numbers, 1.0));
    }
    if (m.unit < 0.3) return {};
    const double fixed = n * m.label + 2 * m.pad + m.foot;
    const double rest = area.h - fixed;
    m.strip = std::clamp(rest * 0.36 / n, 10 * u, 56 * u);
    m.funnel = std::min((rest - n * m.strip) / std::max(n - 1, 1.0), 240 * u);
    if (m.funnel < 14 * u) return {};
    return m;
}

// Smooth, from the level edge [a0, a1] at ay down to [b0, b1] at by.
void draw_funnel(Canvas& canvas, double ay, double a0, double a1, double by, double b0, double b1,
                 Colour colour) {
    constexpr int steps = 24;
    std::vector<Vec2> outline;
    const auto edge = [&](int k, double from, double to) {
        const double v = static_cast<double>(k) / steps, e = v * v * (3 - 2 * v);
        outline.push_back({from + (to - from) * e, ay + (by - ay) * v});
    };
    for (int k = 0; k <= steps; ++k) edge(k, a0, b0);
    for (int k = steps; k >= 0; --k) edge(k, a1, b1);
    canvas.fill_polygon(outline, colour);
}

// Texts that keep clear of each other.
class Labels {
public:
    explicit Labels(const Rect& area) : area_(area) {}
    bool take(const Rect& r) {
        if (r.x < area_.x - 0.5 || r.right() > area_.right() + 0.5) return false;
        for (const Rect& other : taken_)
            if (other.overlaps(r)) return false;
        taken_.push_back(r);
        return true;
    }

private:
    Rect area_;
    std::vector<Rect> taken_;
};

void draw_strip(Canvas& canvas, const Scene& s, const Rect& r, const Strip& strip,
                const ColourScale& scale, Colour outline) {
    const Theme& t = *s.theme;
    const double come = strip.node.empty() ? 1 : arrival(s, strip.node);
    HeatMap map;
    map.area = r;
    map.rows = 1;
    map.cols = static_cast<std::int64_t>(strip.values.size());
    map.value = [&](std::int64_t, std::int64_t c) {
        return strip.values[static_cast<std::size_t>(c)];
    };
    map.scale = scale;
    map.frame = false;
    map.numbers = come >= 1;
    if (!strip.node.empty()) map.target = {strip.node, strip.first, 0, 0, 0, 1};
    if (s.frame->hover_node == strip.node) map.hover_index = s.frame->hover_index;
    canvas.fill_rect(r, t.background);
    {
        const ClipScope clip(canvas,
                             {r.x - 2, r.y - 2, come < 1 ? r.w * come + 2 : r.w + 4, r.h + 4});
        draw_heat_map(canvas, t, map);
    }
    const bool now = !strip.node.empty() && is_current(s, strip.node);
    canvas.stroke_rect(r, now ? t.accent : outline, now ? 2 : 1.25);
}

void draw_label(Canvas& canvas, const Scene& s, Labels& labels, const Block& b, double y,
                double most) {
    const Theme& t = *s.theme;
    const FormulaLook look{&t, true};
    const auto symbol = t.text(t.normal(), t.meaning_text(b.meaning), Weight::bold);
    const auto soft = t.text(t.small(), t.ink_soft);
    const double w = formula_width(canvas, b.symbol, symbol, look);
    const double words = canvas.text_width(b.words, soft) + 8 * t.text_scale;
    const double base = y - 6 * t.text_scale, high = line_height(t.small());
    const bool all = w + words <= most && labels.take({b.x, base - high, w + words, high});
    if (!all && !(w <= most && labels.take({b.x, base - high, w, high}))) return;
    draw_formula(canvas, {b.x, base}, b.symbol, symbol, look);
    if (all) canvas.text({b.x + w + 8 * t.text_scale, base}, b.words, soft);
}

// Head numbers below; a press chooses one.
void draw_heads(Canvas& canvas, const Scene& s, const Block& b, double y, const Measures& m) {
    const Theme& t = *s.theme;
    const auto n = static_cast<double>(b.strips.size());
    const double each_w = (b.w - (n - 1) * m.inside) / n;
    const std::string widest = "head " + std::to_string(s.heads - 1);
    const auto style = [&](bool now) {
        return t.text(t.small(), now ? t.accent : t.ink_faint, now ? Weight::bold : Weight::regular,
                      Align::centre);
    };
    const bool words = canvas.text_width(widest, style(true)) + 8 <= each_w;
    if (!words && canvas.text_width(std::to_string(s.heads - 1), style(true)) + 4 > each_w) return;
    for (std::size_t i = 0; i < b.strips.size(); ++i) {
        const bool now = static_cast<std::int64_t>(i) == s.head;
        const double x = b.x + (each_w + m.inside) * static_cast<double>(i) + each_w / 2;
        canvas.text({x, y + m.foot / 2 + cap_height(t.small()) / 2},
                    (words ? "head " : "") + std::to_string(i), style(now));
    }
    canvas.hit({b.x, y, b.w, m.foot},
               {"setting:head", 0, 1, static_cast<std::int64_t>(b.strips.size()), 0, 1});
}

void draw_row(Canvas& canvas, const Scene& s, Labels& labels, Row& row, double y, double right,
              const Measures& m) {
    const Theme& t = *s.theme;
    for (std::size_t i = 0; i < row.size(); ++i) {
        const Block& b = row[i];
        if (b.cached)
            draw_cached(canvas, t, {b.x - m.pad, y - m.pad, b.w + 2 * m.pad, m.strip + 2 * m.pad},
                        b.meaning);
        std::vector<double> all;
        for (const Strip& strip : b.strips)
            all.insert(all.end(), strip.values.begin(), strip.values.end());
        const ColourScale scale = ColourScale::fit(all);
        double x = b.x;
        for (const Strip& strip : b.strips) {
            const double w = m.unit * static_cast<double>(strip.values.size());
            if (!strip.values.empty())
                draw_strip(canvas, s, {x, y, w, m.strip}, strip, scale, t.meaning(b.meaning));
            x += w + m.inside;
        }
        const double end = i + 1 < row.size() ? row[i + 1].x - 8 * t.text_scale : right;
        draw_label(canvas, s, labels, b, y - (b.cached ? m.pad : 0), end - b.x);
    }
}

// The one idea, beside what is hatched.
void draw_kept(Canvas& canvas, const Scene& s, Labels& labels, const Row& row, double y,
               const Measures& m, const Rect& area) {
    const Theme& t = *s.theme;
    const auto bold = t.text(t.normal(), t.ink, Weight::bold, Align::right);
    const auto soft = t.text(t.small(), t.ink_soft, Weight::regular, Align::right);
    const double x = row.front().x - m.pad - 12 * t.text_scale, middle = y + m.strip / 2;
    const std::string words = "cached", more = format_count(s.kept()) + " numbers";
    const double w = std::max(canvas.text_width(words, bold), canvas.text_width(more, soft));
    const double h = line_height(t.normal()) + line_height(t.small());
    if (x - w < area.x || !labels.take({x - w, middle - h / 2, w, h})) return;
    const double base = middle - h / 2;
    canvas.text({x, base + line_height(t.normal()) / 2 + cap_height(t.normal()) / 2}, words, bold);
    canvas.text({x, base + line_height(t.normal()) + line_height(t.small()) / 2 +
                        cap_height(t.small()) / 2},
                more, soft);
}

}  // namespace

void draw_flow(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    Flow f = !s.mla ? grouped(s) : s.choices.absorb && s.up != nullptr ? absorbed(s) : expanded(s);
    auto m = measure(f, t, area);
    // Least important first out: the ends of the way.
    while (!m && f.rows.size() > 1) {
        const bool last = f.rows.size() - 1 > f.kept;
        f.rows.erase(last ? f.rows.end() - 1 : f.rows.begin());
        std::vector<Funnel> left;
        for (Funnel funnel : f.funnels) {
            if (!last && funnel.row == 0) continue;
            if (!last) --funnel.row;
            if (funnel.row + 1 < f.rows.size()) left.push_back(funnel);
        }
        f.funnels = left;
        if (!last) --f.kept;
        m = measure(f, t, area);
    }
    if (!m) return;
    const auto n = static_cast<double>(f.rows.size());
    const double used = n * (m->label + m->strip) + (n - 1) * m->funnel + 2 * m->pad + m->foot;
    std::vector<double> tops;
    double y = area.y + std::min(24 * t.text_scale, std::max(0.0, (area.h - used) / 2));
    for (std::size_t r = 0; r < f.rows.size(); ++r) {
        Row& row = f.rows[r];
        double w = gaps(row, *m);
        for (const Block& b : row) w += b.numbers() * m->unit;
        double x = area.x + (area.w - w) / 2;
        for (Block& b : row) {
            b.x = x;
            b.w = b.numbers() * m->unit + static_cast<double>(b.strips.size() - 1) * m->inside;
            x += b.w + m->between;
        }
        y += m->label + (r == f.kept ? m->pad : 0);
        tops.push_back(y);
        y += m->strip + (r == f.kept ? m->pad : 0) + m->funnel;
    }
    Labels labels(area);
    for (const Funnel& funnel : f.funnels) {
        const Block &a = f.rows[funnel.row][funnel.from], &b = f.rows[funnel.row + 1][funnel.to];
        const double from = tops[funnel.row] + m->strip + (a.cached ? m->pad : 0);
        const double to = tops[funnel.row + 1] - (b.cached ? m->pad : 0);
        draw_funnel(canvas, from, a.x, a.x + a.w, to, b.x, b.x + b.w,
                    t.meaning(funnel.meaning).alpha(t.dark ? 0.2 : 0.13));
    }
    for (std::size_t r = 0; r < f.rows.size(); ++r)
        draw_row(canvas, s, labels, f.rows[r], tops[r], area.right(), *m);
    draw_kept(canvas, s, labels, f.rows[f.kept], tops[f.kept], *m, area);
    for (const Funnel& funnel : f.funnels) {
        const Block &a = f.rows[funnel.row][funnel.from], &b = f.rows[funnel.row + 1][funnel.to];
        const double from = tops[funnel.row] + m->strip + (a.cached ? m->pad : 0);
        const double to = tops[funnel.row + 1] - (b.cached ? m->pad : 0) - m->label;
        const auto style = t.text(t.normal(), t.ink_soft);
        const FormulaLook look{&t, true};
        const double w = formula_width(canvas, funnel.formula, style, look);
        const double h = line_height(t.normal());
        const double x = (a.x + a.w / 2 + b.x + b.w / 2) / 2 - w / 2, middle = (from + to) / 2;
        if (to - from < h || !labels.take({x - 4, middle - h / 2, w + 8, h})) continue;
        draw_formula(canvas, {x, middle + cap_height(t.normal()) / 2}, funnel.formula, style, look);
    }
    const Row& foot = f.rows.back();
    for (const Block& b : foot)
        if (b.of_heads) draw_heads(canvas, s, b, tops.back() + m->strip + 2 * t.text_scale, *m);
}

}  // namespace sf::latent_kv
