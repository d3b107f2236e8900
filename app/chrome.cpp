#include "app/chrome.h"

#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

double on_grid(double x) {
    return std::round(x / 8) * 8;
}

Colour check_colour(const Controller& c) {
    const Theme t = c.theme();
    if (!c.snapshot().trace) return t.ink_faint;
    return c.all_hold() ? t.good : t.bad;
}

double baseline_in(const Rect& row, double size) {
    return row.y + row.h / 2 + cap_height(size) / 2;
}

// One piece of the line right of the prompt. Where there is no room for all, those of the highest
// rank are left out.
struct Piece {
    std::string text;
    Weight weight = Weight::regular;
    bool soft = true;
    std::string command;
    bool light = false;  // the self-check's dot before it
    int rank = 0;
};

double piece_width(const Canvas& canvas, const Theme& t, const Piece& p) {
    return canvas.text_width(p.text, t.text(t.normal(), t.ink, p.weight)) +
           (p.light ? 16 : 0) * t.text_scale;
}

constexpr double piece_gap = 20;

// From the right end to the left.
std::vector<Piece> top_pieces(const Controller& c) {
    const Snapshot& s = c.snapshot();
    std::vector<Piece> pieces;
    const auto add = [&](const std::string& text, int rank, Weight weight = Weight::regular,
                         bool soft = true, const std::string& command = "", bool light = false) {
        if (!text.empty()) pieces.push_back({text, weight, soft, command, light, rank});
    };
    add(c.panel_open() ? "›" : "‹", 0, Weight::bold, true, "command:panel");
    if (s.trace) {
        std::size_t count = 0, held = 0;
        for (int pane = 0; pane < c.panes(); ++pane)
            for (const Invariant& i : c.invariants(pane)) {
                ++count;
                held += i.holds ? 1 : 0;
            }
        add(std::to_string(held) + " of " + std::to_string(count) + " hold", 1, Weight::regular,
            held == count, "command:checks", true);
    }
    if (const std::size_t n = c.edited(); n > 0)
        add(format_count(static_cast<std::int64_t>(n)) +
                (n == 1 ? " value set by hand ↺" : " values set by hand ↺"),
            1, Weight::bold, false, "command:restore");
    add(c.backend_text(), 3, Weight::regular, true, "command:backend");
    const ModelConfig* config = s.model ? &s.model->config : nullptr;
    if (s.trace && s.trace->graph) config = &s.trace->graph->config;
    if (config) add(format_short(static_cast<double>(cost(*config).parameters)) + " parameters", 4);
    std::int64_t trained = 0;
    if (s.trace)
        trained = s.trace->trained_step;
    else if (s.model && s.model->weights)
        trained = s.model->weights->trained_step;
    add(trained == 0 ? "untrained" : "step " + format_count(trained), 1);
    add(s.trace ? s.trace->model_name : s.model ? s.model->name : "", 2, Weight::bold, false);
    return pieces;
}

// Those for which there is room.
std::vector<Piece> fitting_pieces(const Canvas& canvas, const Controller& c, double room) {
    std::vector<Piece> pieces = top_pieces(c);
    const Theme t = c.theme();
    for (;;) {
        double width = 0;
        auto last = pieces.begin();
        for (auto it = pieces.begin(); it != pieces.end(); ++it) {
            width += piece_width(canvas, t, *it) + piece_gap * t.text_scale;
            if (it->rank >= last->rank) last = it;
        }
        if (width <= room || pieces.size() <= 1) return pieces;
        pieces.erase(last);
    }
}

}  // namespace

bool is_roomy(const Controller& c, double width) {
    return width / c.theme().text_scale >= 1000;
}

