#include "app/chrome.h"

#include "app/chrome_icons.h"
#include "views/draw/number.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// Steps of one layer that follow one another: one bar.
struct Group {
    std::int64_t begin = 0, end = 0;
    std::string name;
};

std::string group_name(const Step& step, const ModelConfig& config) {
    // The way back is marked by the sign of the gradient.
    const std::string way = step.kind == Step::Kind::gradient ? "∇ " : "";
    if (step.layer < 0) return way + (step.part == Part::embed ? "in" : "out");
    if (step.layer >= config.num_hidden_layers)
        return way + "MTP " + std::to_string(step.layer - config.num_hidden_layers + 1);
    return way + "layer " + std::to_string(step.layer);
}

// Tiles and experts belong to their operation, the gradient does not.
bool same_operation(const Step& a, const Step& b) {
    return a.node == b.node && (a.kind == Step::Kind::gradient) == (b.kind == Step::Kind::gradient);
}

bool same_bar(const Step& a, const Step& b) {
    return a.layer == b.layer &&
           (a.kind == Step::Kind::gradient) == (b.kind == Step::Kind::gradient) &&
           (a.layer >= 0 || (a.part == Part::embed) == (b.part == Part::embed));
}

std::vector<std::int64_t> group_begins(const Timeline& t) {
    std::vector<std::int64_t> begins;
    for (std::int64_t i = 0; i < t.size(); ++i)
        if (i == 0 || !same_bar(t[i - 1], t[i])) begins.push_back(i);
    begins.push_back(t.size());
    return begins;
}

constexpr double bar_gap = 4;

void draw_button(Canvas& canvas, const Theme& t, const Rect& r, const std::string& command,
                 Icon icon, bool lit) {
    canvas.fill_rect(r, lit ? t.accent_soft : t.raised, 4);
    draw_icon(canvas, r, icon, lit ? t.accent : t.ink_soft);
    canvas.hit(r, {"command:" + command, 0, 1, 1, 0, 0});
}

}  // namespace

Rect timeline_bar(const Layout& l, const Theme& t) {
    const double s = t.text_scale;
    const double left = l.bottom.x + 16 + 3 * 30 * s + 16;
    const double top = l.bottom.y + 8 + 20 * s;
    return {left, top, l.bottom.right() - 16 - left, 12 * s};
}

