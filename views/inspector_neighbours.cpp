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
// From this width on an input has room for its picture.
double picture_width(const Theme& t) {
    return 150 * t.text_scale;
}

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

// The short name, with its layer where that is another one.
std::string box_name(const Graph& graph, const Node& of, const Node& node) {
    const auto layers = static_cast<int>(graph.config.num_hidden_layers);
    if (node.op == Op::param || node.layer < 0 || node.layer == of.layer) return short_name(node);
    return (node.layer < layers ? "L" + std::to_string(node.layer)
                                : "MTP" + std::to_string(node.layer - layers + 1)) +
           " " + short_name(node);
}

void draw_box(Canvas& canvas, const Theme& t, const Rect& r, const Subject& s, NodeId id,
              const Explanation& lit, const Frame& frame) {
    const Graph& graph = *s.trace->graph;
    const Node& node = graph[id];
    const bool self = id == s.id;
    // Beside a gradient stand gradients, where there are any: from box to box along the way back.
    const bool gradient = s.gradient && (self || s.trace->gradient(id) != nullptr);
    const std::string name = gradient ? gradient_name(node.name) : node.name;
    const Meaning meaning = meaning_of(graph, id);
    canvas.fill_rect(r, t.meaning_soft(meaning), 6);
    const bool hovered = !frame.hover_node.empty() && frame.hover_node == name && !self;
    canvas.stroke_rect(r,
                       self      ? t.accent
                       : hovered ? t.ink
                                 : t.meaning(meaning),
                       self || hovered ? 2 : 1, 6);
    canvas.hit(r, {name, 0, 1, 1, 0, 0});
    const bool input = !self && std::find(s.node->inputs.begin(), s.node->inputs.end(), id) !=
                                    s.node->inputs.end();
    const bool thumb = input && r.w >= picture_width(t);
    const double thumb_w = thumb ? std::floor(r.w * 0.4) : 0;
    Rect text{r.x + 8, r.y + 6, r.w - 16 - (thumb ? thumb_w + 4 : 0), r.h - 12};
    Rect picture{r.right() - thumb_w - 6, r.y + 8, thumb_w, r.h - 16};
    const double first = line_height(t.normal()) * 1.15, line = line_height(t.small());
    const auto symbol = t.text(t.normal(), t.ink, Weight::bold);
    const double symbol_w = formula_width(canvas, node.symbol, symbol);
    if (!thumb && input) {  // a narrow box: the picture beside the symbol
        const double free = text.w - std::min(symbol_w, text.w * 0.5) - 8;
        picture = {text.right() - std::min(free, 64 * t.text_scale), r.y + 6,
                   std::min(free, 64 * t.text_scale), first - 4};
    }
    const double symbol_room = input && !thumb ? picture.x - text.x - 6 : text.w;
    if (symbol_w <= symbol_room)
        draw_formula(canvas, {text.x, text.y + first * 0.72}, node.symbol, symbol);
    else
        text_in(canvas, {text.x, text.y, symbol_room, first}, formula_plain(node.symbol), symbol);
    text_in(canvas, {text.x, text.y + first, text.w, line}, box_name(graph, *s.node, node),
            t.text(t.small(), t.ink));
    text_in(canvas, {text.x, text.y + first + line, text.w, line}, to_string(s.trace->shape(id)),
            t.text(t.small(), t.ink_soft));
    if (!input || picture.w < 16) return;
    Choice choice = s.choice;
    choice.head = -1;
    for (const auto& cell : lit.cells)
        if (cell.node == id) {
            choice = choice_of(*s.trace, id, cell.begin, choice);
            break;
        }
    draw_thumbnail(canvas, t, picture, *s.trace, {id, s.gradient && node.dtype == DType::real},
                   make_slice(*s.trace, id, choice), lit.cells,
                   frame.hover_node == name ? frame.hover_index : -1);
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
    const double least = 104 * t.text_scale, most = 208 * t.text_scale;
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
    // Inputs carry a picture: where there are many boxes they stay wider than the others.
    const double n = static_cast<double>(inputs.size() + users.size() + 1);
    const double n_in = static_cast<double>(inputs.size());
    const double room = area.w - gap * (n - 1), narrow = 100 * t.text_scale;
    double w = std::min(most, room / n), w_in = w;
    if (w < picture_width(t) && n_in > 0 &&
        (room - narrow * (n - n_in)) / n_in >= picture_width(t)) {
        w_in = std::min(most, (room - narrow * (n - n_in)) / n_in);
        w = (room - w_in * n_in) / (n - n_in);
    }
    const double h = box_height(t), top = area.y + header(t), bus_y = top + h + bus / 2;
    double x = area.x;
    const auto place = [&](const std::vector<NodeId>& ids, double width) {
        std::vector<Box> boxes;
        for (const NodeId id : ids) {
            boxes.push_back({id, {x, top, width, h}});
            x += width + gap;
        }
        return boxes;
    };
    const auto title = [&](double at, double width, const std::string& text) {
        text_in(canvas, {at, area.y, width, header(t) - 4}, text, t.text(t.small(), t.ink_faint));
    };
    const double in_x = x;
    const auto in = place(inputs, w_in);
    const Box self = place({s.id}, w).front();
    const double out_x = x;
    const auto out = place(users, w);
    title(
        in_x, self.rect.x - in_x - gap,
        group_title(s.gradient ? "Inputs, their gradients" : "Inputs", inputs.size(), all_inputs));
    title(self.rect.x, w, s.node->op == Op::param ? "weight" : op_def(s.node->op).name);
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
