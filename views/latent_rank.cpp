#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/edited.h"
#include "views/latent_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::latent_kv {

namespace {

// Singular values of what a model reads its keys and values with.
struct Spectrum {
    std::string name;
    std::vector<double> values;
    Colour colour;
};

const Tensor* of_run(const Trace& run, const std::string& name) {
    const Tensor* t = run.find(name);
    return t != nullptr && t->size() > 0 ? t : nullptr;
}

// The run with fewer directions, or where all are kept the run itself; null: not there yet.
const Trace* after(const Scene& s) {
    if (s.all_kept()) return s.trace;
    return s.cut.value != nullptr ? s.cut.value->run.get() : nullptr;
}

void draw_curve(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    Rect rest = area;
    const double title = draw_block_title(canvas, t, area, "What predictions lose",
                                          "KL(model ‖ fewer directions), nats");
    rest.y += title, rest.h -= title;
    if (s.curve.value == nullptr)
        return draw_pending(canvas, t, rest, "running the text with every rank", s.curve.progress,
                            s.curve.error);
    const RankCurve& c = *s.curve.value;
    if (rest.h < 56 * u || c.rank.empty()) return;
    Plot plot;
    plot.area = rest;
    plot.x = {"directions kept", 0.5, static_cast<double>(s.rank) + 0.5, false, true};
    const double most = *std::max_element(c.divergence.begin(), c.divergence.end());
    plot.y = {"", 0, most > 0 ? most * 1.06 : 1};
    Series line{"", {}, {}, t.meaning(Meaning::latent), 2};
    for (std::size_t i = 0; i < c.rank.size(); ++i) {
        line.x.push_back(static_cast<double>(c.rank[i]));
        line.y.push_back(c.divergence[i]);
    }
    plot.series.push_back(line);
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 24 || f.data.h < 16) return;
    const std::size_t at = s.at_rank();
    const Vec2 p = f.at(static_cast<double>(s.kept_rank()), c.divergence[at]);
    canvas.fill_rect({f.data.x, f.data.y, std::max(0.0, p.x - f.data.x), f.data.h},
                     t.meaning(Meaning::latent).alpha(0.08));
    canvas.line({p.x, f.data.y}, {p.x, f.data.bottom()}, t.accent, 1.5);
    draw_circle(canvas, p, 5 * u, t.background);
    draw_circle(canvas, p, 3.5 * u, t.meaning(Meaning::latent));
    draw_circle(canvas, {p.x, f.data.bottom()}, 5 * u, t.accent);
    const std::vector<std::string> words{
        format_number(c.divergence[at], 2) + " nats with " + format_count(c.rank[at]),
        format_percent(c.agreement[at]) + " choose the same token"};
    const auto bold = t.text(t.small(), t.ink, Weight::bold), soft = t.text(t.small(), t.ink_soft);
    const double w = std::max(canvas.text_width(words[0], bold), canvas.text_width(words[1], soft));
    const double h = line_height(t.small());
    const double x = p.x + 10 * u + w <= f.data.right() ? p.x + 10 * u : p.x - 10 * u - w;
    if (x >= f.data.x && f.data.h > 3 * h) {
        canvas.fill_rect({x - 3, f.data.y, w + 6, 2 * h}, t.background.alpha(0.85), 3);
        text_in(canvas, {x, f.data.y, w + 1, h}, words[0], bold);
        text_in(canvas, {x, f.data.y + h, w + 1, h}, words[1], soft);
    }
    canvas.hit({f.data.x, f.data.y, f.data.w, f.data.h + 8 * u},
               {"setting:rank", 1, 1, s.rank, 0, 1});
}

// Several on one scale, the first with what is kept of it filled.
void draw_spectra(Canvas& canvas, const Scene& s, const Rect& area,
                  const std::vector<Spectrum>& all) {
    const Theme& t = *s.theme;
    double most = 0;
    std::size_t longest = 1;
    for (const Spectrum& p : all) {
        longest = std::max(longest, p.values.size());
        for (const double v : p.values) most = std::max(most, v);
    }
    if (!(most > 0)) return;
    Plot plot;
    plot.area = area;
    plot.x = {"direction, strongest first", 0.5, static_cast<double>(longest) + 0.5, false, true};
    plot.y = {"", 0, most * 1.06};
    for (std::size_t i = 1; i < all.size(); ++i) {
        Series other{"", {}, {}, all[i].colour, 1.5, false, true};
        for (std::size_t k = 0; k < all[i].values.size(); ++k) {
            other.x.push_back(static_cast<double>(k + 1));
            other.y.push_back(all[i].values[k]);
        }
        plot.series.push_back(other);
    }
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 24 || f.data.h < 16) return;
    const double step = f.data.w / static_cast<double>(longest), gap = step > 4 ? step * 0.2 : 0;
    for (std::size_t k = 0; k < all.front().values.size(); ++k) {
        const double x = f.data.x + step * static_cast<double>(k);
        const double y = f.at(1, all.front().values[k]).y;
        const Rect bar{x + gap / 2, y, step - gap, f.data.bottom() - y};
        if (static_cast<std::int64_t>(k) < s.kept_rank())
            canvas.fill_rect(bar, all.front().colour, std::min(1.5, bar.w / 4));
        else
            canvas.stroke_rect(bar, t.ink_faint.alpha(0.6), 1);
    }
    canvas.hit(f.data, {"setting:rank", 1, 1, static_cast<std::int64_t>(longest), 0, 1});
}

