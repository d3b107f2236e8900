#include "app/chrome.h"
#include "app/command_table.h"

#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>

namespace sf {

namespace {

std::string key_names(const AppCommand& command) {
    const auto shown = [](std::string chord) {
        for (const auto& [from, to] :
             {std::pair{"Right", "→"}, std::pair{"Left", "←"}, std::pair{"Escape", "Esc"}}) {
            const auto at = chord.find(from);
            if (at != std::string::npos) chord.replace(at, std::string(from).size(), to);
        }
        return chord.size() == 1 && chord[0] >= 'a' && chord[0] <= 'z'
                   ? std::string(1, static_cast<char>(chord[0] - 'a' + 'A'))
                   : chord;
    };
    if (command.id == "view") return "1 – 9";
    std::string names;
    for (std::size_t i = 0; i < command.keys.size() && i < 2; ++i)
        names += (i ? "  " : "") + shown(command.keys[i].chord);
    return names;
}

void shade(Canvas& canvas, const Theme& t, double width, double height) {
    canvas.fill_rect({0, 0, width, height}, (t.dark ? Colour{0, 0, 0} : t.background).alpha(0.72));
}

void card(Canvas& canvas, const Theme& t, const Rect& r) {
    for (int i = 3; i >= 1; --i) {
        const double d = i * 3;
        canvas.fill_rect({r.x - d, r.y - d + 3, r.w + 2 * d, r.h + 2 * d}, Colour{0, 0, 0, 10},
                         8 + d);
    }
    canvas.fill_rect(r, t.background, 8);
    canvas.stroke_rect(r, t.hairline, 1, 8);
}

}  // namespace

void draw_error(Canvas& canvas, const Controller& c, const Layout& l) {
    if (l.error.h <= 0) return;
    const Theme t = c.theme();
    const double s = t.text_scale;
    canvas.fill_rect(l.error, t.surface);
    canvas.fill_rect({l.error.x, l.error.y, l.error.w, 2}, t.bad);
    const TextStyle style = t.text(t.normal(), t.ink);
    const double left = l.error.x + 16 + 16 * s;
    draw_circle(canvas, {l.error.x + 16 + 4 * s, l.error.y + 10 + style.size * 0.6}, 4 * s, t.bad);
    paragraph(canvas, {left, l.error.y + 10}, l.error.right() - left - 48 * s, c.error(), style,
              l.error.h - 12);
    const Rect close{l.error.right() - 40 * s, l.error.y + 4, 32 * s, 24 * s};
    const Vec2 m = close.centre();
    const double d = 4 * s;
    canvas.line({m.x - d, m.y - d}, {m.x + d, m.y + d}, t.ink_soft, 1.5);
    canvas.line({m.x - d, m.y + d}, {m.x + d, m.y - d}, t.ink_soft, 1.5);
    canvas.hit(close, {"command:dismiss", 0, 1, 1, 0, 0});
}

void draw_toast(Canvas& canvas, const Controller& c, const Layout& l) {
    const Toast* toast = c.toast();
    if (!toast) return;
    const Theme t = c.theme();
    const double s = t.text_scale;
    const TextStyle style = t.text(t.normal(), t.ink);
    const TextStyle link = t.text(t.normal(), t.accent, Weight::bold);
    double offers = 0;
    for (const auto& [name, line] : toast->offers)
        offers += 16 * s + canvas.text_width("as " + name, link);
    const double most = l.centre.w - 64;
    const std::string words = elide(canvas, toast->text, style, std::max(40.0, most - offers - 32));
    const double w = canvas.text_width(words, style) + offers + 32;
    const double h = 32 * s;
    const Rect r{l.centre.centre().x - w / 2, l.centre.bottom() - h - 16, w, h};
    card(canvas, t, r);
    double x = r.x + 16;
    const double base = r.centre().y + cap_height(style.size) / 2;
    canvas.text({x, base}, words, style);
    x += canvas.text_width(words, style);
    for (const auto& [name, line] : toast->offers) {
        x += 16 * s;
        const double width = canvas.text_width("as " + name, link);
        canvas.text({x, base}, "as " + name, link);
        canvas.hit({x - 4, r.y, width + 8, r.h}, {"command:" + line, 0, 1, 1, 0, 0});
        x += width;
    }
}

void draw_help(Canvas& canvas, const Controller& c, double width, double height) {
    Theme t = c.theme();
    shade(canvas, t, width, height);
    // The whole list must fit: text shrinks where the window is too small for it.
    std::vector<std::pair<std::string, std::vector<const AppCommand*>>> groups;
    for (const AppCommand& command : command_table()) {
        if (command.keys.empty()) continue;
        if (groups.empty() || groups.back().first != command.group)
            groups.push_back({command.group, {}});
        groups.back().second.push_back(&command);
    }
    std::size_t most = 0;
    for (const auto& g : groups) most = std::max(most, g.second.size());
    const std::size_t columns = 2;
    std::vector<std::size_t> column_of(groups.size(), 0);
    std::vector<double> rows(columns, 0);
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const std::size_t to = rows[0] <= rows[1] ? 0 : 1;
        column_of[i] = to;
        rows[to] += static_cast<double>(groups[i].second.size()) + 2;
    }
    const double needed = *std::max_element(rows.begin(), rows.end()) + 1;
    const double scale =
        std::min({t.text_scale, (height - 64) / (needed * 22), (width - 64) / 800});
    t.text_scale = scale;
    const double row = 22 * scale;
    const Rect r{width / 2 - 380 * scale, height / 2 - (needed * row + 24 * scale) / 2, 760 * scale,
                 needed * row + 24 * scale};
    card(canvas, t, r);
    std::vector<double> y(columns, r.y + 20 * scale);
    const double column = (r.w - 48 * scale) / static_cast<double>(columns);
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const std::size_t k = column_of[i];
        const double x = r.x + 24 * scale + static_cast<double>(k) * column;
        canvas.text({x, y[k] + t.normal()}, groups[i].first,
                    t.text(t.normal(), t.ink, Weight::bold));
        y[k] += row * 1.3;
        for (const AppCommand* command : groups[i].second) {
            canvas.text({x, y[k] + t.normal()}, command->title, t.text(t.normal(), t.ink_soft));
            canvas.text({x + column - 32 * scale, y[k] + t.normal()}, key_names(*command),
                        t.text(t.normal(), t.accent, Weight::regular, Align::right));
            y[k] += row;
        }
        y[k] += row * 0.7;
    }
    canvas.hit({0, 0, width, height}, {"command:help", 0, 1, 1, 0, 0});
}

