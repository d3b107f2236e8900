#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/latent_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::latent_kv {

namespace {

// The caches' heights: bytes of a token at one scale, yet no row lower than its words.
std::vector<double> row_heights(const std::vector<double>& bytes, double room, double least) {
    double lo = 0, hi = room;  // pixels of the largest
    const double most = std::max(1.0, *std::max_element(bytes.begin(), bytes.end()));
    const auto total = [&](double largest) {
        double sum = 0;
        for (const double b : bytes) sum += std::max(least, largest * b / most);
        return sum;
    };
    for (int i = 0; i < 40; ++i) (total((lo + hi) / 2) > room ? hi : lo) = (lo + hi) / 2;
    std::vector<double> heights;
    for (const double b : bytes) heights.push_back(lo * b / most);
    return heights;
}

void draw_grown(Canvas& canvas, const Scene& s, const CacheCount& count, const Rect& r,
                std::int64_t now) {
    const Theme& t = *s.theme;
    const auto n = static_cast<double>(count.bytes.size());
    const double step = r.w / n, gap = step >= 6 ? std::min(3.0, step * 0.2) : 0;
    const auto column = [&](std::int64_t i, double h) {
        return Rect{r.x + step * static_cast<double>(i), r.bottom() - h, step - gap, h};
    };
    // What the rest of the text will take.
    if (now + 1 < static_cast<std::int64_t>(count.bytes.size())) {
        const double x = r.x + step * static_cast<double>(now + 1);
        canvas.stroke_rect({x, r.y, r.right() - x - gap, r.h}, t.hairline, 1, 1);
    }
    const auto widths = cache_widths(count.config);
    const double share =
        static_cast<double>(widths[0]) / static_cast<double>(widths[0] + widths[1]);
    const bool latent = count.config.mla();
    const Meaning low = latent ? Meaning::latent : Meaning::key;
    const Meaning high = latent ? Meaning::position : Meaning::value;
    const double come = std::min(arrival(s, s.node(s.mla ? "cache_latent" : "cache_k")),
                                 arrival(s, s.node(s.mla ? "cache_k_pe" : "cache_v")));
    for (std::int64_t i = 0; i <= now; ++i) {
        Rect c = column(i, r.h * (i == now ? come : 1));
        // Columns that touch are one, without seams.
        if (gap == 0 && i < now) {
            c = {r.x, r.y, step * static_cast<double>(now), r.h};
            i = now - 1;
        }
        const double cut = c.bottom() - c.h * share;
        canvas.fill_rect({c.x, cut, c.w, c.bottom() - cut}, t.meaning(low).alpha(0.75));
        canvas.fill_rect({c.x, c.y, c.w, cut - c.y}, t.meaning(high).alpha(0.75));
        if (i == s.t && gap > 0) canvas.stroke_rect(c, t.ink, 1.25);
    }
    if (latent) {
        const Rect grown{r.x, r.y, step * static_cast<double>(now + 1) - gap, r.h};
        draw_hatch(canvas, grown, Hatch::diagonal, t.background.alpha(0.6), 5);
    }
    canvas.line({r.x, r.bottom()}, {r.right(), r.bottom()}, t.hairline, 1);
    const std::int64_t first = s.batch * s.trace->extent.tokens;
    canvas.hit(r, {"token", first, 1, static_cast<std::int64_t>(count.bytes.size()), 0, 1});
}

}  // namespace

std::string times(double factor) {
    return format_number(factor, factor < 10 ? 2 : 3) + " ×";
}

double arrival(const Scene& s, const std::string& node) {
    const double x = std::clamp(s.frame->cursor.within, 0.0, 1.0);
    return x >= 1 || !is_current(s, node) ? 1 : x * x * (3 - 2 * x);
}

bool is_current(const Scene& s, const std::string& node) {
    const Frame& f = *s.frame;
    if (f.timeline == nullptr || f.timeline->size() == 0) return false;
    const Step& step =
        (*f.timeline)[std::clamp<std::int64_t>(f.cursor.step, 0, f.timeline->size() - 1)];
    return step.kind != Step::Kind::gradient && step.node != no_node &&
           (*s.trace->graph)[step.node].name == node;
}

void draw_cached(Canvas& canvas, const Theme& t, const Rect& r, Meaning meaning, double spacing) {
    canvas.fill_rect(r, t.meaning_soft(meaning), 3);
    draw_hatch(canvas, r, Hatch::diagonal, t.meaning(meaning).alpha(0.7), spacing);
    canvas.stroke_rect(r, t.meaning(meaning), 1.5, 3);
}