void draw_spectrum(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    Rect rest = area;
    const double title = draw_block_title(canvas, t, area, "How strong each direction is",
                                          "singular values of [W_UK; W_UV]");
    rest.y += title, rest.h -= title;
    if (s.curve.value == nullptr) return;
    if (s.layer >= static_cast<std::int64_t>(s.curve.value->spectrum.size())) {
        paragraph(canvas, {rest.x, rest.y}, rest.w, "Known of the layers of the main model.",
                  t.text(t.small(), t.ink_soft), rest.h);
        return;
    }
    if (rest.h < 48 * t.text_scale) return;
    const auto layer = static_cast<std::size_t>(s.layer);
    std::vector<Spectrum> all{{"MLA", s.curve.value->spectrum[layer], t.meaning(Meaning::latent)}};
    if (s.twin.value != nullptr && layer < s.twin.value->layers.size())
        all.push_back({"multi-head", s.twin.value->layers[layer], t.meaning(Meaning::key)});
    if (all.size() > 1) {
        const double line = line_height(t.small()) + 6 * t.text_scale;
        draw_legend(canvas, t, {rest.x, rest.y}, rest.w,
                    {{"MLA, of its latent", all[0].colour},
                     {"multi-head twin, of h", all[1].colour, Hatch::none, true, true}});
        rest.y += line, rest.h -= line;
    }
    draw_spectra(canvas, s, rest, all);
}

constexpr std::int64_t most_tokens = 32;
std::int64_t shown_tokens(const Scene& s) {
    return std::min(s.tokens, most_tokens);
}
std::int64_t first_token(const Scene& s) {
    return std::clamp<std::int64_t>(s.t + 1 - most_tokens, 0, s.tokens - shown_tokens(s));
}

void draw_attention(Canvas& canvas, const Scene& s, const Trace* run, const Rect& area,
                    const std::string& name, bool own) {
    const Theme& t = *s.theme;
    const double line = line_height(t.small()) + 2;
    text_in(canvas, {area.x, area.y, area.w, line}, name, t.text(t.small(), t.ink_soft));
    const double side = std::floor(std::min(area.w, area.h - line));
    const Rect place{area.x, area.y + line, side, side};
    const Tensor* probs = run != nullptr ? of_run(*run, s.node("attn_probs")) : nullptr;
    if (probs == nullptr) {
        if (own)
            paragraph(canvas, {place.x, place.y}, area.w, "not in this trace",
                      t.text(t.small(), t.ink_faint), area.h - line);
        else
            draw_pending(canvas, t, {place.x, place.y, area.w, area.h - line},
                         "running with " + format_count(s.kept_rank()), s.cut.progress,
                         s.cut.error);
        return;
    }
    HeatMap map;
    map.area = place;
    // Of a long text those round the followed token.
    const std::int64_t context = probs->shape[3], past = context - s.tokens;
    map.rows = map.cols = shown_tokens(s);
    const std::int64_t from = first_token(s);
    // A run of one sequence beside a batch: both begin with the first.
    const std::int64_t first = (s.head * s.tokens + from) * context + past + from;
    map.value = [&](std::int64_t r, std::int64_t c) { return probs->at(first + r * context + c); };
    map.past = 0;
    map.scale = ColourScale::range(0, 1);
    map.numbers = false;
    if (own) {
        map.target = {s.node("attn_probs"), first, 0, 0, context, 1};
        outline_changed(map, *s.frame);
        if (s.frame->hover_node == map.target.node) map.hover_index = s.frame->hover_index;
    }
    draw_heat_map(canvas, t, map);
    const Rect row = heat_map_cell(map, s.t - from, 0);
    canvas.fill_rect({place.x - 4, row.y, 3, std::max(2.0, row.h)}, t.accent);
}

void draw_maps(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 24 * u;
    Rect rest = area;
    const double title = draw_block_title(
        canvas, t, area,
        "Attention of head " + format_count(s.head) +
            (shown_tokens(s) < s.tokens ? ", tokens " + format_count(first_token(s)) + " to " +
                                              format_count(first_token(s) + shown_tokens(s) - 1)
                                        : std::string()),
        "query down, key across");
    rest.y += title, rest.h -= title;
    const double w = (rest.w - gap) / 2;
    draw_attention(canvas, s, s.trace, {rest.x, rest.y, w, rest.h}, "all " + format_count(s.rank),
                   true);
    const double side = std::min(w, rest.h - line_height(t.small()) - 2);
    const double x = std::min(rest.x + w + gap, rest.x + side + gap * 1.5);
    draw_attention(canvas, s, after(s), {x, rest.y, w, rest.h},
                   "kept " + format_count(s.kept_rank()), false);
}

