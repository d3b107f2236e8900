#include "core/text/tokenizer.h"
#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/experts_kinds.h"
#include "views/place.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sf::experts {

namespace {

constexpr double most_taste = 2;  // log2: four times as often as the mean, or a quarter

std::string cell_text(const KindsScene& s, std::size_t kind, std::size_t e) {
    if (!s.relative) return format_percent(s.share(kind, e));
    const double taste = s.taste(kind, e);
    return std::isfinite(taste) ? format_fixed(taste, taste < 9.95 ? 1 : 0) : "–";
}

double cell_value(const KindsScene& s, std::size_t kind, std::size_t e) {
    if (!s.relative) return s.share(kind, e);
    const double taste = s.taste(kind, e);
    if (!std::isfinite(taste)) return 0;
    return std::clamp(std::log2(std::max(taste, 1e-9)), -most_taste, most_taste);
}

ColourScale cell_scale(const KindsScene& s) {
    if (s.relative) return ColourScale::symmetric(most_taste);
    double most = 0;
    for (std::size_t k = 0; k < s.kinds(); ++k)
        for (std::size_t e = 0; e < static_cast<std::size_t>(s.experts); ++e)
            most = std::max(most, s.share(k, e));
    return ColourScale::range(0, std::max(most, 1e-9));
}

// In every cell or in none.
void draw_cell_texts(Canvas& canvas, const KindsScene& s, const HeatMap& map) {
    const Rect one = heat_map_cell(map, 0, 0);
    const auto fits = [&](double size) { return one.h > 3.4 * size && one.w > 5 * size; };
    const double size = fits(s.theme->large())    ? s.theme->large()
                        : fits(s.theme->normal()) ? s.theme->normal()
                                                  : s.theme->small();
    auto style = s.theme->text(size, s.theme->ink, Weight::regular, Align::centre);
    if (one.h < line_height(style.size)) return;
    for (std::size_t k = 0; k < s.kinds(); ++k)
        for (std::size_t e = 0; e < static_cast<std::size_t>(s.experts); ++e)
            if (canvas.text_width(cell_text(s, k, e), style) > one.w - 5 * s.theme->text_scale)
                return;
    for (std::size_t k = 0; k < s.kinds(); ++k)
        for (std::size_t e = 0; e < static_cast<std::size_t>(s.experts); ++e) {
            style.colour = ink_on(map.scale.colour(*s.theme, cell_value(s, k, e)));
            const Rect cell =
                heat_map_cell(map, static_cast<std::int64_t>(k), static_cast<std::int64_t>(e));
            canvas.text({cell.centre().x, cell.centre().y + cap_height(style.size) / 2},
                        cell_text(s, k, e), style);
        }
}

// The scale goes by the logarithm, its ends are named as what they stand for.
void draw_key(Canvas& canvas, const KindsScene& s, const Rect& area, const ColourScale& scale) {
    const Theme& t = *s.theme;
    if (!s.relative) {
        draw_colour_key(canvas, t, {area.x, area.y}, area.w, scale);
        return;
    }
    HeatMap band;
    band.area = {area.x, area.y, area.w, 8 * t.text_scale};
    band.rows = 1;
    band.cols = 65;
    band.value = [](std::int64_t, std::int64_t c) {
        return most_taste * (static_cast<double>(c) / 32 - 1);
    };
    band.scale = scale;
    band.numbers = false;
    draw_heat_map(canvas, t, band);
    const double base = band.area.bottom() + 4 + cap_height(t.small());
    const std::array<std::pair<Align, const char*>, 3> ends{
        {{Align::left, "¼ ×"}, {Align::centre, "1 ×"}, {Align::right, "4 ×"}}};
    for (std::size_t i = 0; i < ends.size(); ++i)
        canvas.text({area.x + area.w * static_cast<double>(i) / 2, base}, ends[i].second,
                    t.text(t.small(), t.ink_faint, Weight::regular, ends[i].first));
}

// Between nodes.
void draw_node_lines(Canvas& canvas, const KindsScene& s, const HeatMap& map, double bottom) {
    for (std::int64_t g = 1; g < s.groups; ++g) {
        const double x = heat_map_cell(map, 0, g * s.experts / s.groups).x;
        canvas.line({x, map.area.y}, {x, bottom}, s.theme->background, 3);
        canvas.line({x, map.area.y}, {x, bottom}, s.theme->ink_faint, 1);
    }
}

// The whole work of each expert, against an even share.
void draw_work(Canvas& canvas, const KindsScene& s, const Rect& area, double labels) {
    const Theme& t = *s.theme;
    Bars bars;
    bars.area = area;
    double most = 1;
    for (std::size_t e = 0; e < static_cast<std::size_t>(s.experts); ++e) {
        bars.values.push_back(s.mean_share(e) * static_cast<double>(s.experts));
        bars.colours.push_back(t.meaning(Meaning::routed_expert).alpha(e == s.expert ? 1.0 : 0.5));
        most = std::max(most, bars.values.back());
    }
    bars.hi = most;
    bars.target = {"setting:expert", 0, 0, 0, 0, 1};
    draw_bars(canvas, t, bars);
    const double even = area.bottom() - area.h / most;
    draw_dashed(canvas, {{area.x, even}, {area.right(), even}}, t.ink_soft, 1);
    text_in(canvas, {area.x - labels, area.y, labels - 6, area.h}, "all work",
            t.text(t.small(), t.ink_soft, Weight::regular, Align::right));
}

// A token with its largest gate, where that was.
struct Line {
    std::string gate, token, before, after, remark;
    double value = 0;
    Target target;
};

// "␣" and "⏎" only where a token is named: a text is read.
std::string readable(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

// The end of a text that fits.
std::string tail(const Canvas& canvas, const std::string& text, const TextStyle& style,
                 double width) {
    for (std::size_t from = 0; from < text.size();) {
        const std::string rest = (from > 0 ? "…" : "") + text.substr(from);
        if (canvas.text_width(rest, style) <= width) return rest;
        from += std::max<std::size_t>(1, utf8_length(text, from));
    }
    return "";
}

void draw_lines(Canvas& canvas, const KindsScene& s, const Rect& area,
                const std::vector<Line>& lines, bool context) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, row = line_height(t.normal()) + 5 * u;
    const auto soft = t.text(t.normal(), t.ink_faint), remark = t.text(t.small(), t.ink_soft);
    const auto bold = t.text(t.normal(), t.ink, Weight::bold);
    double most = 1e-9, token = 0, note = 0;
    for (const Line& l : lines) {
        most = std::max(most, l.value);
        token = std::max(token, canvas.text_width(l.token, bold));
        note = std::max(note, canvas.text_width(l.remark, remark));
    }
    const double number = canvas.text_width("0.000", remark) + 8 * u, bar = 56 * u;
    token = std::min(std::ceil(token), area.w * 0.3) + 1;
    const double fixed = number + bar + 12 * u + token;
    const bool noted = fixed + note + 12 * u <= area.w;
    const double rest = area.w - fixed - (noted ? note + 16 * u : 0);
    const bool around = context && rest >= 160 * u;
    double y = area.y;
    for (const Line& l : lines) {
        if (y + row > area.bottom() + 0.5) return;
        const double base = y + row / 2 + cap_height(t.normal()) / 2;
        text_in(canvas, {area.x, y, number - 8 * u, row}, l.gate, remark);
        const Rect whole{area.x + number, y + row * 0.28, bar, row * 0.44};
        canvas.fill_rect(whole, t.raised, 2 * u);
        canvas.fill_rect({whole.x, whole.y, bar * l.value / most, whole.h},
                         t.meaning(Meaning::routed_expert), std::min(2 * u, whole.w / 2));
        double x = area.x + number + bar + 12 * u;
        if (around) {
            // The token stands in a column of its own, its text to both sides.
            const double half = (rest - 8 * u) * 0.55;
            auto right = soft;
            right.align = Align::right;
            canvas.text({x + half, base}, tail(canvas, l.before, soft, half), right);
            x += half + 4 * u;
            const std::string shown = elide(canvas, l.token, bold, token);
            canvas.text({x, base}, shown, bold);
            const double after = x + canvas.text_width(shown, bold) + 4 * u;
            const double end = area.right() - (noted ? note + 16 * u : 0);
            canvas.text({after, base}, elide(canvas, l.after, soft, end - after), soft);
        } else {
            text_in(canvas, {x, y, token, row}, l.token, bold);
        }
        if (noted) {
            auto right = remark;
            right.align = Align::right;
            text_in(canvas, {area.right() - note - 1, y, note + 1, row}, l.remark, right);
        }
        if (!l.target.node.empty()) canvas.hit({area.x, y, area.w, row}, l.target);
        y += row;
    }
}

}  // namespace

