#include "views/draw/formula.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/map_flow.h"
#include "views/map_gradient.h"
#include "views/map_picture.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// Starts and ends gently.
double ease(double t) {
    t = std::clamp(t, 0.0, 1.0);
    return t * t * (3 - 2 * t);
}

// One thin bar for each operation of a box: where in it the cursor is, and a way to each.
void draw_segments(Canvas& canvas, const MapContext& c, const Flow::Box& box, const Rect& r) {
    const auto n = static_cast<double>(box.nodes.size());
    const double gap = r.w / n > 8 ? 3 : 1, w = (r.w - gap * (n - 1)) / n;
    for (std::size_t i = 0; i < box.nodes.size(); ++i) {
        const Rect bar{r.x + (w + gap) * static_cast<double>(i), r.y, w, r.h};
        const NodeId id = box.nodes[i];
        canvas.fill_rect(bar, c.is_current(id) ? c.theme.accent : c.theme.hairline, 1);
        canvas.hit({bar.x, bar.y - 3, bar.w, bar.h + 6}, {c.shown_name(id), 0, 1, 1, 0, 0});
    }
}

// The longest form of the name that fits.
struct Title {
    std::string text;
    TextStyle style;
    double w = 0;
    bool whole = true;  // not cut
};
Title fit_title(const Canvas& canvas, const Theme& t, const Flow::Box& box, double room) {
    Title title;
    for (const std::string& text : {box.title, box.brief})
        for (const double size : {t.normal(), t.small()}) {
            title.text = text;
            title.style = t.text(size, t.ink, Weight::bold);
            title.w = canvas.text_width(text, title.style);
            if (title.w <= room) return title;
        }
    title.text = elide(canvas, title.text, title.style, room);
    title.w = room;
    title.whole = false;
    return title;
}

// "1×11×48": a shape where there is no room for brackets and spaces.
std::string tight(const Shape& shape) {
    std::string text;
    for (int i = 0; i < shape.rank; ++i) text += (i == 0 ? "" : "×") + std::to_string(shape[i]);
    return text;
}

void draw_shape(Canvas& canvas, const MapContext& c, NodeId id, const Rect& r, Align align) {
    const Theme& t = c.theme;
    const Shape shape = c.trace.shape(id);
    const auto soft = t.text(t.small(), t.ink_soft, Weight::regular, align);
    if (text_if_fits(canvas, r, to_string(shape), soft)) return;
    if (text_if_fits(canvas, r, tight(shape), soft)) return;
    auto less = soft;
    less.size *= 0.85;
    text_if_fits(canvas, r, tight(shape), less);
}

// How large the gradient is that comes in: a bar along the foot of the box. Returns the height that
// it keeps.
double draw_back_foot(Canvas& canvas, const MapContext& c, const Flow::Box& box, double x,
                      double w) {
    const double h = std::round(4 * std::min(c.theme.text_scale, 1.5));
    if (w >= 12)
        draw_gradient_bar(canvas, c.theme, {x, box.r.bottom() - 4 - h, w, h}, c.gradients,
                          gradient_norm(c.trace, box.shown));
    return h + 4;
}

// On the way back: name, gradient, and how large it is, in figures beside the name where there is
// no room below.
void draw_back_box(Canvas& canvas, const MapContext& c, const Flow::Box& box, double x, double w) {
    const double s = c.theme.text_scale, head = std::ceil(19 * s), foot = std::ceil(15 * s);
    const Rect r = box.r;
    const double bottom = r.bottom() - draw_back_foot(canvas, c, box, x, w);
    const bool low = r.h < head + 20, below = r.h >= head + foot + 28;
    const double number = gradient_norm_width(canvas, c, box.shown) + 10;
    Title title = fit_title(canvas, c.theme, box, below ? w : std::max(0.0, w - number));
    const bool beside = !below && title.whole;
    if (!title.whole) title = fit_title(canvas, c.theme, box, w);
    const Rect top = low ? Rect{x, r.y + 1, w, bottom - r.y - 1} : Rect{x, r.y + 4, w, head};
    text_in(canvas, {x, top.y, title.w + 1, top.h}, title.text, title.style);
    double y = top.bottom();
    if (!low && box.nodes.size() > 1 && box.nodes.size() < 9) {
        draw_segments(canvas, c, box, {x, y + 1, w, 3});
        y += 7;
    }
    const Rect picture{x, y + 1, w, bottom - (below ? foot : 2) - y - 2};
    const bool gradient = c.trace.gradient(box.shown) != nullptr;
    // A picture says itself that there is no gradient.
    const bool said = !low && picture.h >= line_height(c.theme.small());
    if (beside && (gradient || !said)) draw_gradient_norm(canvas, c, top, box.shown);
    if (low) return;
    draw_node_picture(canvas, c, box.shown, picture);
    if (below && gradient)
        draw_gradient_norm(canvas, c, {x, picture.bottom() + 1, w, foot}, box.shown);
}