Layout make_layout(const Controller& c, const Canvas& measure, double width, double height) {
    const Theme t = c.theme();
    const double s = t.text_scale;
    Layout l;
    l.narrow = !is_roomy(c, width);
    const double top = on_grid(16 + 26 * s);
    const double strip = on_grid(chip_height(t) + 14);
    const double bottom = on_grid(20 + 46 * s);
    l.top = {0, 0, width, top};
    l.strip = {0, top, width, strip};
    l.bottom = {0, height - bottom, width, bottom};
    const double body_top = top + strip;
    const double clock = c.has_clock() ? on_grid(8 + 18 * s) : 0;
    l.clock = {0, height - bottom - clock, width, clock};
    double body = height - bottom - clock - body_top;
    if (!c.error().empty()) {
        const TextStyle style = t.text(t.normal(), t.ink);
        const double rows = paragraph_height(measure, width - 64 * s, c.error(), style);
        const double high = std::min(on_grid(rows + 16), body / 2);
        l.error = {0, l.clock.y - high, width, high};
        body -= high;
    }
    double list = 16 + 24 * s;
    if (!l.narrow) {
        for (const auto& view : views())
            list = std::max(list, 52 * s + 16 +
                                      measure.text_width(view->title(),
                                                         t.text(t.normal(), t.ink, Weight::bold)));
        list = std::min(list, width * 0.2);
    }
    list = on_grid(list);
    l.list = {0, body_top, list, body};
    const double panel =
        c.panel_open() ? on_grid(std::min(312 * s, width * (l.narrow ? 0.36 : 0.27))) : 0;
    l.panel = {width - panel, body_top, panel, body};
    l.centre = {list, body_top, width - list - panel, body};
    const int panes = c.panes();
    const double heading = on_grid(10 + 20 * s);
    for (int i = 0; i < panes; ++i) {
        const double w = l.centre.w / panes;
        l.pane[i] = {l.centre.x + i * w, body_top, w, body};
        l.area[i] = {l.pane[i].x, body_top + heading, w, body - heading};
    }
    // The prompt takes what the words on its right leave, at least two fifths.
    double right = 12 * s;
    for (const Piece& p : top_pieces(c)) right += piece_gap * s + piece_width(measure, t, p);
    const double prompt = std::clamp(width - right - 24 * s, width * 0.4, 720 * s);
    l.prompt = {l.pad, 8, std::min(prompt, width * 0.62), top - 16};
    return l;
}

void draw_frame_lines(Canvas& canvas, const Controller& c, const Layout& l) {
    const Theme t = c.theme();
    for (const Rect& r : {l.top, l.strip, l.list, l.panel, l.clock, l.bottom})
        canvas.fill_rect(r, t.surface);
    const auto level = [&](double y) { canvas.fill_rect({0, y - 1, l.top.w, 1}, t.hairline); };
    level(l.strip.bottom());
    level(l.clock.y + 1);
    canvas.fill_rect({l.list.right() - 1, l.list.y, 1, l.list.h}, t.hairline);
    if (l.panel.w > 0) canvas.fill_rect({l.panel.x, l.panel.y, 1, l.panel.h}, t.hairline);
    if (c.panes() == 2) canvas.fill_rect({l.pane[1].x, l.pane[1].y, 1, l.pane[1].h}, t.hairline);
}

void draw_top(Canvas& canvas, const Controller& c, const Layout& l) {
    const Theme t = c.theme();
    const double s = t.text_scale;
    const double left = l.prompt.right() + 16 * s;
    double x = l.top.right() - 12 * s;
    for (const Piece& p : fitting_pieces(canvas, c, x - left)) {
        const TextStyle style = t.text(t.normal(), p.soft ? t.ink_soft : t.ink, p.weight);
        const double w = piece_width(canvas, t, p);
        x -= w;
        const double light = p.light ? 16 * s : 0;
        canvas.text({x + light, baseline_in(l.top, style.size)}, p.text, style);
        if (p.light) draw_circle(canvas, {x + 6 * s, l.top.centre().y}, 4.5 * s, check_colour(c));
        if (!p.command.empty())
            canvas.hit({x - 6 * s, l.top.y + 4, w + 12 * s, l.top.h - 8},
                       {p.command, 0, 1, 1, 0, 0});
        x -= piece_gap * s;
    }
}

void draw_strip(Canvas& canvas, const Controller& c, const Layout& l, double scroll) {
    const Theme t = c.theme();
    const Rect inner{l.strip.x + l.pad, l.strip.y, l.strip.w - 2 * l.pad, l.strip.h};
    const double high = chip_height(t);
    const double y = inner.y + (inner.h - high) / 2 - 3;
    const TextStyle faint = t.text(t.normal(), t.ink_faint);
    if (!c.snapshot().trace) {
        canvas.text({inner.x + 4, baseline_in(inner, faint.size)},
                    c.running() ? "Running …" : "The tokens of the text stand here.", faint);
        return;
    }
    const Trace& trace = *c.snapshot().trace;
    const std::int64_t n = c.token_count();
    std::vector<double> at(static_cast<std::size_t>(n) + 1, 0);
    constexpr double gap = 4;
    for (std::int64_t i = 0; i < n; ++i) {
        const auto k = static_cast<std::size_t>(i);
        at[k + 1] = at[k] + chip_width(canvas, t, trace.tokens[k]) + gap;
    }
    const auto chosen = static_cast<std::size_t>(c.token());
    const double most = std::max(0.0, at.back() - gap - inner.w);
    const double middle = (at[chosen] + at[chosen + 1]) / 2 - inner.w / 2;
    const double offset = std::clamp(std::clamp(middle, 0.0, most) + scroll, 0.0, most);
    const ClipScope clip(canvas, inner);
    for (std::int64_t i = 0; i < n; ++i) {
        const auto k = static_cast<std::size_t>(i);
        const Rect r{inner.x + at[k] - offset, y, at[k + 1] - at[k] - gap, high};
        if (r.right() < inner.x || r.x > inner.right()) continue;
        Chip chip;
        chip.text = trace.tokens[k];
        chip.chosen = k == chosen;
        chip.index = i;
        draw_chip(canvas, t, r, chip);
    }
}

