#include "views/mtp_stairs.h"

#include "core/graph/graph.h"
#include "views/draw/heat_map.h"
#include "views/draw/shapes.h"
#include "views/edited.h"

#include <algorithm>
#include <cmath>

namespace sf::mtp {

namespace {

std::int64_t whole(const Frame& frame, const View& view, const char* name) {
    return std::llround(setting_number(frame, view, name));
}

// The module that the step belongs to; 0 where it belongs to none.
std::int64_t module_at_cursor(const Frame& frame, const ModelConfig& config) {
    if (frame.timeline == nullptr || frame.timeline->size() == 0) return 0;
    const Step& step = (*frame.timeline)[std::clamp<std::int64_t>(frame.cursor.step, 0,
                                                                  frame.timeline->size() - 1)];
    return std::max<std::int64_t>(0, step.layer - config.num_hidden_layers + 1);
}

NodeId node_at_cursor(const Frame& frame) {
    const Step& step = (*frame.timeline)[std::clamp<std::int64_t>(frame.cursor.step, 0,
                                                                  frame.timeline->size() - 1)];
    return step.kind == Step::Kind::gradient ? no_node : step.node;
}

// Where nobody chose: the last position whose token this depth foretells is written.
std::int64_t followed(const Frame& frame, std::int64_t tokens, std::int64_t k) {
    if (frame.cursor.token >= 0) return frame.cursor.token;
    return std::max<std::int64_t>(0, tokens - 2 - k);
}

}  // namespace

Stairs make_stairs(const Frame& frame, const View& view) {
    Stairs s;
    s.frame = &frame;
    s.trace = frame.trace;
    s.t = frame.theme;
    if (frame.trace == nullptr || frame.trace->extent.tokens < 1) {
        s.missing = "Nothing has run yet. Type a text and press Enter.";
        return s;
    }
    const ModelConfig& c = frame.trace->graph->config;
    s.batch = std::clamp<std::int64_t>(frame.cursor.batch, 0, frame.trace->extent.batch - 1);
    s.tokens = frame.trace->extent.tokens;
    s.depths = c.num_nextn_predict_layers;
    s.hidden = c.hidden_size;
    s.vocab = c.vocab_size;
    s.chain = c.mtp_chain();
    s.lambda = setting_number(frame, view, "lambda");
    if (s.depths < 1) {
        s.missing =
            "This model has no MTP modules (num_nextn_predict_layers is 0): it foretells "
            "the next token only.";
        return s;
    }
    const std::int64_t module = module_at_cursor(frame, c), wanted = whole(frame, view, "depth");
    if (module > 0) s.now = node_at_cursor(frame);
    s.k = std::clamp<std::int64_t>(wanted >= 0 ? wanted : module > 0 ? module : 1, 0, s.depths);
    const std::int64_t position = whole(frame, view, "position");
    s.i = std::clamp<std::int64_t>(position >= 0 ? position : followed(frame, s.tokens, s.k), 0,
                                   s.tokens - 1);
    if (fitting_tensor(*s.trace, "probs") == nullptr)
        s.missing = "The predictions (probs) of this run were not kept.";
    return s;
}

std::string Stairs::node(std::int64_t depth, const std::string& name) const {
    if (depth > 0) return "mtp." + std::to_string(depth) + "." + name;
    return name == "hidden" ? "final_norm" : name;
}

std::string Stairs::input_node(std::int64_t depth) const {
    if (depth == 0) return "embed";
    return chain ? node(depth, "previous") : "final_norm";
}

std::int64_t Stairs::rows(std::int64_t depth) const {
    return chain ? std::max<std::int64_t>(0, tokens - depth) : tokens;
}

bool Stairs::known(const std::string& name) const {
    return now == no_node || trace->graph->find(name) <= now;
}

bool Stairs::current(const std::string& name) const {
    return now != no_node && trace->graph->find(name) == now;
}

double Stairs::arrival(const std::string& name) const {
    if (!known(name)) return 0;
    if (!current(name)) return 1;
    const double x = std::clamp(frame->cursor.within, 0.0, 1.0);
    return x * x * (3 - 2 * x);
}

std::int64_t Stairs::flat(const std::string& name, std::int64_t position) const {
    const Shape shape = trace->shape(trace->graph->find(name));
    return (batch * shape[1] + position) * shape[2];
}

std::vector<std::int64_t> Stairs::best(std::int64_t depth, std::int64_t position,
                                       std::size_t count) const {
    const Tensor* p = fitting_tensor(*trace, node(depth, "probs"));
    if (p == nullptr || position < 0 || position >= p->shape[1]) return {};
    const std::int64_t first = flat(node(depth, "probs"), position);
    std::vector<std::int64_t> ids(static_cast<std::size_t>(vocab));
    for (std::int64_t v = 0; v < vocab; ++v) ids[static_cast<std::size_t>(v)] = v;
    count = std::min(count, ids.size());
    // Not a number last, so that the order is one.
    const auto weight = [&](std::int64_t v) {
        const double x = p->at(first + v);
        return std::isnan(x) ? -1 : x;
    };
    std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                      [&](std::int64_t a, std::int64_t b) {
                          const double pa = weight(a), pb = weight(b);
                          return pa != pb ? pa > pb : a < b;
                      });
    ids.resize(count);
    return ids;
}

double Stairs::probability(std::int64_t depth, std::int64_t position, std::int64_t id) const {
    const std::string name = node(depth, "probs");
    return trace->find(name)->at(flat(name, position) + id);
}