void draw_box(Canvas& canvas, const MapContext& c, const Flow::Box& box) {
    const Theme& t = c.theme;
    const double s = t.text_scale;
    const Rect r = box.r;
    canvas.fill_rect(r, box.current ? t.accent_soft : t.surface, 6);
    canvas.stroke_rect(r, box.current ? t.accent : t.hairline, box.current ? 2 : 1, 6);
    const double bar = std::min(6.0, r.h / 4);
    canvas.fill_rect({r.x + 3, r.y + bar, 3, r.h - 2 * bar}, t.meaning(box.meaning), 1.5);
    canvas.hit(r, {c.shown_name(box.shown), 0, 1, 1, 0, 0});

    const double pad = r.w < 100 * s ? 5 : 8, x = r.x + 6 + pad, w = r.right() - pad - x;
    const double head = std::ceil(19 * s), foot = std::ceil(15 * s);
    if (w < 6) return;
    if (c.backward) return draw_back_box(canvas, c, box, x, w);
    const Title title = fit_title(canvas, t, box, w);
    if (r.h < head + 20) {
        // One line: name, shape, picture, as far as they fit.
        const std::string shape = to_string(c.trace.shape(box.out));
        const auto soft = t.text(t.small(), t.ink_soft);
        const double shape_w = canvas.text_width(shape, soft);
        Title name = title;
        if (name.w + 12 + shape_w > w) {
            const double brief = canvas.text_width(box.brief, name.style);
            if (brief + 12 + shape_w <= w) name = {box.brief, name.style, brief, true};
        }
        text_in(canvas, {x, r.y, w, r.h}, name.text, name.style);
        double at = x + name.w + 12;
        if (at + shape_w <= r.right() - pad) {
            text_in(canvas, {at, r.y, shape_w + 1, r.h}, shape, soft);
            at += shape_w + 12;
        }
        if (at + 32 * s <= r.right() - pad)
            draw_node_picture(canvas, c, box.shown, {at, r.y + 5, r.right() - pad - at, r.h - 10});
        return;
    }
    double y = r.y + 4;
    text_in(canvas, {x, y, w, head}, title.text, title.style);
    // Name, then the paper's symbol; the shape below, or beside where there is no room below.
    const bool below = r.h >= head + foot + 28;
    const double rest = w - title.w - 10;
    const std::string& symbol = c.graph[box.shown].symbol;
    const auto soft =
        t.text(t.normal(), box.current ? t.accent : t.ink_soft, Weight::regular, Align::right);
    if (!below && rest > 20)
        draw_shape(canvas, c, box.out, {x + title.w + 10, y, rest, head}, Align::right);
    else if (!symbol.empty() && formula_width(canvas, symbol, soft) <= rest)
        draw_formula(canvas, {x + w, y + head / 2 + cap_height(title.style.size) / 2}, symbol,
                     soft);
    y += head;
    if (box.nodes.size() > 1 && box.nodes.size() < 9) {
        draw_segments(canvas, c, box, {x, y + 1, w, 3});
        y += 7;
    }
    const double end = r.bottom() - (below ? 3 + foot : 6);
    draw_node_picture(canvas, c, box.shown, {x, y + 1, w, std::max(0.0, end - y - 2)});
    if (below) draw_shape(canvas, c, box.out, {x, end, w, foot}, Align::left);
}

// A head in the middle of the longest leg: the stream runs the other way.
void draw_way_back(Canvas& canvas, const std::vector<Vec2>& path, Colour colour) {
    std::size_t longest = 1;
    const auto length = [&](std::size_t i) {
        return std::hypot(path[i].x - path[i - 1].x, path[i].y - path[i - 1].y);
    };
    for (std::size_t i = 2; i < path.size(); ++i)
        if (length(i) > length(longest)) longest = i;
    const Vec2 from = path[longest - 1], to = path[longest];
    if (length(longest) < 48) return;
    const Vec2 along = (to - from) * (1 / length(longest)), middle = (from + to) * 0.5;
    draw_arrow(canvas, {middle - along * 5, middle + along * 5}, {colour, 0.5, 0, 9});
}

void draw_line(Canvas& canvas, const MapContext& c, const Flow::Line& line) {
    const Theme& t = c.theme;
    const Colour colour = line.lit      ? t.accent
                          : line.shared ? t.meaning(Meaning::mtp)
                          : line.stream ? t.meaning(Meaning::residual).alpha(0.55)
                                        : t.ink_faint;
    const double width = line.lit ? 2.25 : line.stream ? 2.25 : line.shared ? 1.5 : 1.25;
    if (line.shared) {
        draw_dashed(canvas, rounded_path(line.path, 5), colour, width);
        const auto n = line.path.size();
        const Vec2 end = line.path[n - 1], before = line.path[n - 2];
        const double length = std::hypot(end.x - before.x, end.y - before.y);
        if (length > 0)
            draw_arrow(canvas, {end - (end - before) * (std::min(1.0, length) / length), end},
                       {colour, width, 5, 7});
        return;
    }
    draw_arrow(canvas, line.path, {colour, width, 6, line.arrow ? 7.0 : 0.0});
    if (c.backward && line.stream) draw_way_back(canvas, line.path, colour);
}