void draw_kinds_matrix(Canvas& canvas, const KindsScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, key = 150 * u;
    const bool keyed = area.w >= key + 420 * u;
    const double title = draw_block_title(
        canvas, t, {area.x, area.y, area.w - (keyed ? key + 16 * u : 0), area.h},
        "Who works on what",
        s.relative ? "share of a kind’s tokens that an expert gets, against its mean: 2, twice as "
                     "often; blank, alike"
                   : "share of a kind’s choices that an expert gets");
    HeatMap map;
    map.rows = static_cast<std::int64_t>(s.kinds());
    map.cols = s.experts;
    map.value = [&](std::int64_t r, std::int64_t c) {
        return cell_value(s, static_cast<std::size_t>(r), static_cast<std::size_t>(c));
    };
    map.scale = cell_scale(s);
    map.numbers = false;
    map.row_labels = s.use.value->kinds;
    for (std::int64_t e = 0; e < s.experts; ++e) map.col_labels.push_back(std::to_string(e));
    map.target = {"setting:expert", 0, 0, 0, 0, 1};
    const HeatMapMargins m = heat_map_margins(canvas, t, map);
    const double work = area.h >= 190 * u ? 34 * u : 0;
    map.area = {area.x + m.left, area.y + title + m.top, area.w - m.left,
                area.h - title - m.top - (work > 0 ? work + 8 * u : 0)};
    if (map.area.w < 40 * u || map.area.h < 40 * u) return;
    draw_heat_map(canvas, t, map);
    draw_cell_texts(canvas, s, map);
    if (work > 0)
        draw_work(canvas, s, {map.area.x, map.area.bottom() + 8 * u, map.area.w, work}, m.left);
    draw_node_lines(canvas, s, map, map.area.bottom() + (work > 0 ? work + 8 * u : 0));
    const Rect own = heat_map_cell(map, 0, static_cast<std::int64_t>(s.expert));
    canvas.stroke_rect({own.x - 0.5, map.area.y - 1, std::max(3.0, own.w + 1), map.area.h + 2},
                       t.accent, 2);
    const std::int64_t lit = s.frame->hover_index;
    if (s.frame->hover_node == "setting:expert" && lit >= 0 && lit < s.experts) {
        const Rect cell = heat_map_cell(map, 0, lit);
        canvas.stroke_rect({cell.x, map.area.y, std::max(2.0, cell.w), map.area.h}, t.ink_soft, 1);
    }
    if (keyed) draw_key(canvas, s, {area.right() - key, area.y, key, 0}, map.scale);
}