void draw_list(Canvas& canvas, const Controller& c, const Layout& l) {
    const Theme t = c.theme();
    const double s = t.text_scale;
    const ClipScope clip(canvas, l.list);
    double y = l.list.y + 8;
    std::string group;
    int number = 0;
    for (const auto& view : views()) {
        ++number;
        if (!l.narrow && view->group() != group) {
            group = view->group();
            const TextStyle heading = t.text(t.small(), t.ink_faint);
            y += number == 1 ? 4 : 10 * s;
            canvas.text({l.list.x + 16, y + heading.size}, group, heading);
            y += 20 * s;
        }
        const Rect row{l.list.x + 6, y, l.list.w - 13, 26 * s};
        bool shown = false, focused = false;
        for (int pane = 0; pane < c.panes(); ++pane)
            if (&c.view(pane) == view.get()) {
                shown = true;
                focused = focused || pane == c.state().focus;
            }
        if (shown) canvas.fill_rect(row, focused ? t.accent_soft : t.raised, 4);
        const Rect key{row.x + 4, row.y, 18 * s, row.h};
        TextStyle digit =
            t.text(t.small(), shown ? t.accent : t.ink_faint, Weight::bold, Align::centre);
        if (number <= 9)
            canvas.text({l.narrow ? row.centre().x : key.centre().x, baseline_in(key, digit.size)},
                        std::to_string(number), digit);
        const TextStyle title =
            t.text(t.normal(), shown ? t.ink : t.ink_soft, shown ? Weight::bold : Weight::regular);
        if (!l.narrow)
            text_in(canvas, {key.right() + 6, row.y, row.right() - key.right() - 8, row.h},
                    view->title(), title);
        canvas.hit(row, {"view", number - 1, 1, 1, 0, 0});
        y += row.h + 2;
    }
}

void draw_pane_heading(Canvas& canvas, const Controller& c, const Layout& l, int pane) {
    const Theme t = c.theme();
    const double s = t.text_scale;
    const Rect row{l.pane[pane].x + 16, l.pane[pane].y, l.pane[pane].w - 32,
                   l.area[pane].y - l.pane[pane].y};
    const bool focused = c.panes() == 1 || pane == c.state().focus;
    double x = row.x;
    const auto word = [&](const std::string& text, const TextStyle& style,
                          const std::string& command) {
        const std::string shown = elide(canvas, text, style, row.right() - x);
        const double w = canvas.text_width(shown, style);
        canvas.text({x, baseline_in(row, style.size)}, shown, style);
        if (!command.empty()) canvas.hit({x - 4, row.y, w + 8, row.h}, {command, 0, 1, 1, 0, 0});
        x += w;
    };
    if (pane == c.state().focus && c.can_go_back()) {
        word("Back", t.text(t.normal(), t.accent), "command:back");
        word("  ›  ", t.text(t.normal(), t.ink_faint), "");
    }
    word(c.view(pane).title(),
         t.text(t.normal(), focused ? t.ink : t.ink_soft, focused ? Weight::bold : Weight::regular),
         "");
    if (c.comparing()) {
        x += 12 * s;
        word(c.run_name(pane), t.text(t.normal(), t.ink, Weight::bold), "");
        x += 12 * s;
        if (pane == 1) word("A − B", t.text(t.normal(), t.accent), "command:difference");
    }
    if (const Step* step = c.current_step(); step && c.panes() == 1) {
        x += 12 * s;
        word(step->name, t.text(t.small(), t.ink_faint), "");
    }
    if (c.panes() == 2 && pane == c.state().focus)
        canvas.fill_rect({l.pane[pane].x + 1, l.pane[pane].y, l.pane[pane].w - 1, 2}, t.accent);
}

}  // namespace sf