std::vector<Part> parts_of(const Theme& t, const ModelConfig& c, double amount) {
    const auto widths = cache_widths(c);
    const auto whole = static_cast<double>(widths[0] + widths[1]);
    const bool latent = c.mla();
    const Hatch hatch = latent ? Hatch::diagonal : Hatch::none;
    return {{amount * static_cast<double>(widths[0]) / whole,
             t.meaning(latent ? Meaning::latent : Meaning::key), hatch},
            {amount * static_cast<double>(widths[1]) / whole,
             t.meaning(latent ? Meaning::position : Meaning::value), hatch}};
}

void draw_parts(Canvas& canvas, const Theme& t, const Rect& r, const std::vector<Part>& parts,
                double most) {
    double x = r.x;
    for (const Part& p : parts) {
        const double w = most > 0 ? r.w * p.amount / most : 0;
        if (w <= 0) continue;
        const Rect bar{x, r.y, std::max(w, 0.75), r.h};
        canvas.fill_rect(bar, p.colour.alpha(p.hatch == Hatch::none ? 0.85 : 0.7));
        if (w > 4) draw_hatch(canvas, bar, p.hatch, t.background.alpha(0.7), 4);
        x += w;
    }
}

double caches_height(const Theme& t) {
    return line_height(t.normal()) + 4 + 4 * (2 * line_height(t.small()) + 6 * t.text_scale);
}

double draw_caches(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    Rect rest = area;
    const double title =
        draw_block_title(canvas, t, area, "The cache grows", "bytes counted, × of MLA's");
    rest.y += title, rest.h -= title;
    if (s.counts.value == nullptr) {
        draw_pending(canvas, t, rest, "counting the bytes of four caches", s.counts.progress,
                     s.counts.error);
        return area.h;
    }
    const auto& kinds = s.counts.value->kinds;
    const auto now =
        std::min<std::int64_t>(s.t, static_cast<std::int64_t>(kinds.front().bytes.size()) - 1);
    const std::int64_t own = own_kind(s);
    std::vector<double> bytes;
    for (const CacheCount& k : kinds)
        bytes.push_back(static_cast<double>(k.bytes[static_cast<std::size_t>(now)]) /
                        static_cast<double>(now + 1));
    const double gap = 10 * u, least = 2 * line;
    const double room = rest.h - gap * static_cast<double>(kinds.size() - 1);
    if (room < least * static_cast<double>(kinds.size())) return title;
    const auto heights = row_heights(bytes, std::min(room, 640 * u), least);
    const auto bold = t.text(t.small(), t.ink, Weight::bold), soft = t.text(t.small(), t.ink_soft);
    std::vector<std::string> names, words;
    double left = 0;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const double ratio = bytes[i] / bytes.back();
        const bool mine = static_cast<std::int64_t>(i) == own;
        std::string name = kinds[i].kind;
        names.push_back(name + (kinds[i].config.mla() ? "" : "  " + times(ratio)) +
                        (mine ? ", this model" : ""));
        words.push_back(format_count(std::llround(bytes[i])) + " B a token");
        left = std::max(
            {left, canvas.text_width(names.back(), bold), canvas.text_width(words.back(), soft)});
    }
    left = std::ceil(left) + 12 * u;
    double y = rest.y;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const double pitch = std::max(heights[i], least);
        const double bottom = y + pitch;
        const double text = bottom - std::min(pitch, std::max(2 * line, heights[i]));
        text_in(canvas, {rest.x, text, left - 8 * u, line}, names[i], bold);
        text_in(canvas, {rest.x, text + line, left - 8 * u, line}, words[i], soft);
        // The total of the followed token, where a third line fits.
        if (pitch >= 3.2 * line) {
            const std::string all = format_bytes(kinds[i].bytes[static_cast<std::size_t>(now)]) +
                                    " at " + format_count(now + 1);
            if (canvas.text_width(all, soft) <= left - 8 * u)
                text_in(canvas, {rest.x, text + 2 * line, left - 8 * u, line}, all,
                        t.text(t.small(), t.ink_faint));
        }
        if (rest.w - left > 24 * u)
            draw_grown(canvas, s, kinds[i],
                       {rest.x + left, bottom - heights[i], rest.w - left, heights[i]}, now);
        y += pitch + gap;
    }
    return y - gap - area.y;
}

}  // namespace sf::latent_kv