Cell Stairs::cell(std::int64_t depth, std::int64_t position) const {
    Cell cell;
    const std::string name = node(depth, "probs");
    if (position >= rows(depth)) {
        cell.state = Cell::State::missing;
        return cell;
    }
    cell.truth = id_at(position + depth + 1);
    if (!known(name)) {
        cell.state = Cell::State::pending;
        return cell;
    }
    const Tensor* p = fitting_tensor(*trace, name);
    if (p == nullptr) return cell;
    const std::int64_t first = flat(name, position);
    const Real* const row = p->real.data() + first;
    cell.guess = std::max_element(row, row + vocab) - row;
    cell.p = p->at(first + cell.guess);
    cell.state = cell.truth >= 0 ? Cell::State::judged : Cell::State::open;
    if (cell.truth >= 0) cell.p_truth = p->at(first + cell.truth);
    return cell;
}

Tally Stairs::tally(std::int64_t depth) const {
    Tally tally;
    const std::string name = node(depth, "probs");
    const Tensor* p = known(name) ? fitting_tensor(*trace, name) : nullptr;
    if (p == nullptr) return tally;
    for (std::int64_t at = 0; at < rows(depth) && at + depth + 1 < tokens; ++at) {
        const Real* const row = p->real.data() + flat(name, at);
        const Real* const truth = row + id_at(at + depth + 1);
        ++tally.judged;
        // The first of the likeliest, as the cell's guess.
        if (std::none_of(row, truth, [&](Real q) { return q >= *truth; }) &&
            std::none_of(truth + 1, row + vocab, [&](Real q) { return q > *truth; }))
            ++tally.right;
    }
    return tally;
}

std::int64_t Stairs::id_at(std::int64_t position) const {
    if (position < 0 || position >= tokens) return -1;
    return trace->ids[static_cast<std::size_t>(batch * tokens + position)];
}

std::string Stairs::token(std::int64_t position) const {
    return quoted_token(*trace, batch, position);
}

std::string Stairs::word(std::int64_t id) const {
    return "“" + token_label(trace->label(id)) + "”";
}

std::string Stairs::depth_name(std::int64_t depth) const {
    return depth == 0 ? "main" : "MTP " + std::to_string(depth);
}

const ColourScale& Strips::scale(const std::string& node, const Tensor& tensor) {
    const auto known = scales_.find(node);
    if (known != scales_.end()) return known->second;
    double most = 0, squares = 0;
    for (const Real x : tensor.real) {
        const auto v = static_cast<double>(x);
        if (!std::isfinite(v)) continue;
        most = std::max(most, std::abs(v));
        squares += v * v;
    }
    // A few large values must not bleach all others.
    const double usual =
        3 * std::sqrt(squares / static_cast<double>(std::max<std::int64_t>(1, tensor.size())));
    const double limit = std::min(most, usual);
    return scales_.emplace(node, ColourScale::symmetric(limit > 0 ? limit : 1)).first->second;
}

void Strips::draw(Canvas& canvas, const Rect& r, const std::string& node, std::int64_t position) {
    const Tensor* tensor = fitting_tensor(*s_.trace, node);
    const double come = s_.arrival(node);
    const Theme& t = *s_.t;
    if (tensor == nullptr || tensor->shape.rank != 3 || position >= tensor->shape[1] || come <= 0) {
        canvas.stroke_rect(r, t.hairline, 1, 2);
        return;
    }
    const std::int64_t width = tensor->shape[2], first = s_.flat(node, position);
    HeatMap map;
    map.area = r;
    map.rows = 1;
    map.cols = width;
    map.value = [tensor, first](std::int64_t, std::int64_t c) { return tensor->at(first + c); };
    map.scale = scale(node, *tensor);
    map.target = {node, first, 1, 1, 0, 1};
    map.numbers = false;
    const bool hovered = s_.frame->hover_node == node && s_.frame->hover_index >= first &&
                         s_.frame->hover_index < first + width;
    if (hovered) map.hover_index = s_.frame->hover_index;
    outline_changed(map, *s_.frame);
    if (come < 1) {
        const ClipScope clip(canvas, {r.x, r.y, r.w * come, r.h});
        draw_heat_map(canvas, t, map);
    } else {
        draw_heat_map(canvas, t, map);
    }
    if (s_.current(node)) canvas.stroke_rect(r, t.accent, 1.5, 2);
}

void draw_verdict(Canvas& canvas, const Theme& t, Vec2 c, double size, bool right) {
    const double r = size / 2, w = std::max(1.5, size / 6);
    if (right) {
        canvas.polyline(
            {{c.x - r, c.y + r * 0.1}, {c.x - r * 0.3, c.y + r * 0.75}, {c.x + r, c.y - r * 0.7}},
            t.good, w);
        return;
    }
    canvas.line({c.x - r * 0.75, c.y - r * 0.75}, {c.x + r * 0.75, c.y + r * 0.75}, t.bad, w);
    canvas.line({c.x - r * 0.75, c.y + r * 0.75}, {c.x + r * 0.75, c.y - r * 0.75}, t.bad, w);
}

Colour depth_colour(const Theme& t, std::int64_t depth) {
    if (depth == 0) return t.meaning(Meaning::head);
    return mix(t.meaning(Meaning::mtp), t.background,
               std::min(0.6, 0.3 * static_cast<double>(depth - 1)));
}

}  // namespace sf::mtp
