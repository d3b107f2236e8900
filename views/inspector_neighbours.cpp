#include "core/graph/op.h"
#include "views/draw/formula.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/inspector_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::inspector {

namespace {

constexpr double gap = 12;

struct Box {
    NodeId id = no_node;
    Rect rect;
};

double header(const Theme& t) {
    return std::ceil(line_height(t.small())) + 4;
}
double box_height(const Theme& t) {
    return std::ceil(line_height(t.normal()) * 1.15 + 2 * line_height(t.small())) + 12;
}
constexpr double bus = 14;

// Inputs without repetition, those whose cells were used before the others.
std::vector<NodeId> inputs_of(const Node& node, const Explanation& lit) {
    std::vector<NodeId> all;
    const auto add = [&](NodeId id) {
        if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
    };
    std::vector<NodeId> used;
    for (const auto& cell : lit.cells) used.push_back(cell.node);
    for (const NodeId id : node.inputs)
        if (std::find(used.begin(), used.end(), id) != used.end()) add(id);
    for (const NodeId id : node.inputs) add(id);
    return all;
}

std::vector<NodeId> users_of(const Graph& graph, NodeId id) {
    std::vector<NodeId> all;
    for (const NodeId u : graph.users(id))
        if (std::find(all.begin(), all.end(), u) == all.end()) all.push_back(u);
    return all;
}

void draw_box(Canvas& canvas, const Theme& t, const Rect& r, const Subject& s, NodeId id,
              const Explanation& lit, const Frame& frame) {
    const Graph& graph = *s.trace->graph;
    const Node& node = graph[id];
    const bool self = id == s.id;
    const Meaning meaning = meaning_of(graph, id);
    canvas.fill_rect(r, t.meaning_soft(meaning), 6);
    const bool hovered = !frame.hover_node.empty() && frame.hover_node == node.name && !self;
    canvas.stroke_rect(r,
                       self      ? t.accent
                       : hovered ? t.ink
                                 : t.meaning(meaning),
                       self || hovered ? 2 : 1, 6);
    canvas.hit(r, {node.name, 0, 1, 1, 0, 0});
    const bool input = !self && std::find(s.node->inputs.begin(), s.node->inputs.end(), id) !=
                                    s.node->inputs.end();
    const bool thumb = input && r.w >= 150 * t.text_scale;
    const double thumb_w = thumb ? std::floor(r.w * 0.4) : 0;
    const Rect text{r.x + 8, r.y + 6, r.w - 16 - (thumb ? thumb_w + 4 : 0), r.h - 12};
    const double first = line_height(t.normal()) * 1.15, line = line_height(t.small());
    const auto symbol = t.text(t.normal(), t.ink, Weight::bold);
    if (formula_width(canvas, node.symbol, symbol) <= text.w)
        draw_formula(canvas, {text.x, text.y + first * 0.72}, node.symbol, symbol);
    else
        text_in(canvas, {text.x, text.y, text.w, first}, formula_plain(node.symbol), symbol);
    text_in(canvas, {text.x, text.y + first, text.w, line}, short_name(node),
            t.text(t.small(), t.ink));
    text_in(canvas, {text.x, text.y + first + line, text.w, line}, to_string(s.trace->shape(id)),
            t.text(t.small(), t.ink_soft));
    if (!thumb) return;
    Choice choice = s.choice;
    choice.head = -1;
    for (const auto& cell : lit.cells)
        if (cell.node == id) {
            choice = choice_of(*s.trace, id, cell.begin, choice);
            break;
        }
    draw_thumbnail(canvas, t, {r.right() - thumb_w - 6, r.y + 8, thumb_w, r.h - 16}, *s.trace, id,
                   make_slice(*s.trace, id, choice), lit.cells,
                   frame.hover_node == node.name ? frame.hover_index : -1);
}

std::string group_title(const char* what, std::size_t shown, std::size_t all) {
    if (all == 0) return "";
    if (shown == all) return what;
    return std::string(what) + " " + std::to_string(all) + ", " + std::to_string(shown) + " shown";
}

}  // namespace

double neighbours_height(const Theme& theme) {
    return header(theme) + box_height(theme) + bus;
}

void draw_neighbours(Canvas& canvas, const Theme& theme, const Rect& area, const Subject& s,
                     const Explanation& lit, const Frame& frame) {
    const Theme& t = theme;
    std::vector<NodeId> inputs = inputs_of(*s.node, lit), users = users_of(*s.trace->graph, s.id);
    const std::size_t all_inputs = inputs.size(), all_users = users.size();
    const double least = 112 * t.text_scale, most = 208 * t.text_scale;
    const auto places =
        static_cast<std::size_t>(std::max(1.0, std::floor((area.w + gap) / (least + gap))));
    const std::size_t others = places - 1;
    // Inputs say more: they get two thirds where both cannot be shown.
    if (inputs.size() + users.size() > others) {
        const std::size_t for_users =
            std::min(users.size(), std::max(others / 3, others - std::min(others, inputs.size())));
        inputs.resize(std::min(inputs.size(), others - for_users));
        users.resize(std::min(users.size(), others - inputs.size()));
    }
    const auto n = static_cast<double>(inputs.size() + users.size() + 1);
    const double w = std::min(most, (area.w - gap * (n - 1)) / n), h = box_height(t);
    const double top = area.y + header(t), bus_y = top + h + bus / 2;
    double x = area.x;
    const auto place = [&](const std::vector<NodeId>& ids) {
        std::vector<Box> boxes;
        for (const NodeId id : ids) {
            boxes.push_back({id, {x, top, w, h}});
            x += w + gap;
        }
        return boxes;
    };
    const auto title = [&](double at, double width, const std::string& text) {
        text_in(canvas, {at, area.y, width, header(t) - 4}, text, t.text(t.small(), t.ink_faint));
    };
    const double in_x = x;
    const auto in = place(inputs);
    const Box self = place({s.id}).front();
    const double out_x = x;
    const auto out = place(users);
    title(in_x, self.rect.x - in_x - gap, group_title("Inputs", inputs.size(), all_inputs));
    title(self.rect.x, w, op_def(s.node->op).name);
    title(out_x, area.right() - out_x, group_title("Used by", users.size(), all_users));
    const ArrowStyle line{t.ink_faint, 1.25, 5, 0}, head{t.ink_faint, 1.25, 5, 6};
    const double enter = self.rect.x + w * 0.35, leave = self.rect.x + w * 0.65;
    for (std::size_t i = 0; i < in.size(); ++i)
        draw_arrow(canvas,
                   {{in[i].rect.centre().x, top + h},
                    {in[i].rect.centre().x, bus_y},
                    {enter, bus_y},
                    {enter, top + h}},
                   i + 1 == in.size() ? head : line);
    for (const Box& b : out)
        draw_arrow(canvas,
                   {{leave, top + h},
                    {leave, bus_y},
                    {b.rect.centre().x, bus_y},
                    {b.rect.centre().x, top + h}},
                   head);
    for (const Box& b : in) draw_box(canvas, t, b.rect, s, b.id, lit, frame);
    draw_box(canvas, t, self.rect, s, s.id, lit, frame);
    for (const Box& b : out) draw_box(canvas, t, b.rect, s, b.id, lit, frame);
}

}  // namespace sf::inspector