void draw_favourites(Canvas& canvas, const KindsScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    Rect rest = area;
    const double title =
        draw_block_title(canvas, t, area, "What expert " + std::to_string(s.expert) + " is given",
                         "largest gate of each token, where that was; given / read");
    rest.y += title, rest.h -= title;
    std::vector<Line> lines;
    for (const ExpertUse::Favourite& f : s.counted->favourites[s.expert])
        lines.push_back({format_fixed(f.gate, 3),
                         f.token,
                         readable(f.before),
                         readable(f.after),
                         s.use.value->kinds[f.kind] + ", " + format_count(f.given) + " / " +
                             format_count(f.seen),
                         f.gate,
                         {}});
    if (lines.empty())
        paragraph(canvas, {rest.x, rest.y}, rest.w, "No token of the corpus goes to this expert.",
                  t.text(t.normal(), t.ink_soft), rest.h);
    draw_lines(canvas, s, rest, lines, true);
}

void draw_own_text(Canvas& canvas, const KindsScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const Trace& trace = *s.frame->trace;
    const Tensor* chosen = fitting_tensor(trace, s.prefix + "router_indices");
    const Tensor* gates = fitting_tensor(trace, s.prefix + "router_weights");
    Rect rest = area;
    if (chosen == nullptr || gates == nullptr) {
        const double h = draw_block_title(canvas, t, area, "In the text at hand");
        paragraph(canvas, {rest.x, rest.y + h}, rest.w,
                  "The trace does not hold " + s.prefix + "router_indices.",
                  t.text(t.normal(), t.ink_soft), rest.h - h);
        return;
    }
    const std::int64_t rows = chosen->shape[1], k = chosen->shape[2], batch = s.frame->cursor.batch;
    std::vector<Line> lines;
    for (std::int64_t at = batch * rows * k; at < (batch + 1) * rows * k; ++at)
        if (chosen->ints[static_cast<std::size_t>(at)] == static_cast<std::int64_t>(s.expert)) {
            const std::int64_t token = at / k - batch * rows;
            lines.push_back({format_fixed(gates->at(at), 3),
                             quoted_token(trace, batch, token),
                             "",
                             "",
                             "token " + format_count(token),
                             gates->at(at),
                             {s.prefix + "router_weights", at, 1, 1, 0, 0}});
        }
    std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
        return std::isfinite(a.value) && (!std::isfinite(b.value) || a.value > b.value);
    });
    const double title =
        draw_block_title(canvas, t, area, "In the text at hand",
                         format_count(std::ssize(lines)) + " of " + format_count(rows) + " tokens");
    rest.y += title, rest.h -= title;
    if (lines.empty())
        paragraph(canvas, {rest.x, rest.y}, rest.w,
                  "Expert " + std::to_string(s.expert) + " works on no token of it.",
                  t.text(t.normal(), t.ink_soft), rest.h);
    draw_lines(canvas, s, rest, lines, false);
}

double favourites_height(const KindsScene& s) {
    constexpr double lines = 16;
    return line_height(s.theme->normal()) * (lines + 1) + 5 * s.theme->text_scale * lines + 8;
}

double own_text_height(const KindsScene& s) {
    return line_height(s.theme->normal()) * 3 + 14 * s.theme->text_scale;
}

}  // namespace sf::experts
