#include "views/draw/page.h"

#include "views/draw/number.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

double draw_block_title(Canvas& canvas, const Theme& t, const Rect& area, const std::string& title,
                        const std::string& remark) {
    const double h = line_height(t.normal());
    const auto style = t.text(t.normal(), t.ink, Weight::bold);
    text_in(canvas, {area.x, area.y, area.w, h}, title, style);
    const double used = canvas.text_width(title, style) + 12 * t.text_scale;
    const auto soft = t.text(t.small(), t.ink_faint);
    if (!remark.empty() && used + canvas.text_width(remark, soft) <= area.w)
        canvas.text({area.x + used, area.y + h / 2 + cap_height(t.normal()) / 2}, remark, soft);
    return h + 4;
}

double page_titles_width(const Canvas& canvas, const Theme& t, const PageTitles& pages) {
    const double gap = 20 * t.text_scale;
    double w = -gap;
    for (const auto& page : pages.titles)
        w += gap + canvas.text_width(page.second, t.text(t.normal(), t.ink, Weight::bold));
    return w;
}

double page_titles_height(const Theme& t) {
    return line_height(t.normal()) + 12 * t.text_scale;
}

void draw_page_titles(Canvas& canvas, const Theme& t, Vec2 at, const PageTitles& pages) {
    const double h = line_height(t.normal()), gap = 20 * t.text_scale;
    double x = at.x;
    for (const auto& [name, title] : pages.titles) {
        const bool now = pages.shown == name;
        const auto bold = t.text(t.normal(), t.ink, Weight::bold);
        const double own = canvas.text_width(title, bold);
        canvas.text({x, at.y + h / 2 + cap_height(t.normal()) / 2}, title,
                    now ? bold : t.text(t.normal(), t.ink_soft));
        if (now) canvas.fill_rect({x, at.y + h + 1, own, 2}, t.accent, 1);
        canvas.hit({x - 8, at.y - 4, own + 16, h + 8},
                   {"command:set " + pages.view + ".show=" + name, 0, 1, 1, 0, 0});
        x += own + gap;
    }
}

double draw_page_head(Canvas& canvas, const Theme& t, const Rect& all, const PageTitles& titles,
                      const std::string& headline, const std::string& facts) {
    const double pages = page_titles_width(canvas, t, titles), u = t.text_scale;
    const bool beside = all.w - pages >= 420 * u, shown = pages <= all.w;
    double y = all.y;
    if (shown) draw_page_titles(canvas, t, {beside ? all.right() - pages : all.x, y + 3}, titles);
    if (shown && !beside) y += page_titles_height(t);
    const double w = beside ? all.w - pages - 32 * u : all.w;
    y += paragraph(canvas, {all.x, y}, w, headline, t.text(t.large(), t.ink, Weight::bold),
                   2.2 * line_height(t.large())) +
         4;
    if (all.h < 300 * u) return y - all.y;
    y += paragraph(canvas, {all.x, y}, all.w, facts, t.text(t.small(), t.ink_soft),
                   (all.h < 420 * u ? 1.1 : 2.1) * line_height(t.small()));
    return y - all.y;
}

void draw_empty_page(Canvas& canvas, const Theme& t, const Rect& all, const std::string& head,
                     const std::string& body) {
    const double w = std::min(all.w, 560 * t.text_scale), x = all.x + (all.w - w) / 2;
    const auto title = t.text(t.large(), t.ink, Weight::bold, Align::centre);
    const auto soft = t.text(t.normal(), t.ink_soft, Weight::regular, Align::centre);
    const double h =
        paragraph_height(canvas, w, head, title) + 8 + paragraph_height(canvas, w, body, soft);
    double y = all.y + std::max(0.0, (all.h - h) / 2);
    y += paragraph(canvas, {x, y}, w, head, title, all.bottom() - y) + 8;
    if (y < all.bottom()) paragraph(canvas, {x, y}, w, body, soft, all.bottom() - y);
}

void draw_empty_page(Canvas& canvas, const Theme& t, const Rect& page, const PageTitles& titles,
                     const std::string& headline, const std::string& head,
                     const std::string& body) {
    const double used = draw_page_head(canvas, t, page, titles, headline, "");
    draw_empty_page(canvas, t, {page.x, page.y + used, page.w, page.h - used}, head, body);
}

void draw_pending(Canvas& canvas, const Theme& t, const Rect& area, const std::string& what,
                  double progress, const std::string& error) {
    const double line = line_height(t.small()), u = t.text_scale;
    if (area.h < line || area.w < 24 * u) return;
    const auto soft = t.text(t.small(), error.empty() ? t.ink_faint : t.bad);
    const std::string text = error.empty() ? what + " …" : error;
    const double used =
        paragraph(canvas, {area.x, area.y}, area.w, text, soft, std::min(area.h, 3.1 * line));
    if (!error.empty() || used + 10 * u > area.h) return;
    const Rect bar{area.x, area.y + used + 4 * u, std::min(area.w, 160 * u), 3 * u};
    canvas.fill_rect(bar, t.hairline, 1.5 * u);
    const double done = bar.w * std::clamp(progress, 0.0, 1.0);
    if (done > 0) canvas.fill_rect({bar.x, bar.y, done, bar.h}, t.accent, 1.5 * u);
}

}  // namespace sf