std::vector<Segment> timeline_segments(const Timeline& timeline, const Rect& bar) {
    std::vector<Segment> segments(static_cast<std::size_t>(timeline.size()));
    if (timeline.size() == 0) return segments;
    // Operations are equally wide; tiles and experts share the width of theirs.
    std::vector<std::int64_t> operation(segments.size(), 0), parts;
    for (std::int64_t i = 0; i < timeline.size(); ++i) {
        if (i == 0 || !same_operation(timeline[i], timeline[i - 1])) parts.push_back(0);
        operation[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(parts.size()) - 1;
        ++parts.back();
    }
    const std::vector<std::int64_t> begins = group_begins(timeline);
    const auto bars = static_cast<double>(begins.size() - 1);
    const double gap = std::min(bar_gap, bar.w / bars / 4);
    const double each = (bar.w - gap * (bars - 1)) / static_cast<double>(parts.size());
    double x = bar.x;
    std::size_t next_bar = 1;
    for (std::int64_t i = 0; i < timeline.size(); ++i) {
        const auto k = static_cast<std::size_t>(i);
        if (next_bar < begins.size() && i == begins[next_bar]) {
            x += gap;
            ++next_bar;
        }
        const double w = each / static_cast<double>(parts[static_cast<std::size_t>(operation[k])]);
        segments[k] = {x, x + w};
        x += w;
    }
    return segments;
}

std::int64_t step_at(const Controller& c, const Layout& l, double x) {
    if (!c.snapshot().trace || !c.snapshot().timeline) return -1;
    const std::vector<Segment> segments =
        timeline_segments(*c.snapshot().timeline, timeline_bar(l, c.theme()));
    std::int64_t best = -1;
    for (std::size_t i = 0; i < segments.size(); ++i)
        if (best < 0 || x >= segments[i].begin) best = static_cast<std::int64_t>(i);
    return best;
}

void draw_bottom(Canvas& canvas, const Controller& c, const Layout& l) {
    const Theme t = c.theme();
    const double s = t.text_scale;
    const Rect bar = timeline_bar(l, t);
    const double size = 24 * s;
    const double by = bar.centre().y - size / 2;
    const auto button = [&](int i) { return Rect{l.bottom.x + 16 + i * 30 * s, by, size, size}; };
    draw_button(canvas, t, button(0), "previous", Icon::back, false);
    draw_button(canvas, t, button(1), "play", c.state().playing ? Icon::pause : Icon::play,
                c.state().playing);
    draw_button(canvas, t, button(2), "next", Icon::forward, false);

    const double words = l.bottom.y + 8 + t.small();
    const TextStyle soft = t.text(t.small(), t.ink_soft);
    const TextStyle faint = t.text(t.small(), t.ink_faint);
    const std::string keys = "Space next   ← back   Ctrl+P find   ? keys";
    const double keys_width = canvas.text_width(keys, faint);
    const bool with_keys = keys_width < bar.w * 0.45;
    if (with_keys) canvas.text({bar.right() - keys_width, words}, keys, faint);
    const double room = bar.w - (with_keys ? keys_width + 24 : 0);
    const Step* step = c.current_step();
    if (!c.snapshot().trace || !c.snapshot().timeline || !step) {
        canvas.text({bar.x, words},
                    elide(canvas, c.running() ? "Running …" : "Nothing has run yet.", soft, room),
                    soft);
        canvas.fill_rect(bar, t.raised, 3);
        return;
    }
    const Timeline& timeline = *c.snapshot().timeline;
    std::string caption = "step " + std::to_string(c.step()) + " of " +
                          std::to_string(timeline.size()) + "   " + step->title;
    if (c.running()) caption = "Running …";
    canvas.text({bar.x, words}, elide(canvas, caption, soft, room), soft);

    const std::vector<Segment> segments = timeline_segments(timeline, bar);
    const std::vector<std::int64_t> begins = group_begins(timeline);
    const auto at = static_cast<std::size_t>(c.step());
    const ModelConfig& config = c.snapshot().trace->graph->config;
    const double label_y = bar.bottom() + 3 + t.small();
    // A label gives way to the one of the layer in focus.
    const auto group_left = [&](std::size_t g) {
        return segments[static_cast<std::size_t>(begins[g])].begin;
    };
    double here_left = bar.right();
    for (std::size_t g = 0; g + 1 < begins.size(); ++g)
        if (c.step() >= begins[g] && c.step() < begins[g + 1]) here_left = group_left(g);
    double free_from = bar.x;
    for (std::size_t g = 0; g + 1 < begins.size(); ++g) {
        const auto first = static_cast<std::size_t>(begins[g]);
        const auto last = static_cast<std::size_t>(begins[g + 1]) - 1;
        const double left = segments[first].begin, right = segments[last].end;
        const bool here = at >= first && at <= last;
        canvas.fill_rect({left, bar.y, right - left, bar.h}, t.raised, 2);
        if (at >= first)
            canvas.fill_rect({left, bar.y, segments[std::min(at, last)].end - left, bar.h},
                             t.accent_soft, 2);
        for (std::size_t i = first + 1; i <= last; ++i) {
            const auto k = static_cast<std::int64_t>(i);
            if (same_operation(timeline[k], timeline[k - 1])) continue;
            if (segments[i].end - segments[i].begin < 3) continue;
            canvas.fill_rect({segments[i].begin - 0.5, bar.y, 1, bar.h}, t.surface);
        }
        const TextStyle label = t.text(t.small(), here ? t.ink : t.ink_faint);
        std::string name = group_name(timeline[begins[g]], config);
        if (canvas.text_width(name, label) > right - left && timeline[begins[g]].layer >= 0)
            name = std::to_string(timeline[begins[g]].layer);
        const double end = left + canvas.text_width(name, label) + 6 * s;
        if (here || (left >= free_from && (left > here_left || end <= here_left))) {
            canvas.text({left, label_y}, name, label);
            free_from = end;
        }
    }
    const double w = std::max(3.0, segments[at].end - segments[at].begin);
    const double x = (segments[at].begin + segments[at].end) / 2 - w / 2;
    canvas.fill_rect({x, bar.y - 3, w, bar.h + 6}, t.accent, 2);
    for (std::size_t i = 0; i < segments.size(); ++i)
        canvas.hit({segments[i].begin, bar.y - 6, segments[i].end - segments[i].begin, bar.h + 12},
                   {"step", static_cast<std::int64_t>(i), 1, 1, 0, 0});
}

}  // namespace sf
