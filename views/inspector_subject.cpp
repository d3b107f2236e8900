#include "views/inspector_subject.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace sf::inspector {

namespace {

constexpr double most_index = 2147483647.0;

}  // namespace

std::string text_of(const Frame& frame, const char* name) {
    if (!frame.settings) return "";
    const auto it = frame.settings->find(name);
    const auto* text =
        it == frame.settings->end() ? nullptr : std::get_if<std::string>(&it->second);
    return text ? *text : "";
}

double number_of(const Frame& frame, const char* name, double standard) {
    if (!frame.settings) return standard;
    const auto it = frame.settings->find(name);
    const auto* value = it == frame.settings->end() ? nullptr : std::get_if<double>(&it->second);
    return value && std::isfinite(*value) ? *value : standard;
}

namespace {

std::int64_t whole(const Frame& frame, const char* name, std::int64_t standard) {
    return static_cast<std::int64_t>(
        std::clamp(number_of(frame, name, static_cast<double>(standard)), -most_index, most_index));
}

}  // namespace

bool toggle_of(const Frame& frame, const char* name) {
    if (!frame.settings) return false;
    const auto it = frame.settings->find(name);
    const auto* value = it == frame.settings->end() ? nullptr : std::get_if<bool>(&it->second);
    return value && *value;
}

namespace {

const Step* step_of(const Frame& frame) {
    if (!frame.timeline || frame.cursor.step < 0 || frame.cursor.step >= frame.timeline->size())
        return nullptr;
    return &(*frame.timeline)[frame.cursor.step];
}

}  // namespace

TensorName tensor_of(const Frame& frame) {
    const std::string name = text_of(frame, "node");
    const Step* step = step_of(frame);
    TensorName t;
    if (!name.empty())
        t = named_tensor(*frame.trace->graph, name);
    else if (step)
        t = {step->node, step->kind == Step::Kind::gradient};
    else
        t.node = frame.trace->graph->logits();
    t.gradient = t.gradient || toggle_of(frame, "gradient");
    return t;
}

namespace {

// The flat index in the setting `cell`, "layers.0.q:17", when it is of this node; else -1. A
// cell and its gradient are chosen together.
std::int64_t cell_of(const Frame& frame, const Node& node, std::int64_t size) {
    const std::string cell = text_of(frame, "cell");
    const auto colon = cell.rfind(':');
    if (colon == std::string::npos) return -1;
    const std::string name = cell.substr(0, colon);
    if (name != node.name && name != gradient_name(node.name)) return -1;
    std::int64_t index = -1;
    const char* end = cell.data() + cell.size();
    const auto [stop, error] = std::from_chars(cell.data() + colon + 1, end, index);
    return error == std::errc() && stop == end && index >= 0 && index < size ? index : -1;
}

std::int64_t followed_token(const Frame& frame) {
    const std::int64_t tokens = frame.trace->extent.tokens;
    return frame.cursor.token < 0 ? tokens - 1 : std::min(frame.cursor.token, tokens - 1);
}

}  // namespace

Choice choice_now(const Frame& frame) {
    Choice c{frame.cursor.batch, whole(frame, "head", -1), whole(frame, "tile", -1)};
    const Step* step = step_of(frame);
    if (c.tile < 0 && step && step->kind == Step::Kind::tile) c.tile = step->sub;
    return c;
}

namespace {

void select(const Frame& frame, Subject& s) {
    const std::int64_t row = whole(frame, "row", -1);
    const bool follows = s.slice.row_axis == Axis::token || s.slice.row_axis == Axis::key;
    s.row = row >= 0 ? row : follows ? followed_token(frame) : 0;
    s.col = whole(frame, "col", 0);
    // The ids are a row of tokens: there the cursor's token is the column.
    if (s.slice.col_axis == Axis::token && row < 0 && s.col == 0) s.col = followed_token(frame);
    const std::int64_t size = s.trace->shape(s.id).size();
    if (const auto cell = cell_of(frame, *s.node, size); cell >= 0) {
        s.choice = choice_of(*s.trace, s.id, cell, s.choice);
        s.slice = make_slice(*s.trace, s.id, s.choice);
        if (const auto at = s.slice.place(cell)) {
            s.row = at->first;
            s.col = at->second;
        }
    }
    s.row = std::clamp<std::int64_t>(s.row, 0, std::max<std::int64_t>(0, s.slice.rows - 1));
    s.col = std::clamp<std::int64_t>(s.col, 0, std::max<std::int64_t>(0, s.slice.cols - 1));
}

void choose_scale(const Frame& frame, Subject& s) {
    std::string choice = text_of(frame, "scale");
    const auto value = [&](std::int64_t r, std::int64_t c) {
        return s.slice.masked(r, c) ? std::numeric_limits<double>::quiet_NaN() : s.value(r, c);
    };
    const std::int64_t size = s.slice.rows * s.slice.cols;
    s.scale = ColourScale::fit(s.slice.rows, s.slice.cols, value);
    s.scale_words = size == s.tensor->size() ? "whole tensor" : "this part";
    if (choice == "shared") {
        s.scale_words = "whole tensor";
        s.scale = ColourScale::fit(1, s.tensor->size(),
                                   [&](std::int64_t, std::int64_t i) { return s.tensor->at(i); });
    } else if (choice == "symmetric") {
        s.scale_words = "centred on 0";
        s.scale =
            ColourScale::symmetric(std::max({std::fabs(s.scale.lo), std::fabs(s.scale.hi), 1e-30}));
    }
}

}  // namespace

Subject make_subject(const Frame& frame, TensorName of, const Subject* like) {
    const NodeId id = of.node;
    Subject s;
    s.frame = &frame;
    s.trace = frame.trace;
    s.id = id;
    s.node = &(*frame.trace->graph)[id];
    s.gradient = of.gradient;
    s.tensor = of.gradient ? frame.trace->gradient(id) : frame.trace->find(id);
    if (s.tensor && !(s.tensor->shape == frame.trace->shape(id))) s.tensor = nullptr;
    s.meaning = meaning_of(*frame.trace->graph, id);
    s.choice = like ? like->choice : choice_now(frame);
    s.slice = make_slice(*s.trace, id, s.choice);
    if (!s.tensor || s.tensor->size() == 0) return s;
    if (like) {
        s.row = std::min(like->row, s.slice.rows - 1);
        s.col = std::min(like->col, s.slice.cols - 1);
    } else {
        select(frame, s);
    }
    if ((frame.hover_node == s.node->name || frame.hover_node == gradient_name(s.node->name)) &&
        frame.hover_index >= 0 && frame.hover_index < s.tensor->size())
        s.hover = frame.hover_index;
    s.statistics = statistics(*s.trace, id, *s.tensor);
    choose_scale(frame, s);
    return s;
}

}  // namespace sf::inspector
