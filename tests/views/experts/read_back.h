#pragma once

#include "experts_fixture.h"
#include "tests/support/plain_model.h"
#include "views/canvas/recording_canvas.h"

#include <cmath>
#include <string>
#include <vector>

// What was drawn, and what the router is to do by the plain implementation.
namespace sf {

constexpr std::int64_t experts = 16, nodes = 4, size = 4, top_k = 4;

inline const Hit* find_hit(const RecordingCanvas& canvas, const std::string& node,
                           std::int64_t first) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == node && h.target.first == first) return &h;
    return nullptr;
}

// The filled rectangle that a hit lies over.
inline const Primitive* filled(const RecordingCanvas& canvas, const Rect& r) {
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::fill_rect && p.rect == r) return &p;
    return nullptr;
}

// The part of the stacked bar: other hits of the same cell are rows of tables.
inline const Hit* find_part(const RecordingCanvas& canvas, const std::string& node,
                            std::int64_t first) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == node && h.target.first == first && filled(canvas, h.rect) != nullptr &&
            h.rect.y > canvas.frame().h * 0.8)
            return &h;
    return nullptr;
}

// The model's chosen experts, computed by the plain implementation in double.
struct Plain {
    std::vector<std::vector<std::int64_t>> chosen;
    std::vector<std::vector<double>> gates, scores;
};
inline Plain plain_router(const Trace& trace, std::int64_t batch, const std::string& prefix) {
    Model model;
    model.config = trace.graph->config;
    model.weights = trace.weights;
    test::PlainModel plain(model);
    plain.run(trace.sequence(batch));
    Plain p;
    for (const auto& row : plain.seen.at(prefix + "router_indices")) {
        p.chosen.emplace_back();
        for (const double e : row) p.chosen.back().push_back(static_cast<std::int64_t>(e));
    }
    p.gates = plain.seen.at(prefix + "router_weights");
    for (const auto& row : plain.seen.at(prefix + "router_logits")) {
        p.scores.emplace_back();
        for (const double z : row) p.scores.back().push_back(1 / (1 + std::exp(-z)));
    }
    return p;
}

}  // namespace sf