void draw_plus(Canvas& canvas, const MapContext& c, const Flow::Add& at) {
    const Theme& t = c.theme;
    const double radius = 7;
    const bool current = c.is_current(at.node);
    draw_circle(canvas, at.at, radius, current ? t.accent_soft : t.background);
    const Colour ink = current ? t.accent : t.meaning(Meaning::residual);
    draw_ring(canvas, at.at, radius, ink, current ? 2.25 : 1.5);
    canvas.line({at.at.x - 3.5, at.at.y}, {at.at.x + 3.5, at.at.y}, ink, 1.5);
    canvas.line({at.at.x, at.at.y - 3.5}, {at.at.x, at.at.y + 3.5}, ink, 1.5);
    canvas.hit({at.at.x - radius, at.at.y - radius, 2 * radius, 2 * radius},
               {c.shown_name(at.node), 0, 1, 1, 0, 0});
}

// Forward, what was branched off is added. Going back it is the other way round: an addition hands
// the gradient to both, and where the stream branched off both gradients are added.
void draw_joints(Canvas& canvas, const MapContext& c, const Flow& flow) {
    for (const Flow::Add& add : c.backward ? flow.forks : flow.adds) draw_plus(canvas, c, add);
    if (!c.backward) return;
    for (const Flow::Add& add : flow.adds) {
        draw_circle(canvas, add.at, 4, c.theme.meaning(Meaning::residual));
        canvas.hit({add.at.x - 7, add.at.y - 7, 14, 14}, {c.shown_name(add.node), 0, 1, 1, 0, 0});
    }
}

void draw_label(Canvas& canvas, const MapContext& c, const Flow::Label& label) {
    const Theme& t = c.theme;
    const bool note = label.detail.empty() && label.text.starts_with("⋯");
    if (note) {
        text_in(canvas, label.r, label.text, t.text(t.small(), t.ink_faint));
        return;
    }
    const auto style = t.text(t.normal(), label.current ? t.accent : t.ink, Weight::bold);
    const double line = line_height(t.normal()), under = line_height(t.small());
    const bool two = !label.detail.empty() && label.r.h >= line + under;
    const double high = two ? line + under : line;
    const double y = label.r.y + std::max(0.0, (std::min(label.r.h, 64 * t.text_scale) - high) / 2);
    text_in(canvas, {label.r.x, y, label.r.w, line}, label.text, style);
    if (two)
        text_in(canvas, {label.r.x, y + line, label.r.w, under}, label.detail,
                t.text(t.small(), t.ink_soft));
}

// Data under way: a dot on every lit line while the cursor moves, none at rest.
void draw_motion(Canvas& canvas, const MapContext& c, const Flow& flow) {
    const double within = c.frame.cursor.within;
    if (within >= 1) return;
    const auto dot = [&](Vec2 at) {
        draw_circle(canvas, at, 9, c.theme.accent.alpha(0.22));
        draw_circle(canvas, at, 4.5, c.theme.accent);
    };
    bool any = false;
    for (const Flow::Line& line : flow.lines) {
        if (!line.lit) continue;
        dot(point_along(rounded_path(line.path, 6), ease(within)));
        any = true;
    }
    if (any) return;
    // From one operation of a box to the next.
    if (const Flow::Box* box = flow.find(c.current); box != nullptr && box->nodes.size() > 1) {
        const auto n = static_cast<double>(box->nodes.size());
        const auto i = static_cast<double>(
            std::find(box->nodes.begin(), box->nodes.end(), c.current) - box->nodes.begin());
        const double x = box->r.x + 12, w = (box->r.w - 20) / n;
        const double last = c.backward ? std::min(n - 1, i + 1) : std::max(0.0, i - 1);
        const double from = last + 0.5, to = i + 0.5;
        dot({x + w * (from + (to - from) * ease(within)),
             box->r.y + 6.5 + std::ceil(19 * c.theme.text_scale)});
    }
}

}  // namespace

void draw_flow(Canvas& canvas, const MapContext& c, const Flow& flow) {
    const ClipScope clip(canvas, flow.area.inset(-4));
    for (const bool lit : {false, true})
        for (const Flow::Line& line : flow.lines)
            if (line.lit == lit) draw_line(canvas, c, line);
    for (const Flow::Box& box : flow.boxes)
        if (box.r.overlaps(flow.area)) draw_box(canvas, c, box);
    draw_joints(canvas, c, flow);
    for (const Flow::Label& label : flow.labels) draw_label(canvas, c, label);
    draw_motion(canvas, c, flow);
}

}  // namespace sf