// The likeliest next tokens of both runs: of the model above, with fewer directions below.
void draw_next(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small()), bar = std::round(line * 0.4);
    Rect rest = area;
    const double title = draw_block_title(canvas, t, area, "Next token after " + s.token_text(s.t));
    rest.y += title, rest.h -= title;
    const Tensor* before = of_run(*s.trace, "probs");
    const Trace* run = after(s);
    const Tensor* now = run != nullptr ? of_run(*run, "probs") : nullptr;
    if (before == nullptr || now == nullptr) {
        if (before != nullptr)
            draw_pending(canvas, t, rest, "running with " + format_count(s.kept_rank()),
                         s.cut.progress, s.cut.error);
        return;
    }
    const std::int64_t vocab = before->shape.cols(), first = s.t * vocab;
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < vocab; ++i) ids.push_back(i);
    const double legend = line + 6 * u, row = std::max(line, 2 * bar + 6 * u);
    const auto shown = std::clamp<std::int64_t>(static_cast<std::int64_t>((rest.h - legend) / row),
                                                0, std::min<std::int64_t>(vocab, 8));
    const auto most = [&](std::int64_t i) {
        return std::max(before->at(first + i), now->at(first + i));
    };
    std::partial_sort(ids.begin(), ids.begin() + shown, ids.end(),
                      [&](std::int64_t a, std::int64_t b) {
                          return most(a) != most(b) ? most(a) > most(b) : a < b;
                      });
    if (shown < 1) return;
    draw_legend(
        canvas, t, {rest.x, rest.y}, rest.w,
        {{"all " + format_count(s.rank), t.ink_faint},
         {"kept " + format_count(s.kept_rank()), t.meaning(Meaning::latent), Hatch::diagonal}});
    const auto soft = t.text(t.small(), t.ink_soft);
    auto right = soft;
    right.align = Align::right;
    double left = 0;
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < shown; ++i) {
        names.push_back("“" + token_label(s.trace->label(ids[static_cast<std::size_t>(i)])) + "”");
        left = std::max(left, canvas.text_width(names.back(), soft));
    }
    left = std::min(std::ceil(left), rest.w * 0.35) + 8 * u;
    std::vector<std::string> figures;
    double number = 0;
    for (std::int64_t i = 0; i < shown; ++i) {
        const std::int64_t at = first + ids[static_cast<std::size_t>(i)];
        figures.push_back(format_percent(before->at(at)) + " → " + format_percent(now->at(at)));
        number = std::max(number, canvas.text_width(figures.back(), soft));
    }
    number = std::ceil(number) + 8 * u;
    const bool numbers = rest.w - left - number >= 48 * u;
    const double wide = rest.w - left - (numbers ? number : 0);
    const double top = std::max(most(ids.front()), 1e-30);
    for (std::int64_t i = 0; i < shown; ++i) {
        const std::int64_t id = ids[static_cast<std::size_t>(i)];
        const double y = rest.y + legend + row * static_cast<double>(i), middle = y + row / 2;
        text_in(canvas, {rest.x, y, left - 6 * u, row}, names[static_cast<std::size_t>(i)], soft);
        const double p = before->at(first + id), q = now->at(first + id);
        const Rect upper{rest.x + left, middle - bar - 0.5, wide * p / top, bar};
        canvas.fill_rect(upper, t.ink_faint.alpha(0.7));
        draw_parts(canvas, t, {rest.x + left, middle + 0.5, wide, bar},
                   {{q, t.meaning(Meaning::latent), Hatch::diagonal}}, top);
        canvas.hit({rest.x + left, y, wide, row}, {"probs", first + id, 1, 1, 0, 0});
        if (numbers)
            text_in(canvas, {rest.right() - number, y, number, row},
                    figures[static_cast<std::size_t>(i)], right);
    }
}

}  // namespace

void draw_rank(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 32 * u;
    if (!s.mla || s.trace->weights == nullptr) {
        const std::string words =
            !s.mla ? "This model's attention keeps keys and values as they are: there is no latent "
                     "of which directions could be left out."
                   : "A saved trace holds no weights: open the model and run the same text to see "
                     "what the directions of its latent carry.";
        return draw_empty_page(canvas, t, area, "No rank to lower here", words);
    }
    const double wide = area.w / u, high = area.h / u;
    const bool two = wide >= 640, below = high >= 300;
    const double w = two ? std::round((area.w - gap) * 0.5) : area.w;
    const double top = below ? std::round(area.h * 0.55) : area.h;
    draw_curve(canvas, s, {area.x, area.y, w, top});
    if (below) {
        const Rect lower{area.x, area.y + top + 12 * u, w, area.h - top - 12 * u};
        if (two)
            draw_spectrum(canvas, s, lower);
        else
            draw_next(canvas, s, lower);
    }
    if (!two) return;
    const double x = area.x + w + gap, right = area.right() - x;
    const double maps =
        std::min(top, right / 2 + line_height(t.normal()) + line_height(t.small()) + 8 * u);
    draw_maps(canvas, s, {x, area.y, right, maps});
    if (below) {
        const double y = area.y + maps + 16 * u;
        draw_next(canvas, s, {x, y, right, area.bottom() - y});
    }
}

}  // namespace sf::latent_kv