void draw_checks(Canvas& canvas, const Controller& c, const Layout& l) {
    const Theme t = c.theme();
    const double s = t.text_scale;
    const double w = std::min(480 * s, l.top.w - 32);
    const TextStyle name = t.text(t.normal(), t.ink);
    const TextStyle figure = t.text(t.small(), t.ink_soft);
    double h = 16 * s;
    const double inner = w - 56 * s;
    for (int pane = 0; pane < c.panes(); ++pane) {
        h += 26 * s;
        for (const Invariant& i : c.invariants(pane))
            h += paragraph_height(canvas, inner, i.name, name) +
                 paragraph_height(canvas, inner, i.figure, figure) + 8 * s;
    }
    const Rect r{l.top.right() - w - 16, l.top.bottom() + 4, w, h + 8 * s};
    card(canvas, t, r);
    canvas.hit(r, {"command:", 0, 1, 1, 0, 0});
    double y = r.y + 14 * s;
    for (int pane = 0; pane < c.panes(); ++pane) {
        const TextStyle heading = t.text(t.normal(), t.ink, Weight::bold);
        canvas.text({r.x + 16 * s, y + heading.size}, c.view(pane).title() + " must hold", heading);
        y += 26 * s;
        for (const Invariant& i : c.invariants(pane)) {
            draw_circle(canvas, {r.x + 24 * s, y + name.size * 0.75}, 4 * s,
                        i.holds ? t.good : t.bad);
            y += paragraph(canvas, {r.x + 40 * s, y}, inner, i.name, name);
            y += paragraph(canvas, {r.x + 40 * s, y}, inner, i.figure, figure) + 8 * s;
        }
    }
}

}  // namespace sf
