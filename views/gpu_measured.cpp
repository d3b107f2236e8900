#include "views/gpu_measured.h"

#include "views/draw/page.h"

namespace sf::gpu {

std::string words_without_report(const Setup& s) {
    if (!s.missing.empty()) return s.missing;
    if (!s.device()) return no_device_title(*s.frame) + ". " + no_device_words();
    if (s.report.value != nullptr) return "";
    if (!s.report.error.empty()) return s.report.error;
    return "The device is at work; its results come in a moment.";
}

bool draw_without_report(Canvas& canvas, const Setup& s, const Rect& area,
                         const PageTitles& titles) {
    const Theme& t = *s.theme;
    if (!s.missing.empty()) {
        draw_empty_page(canvas, t, area, titles, "", "Type a text and press Enter",
                        "A device then computes its attention and experts beside the CPU.");
        return true;
    }
    if (!s.device()) {
        draw_empty_page(canvas, t, area, titles, "", no_device_title(*s.frame), no_device_words());
        return true;
    }
    if (s.report.value != nullptr) return false;
    const double head = draw_page_head(canvas, t, area, titles, "The device is at work",
                                       s.frame->gpu->device().name);
    draw_pending(
        canvas, t,
        {area.x, area.y + head + 12 * t.text_scale, area.w, area.h - head - 12 * t.text_scale},
        "computing attention and experts with every kernel", s.report.progress, s.report.error);
    return true;
}

}  // namespace sf::gpu
