#include "views/edited.h"

#include "views/draw/number.h"
#include "views/draw/shapes.h"

#include <algorithm>
#include <cmath>

namespace sf {

double unedited(const Frame& frame, const Tensor& tensor, const std::string& node,
                std::int64_t index) {
    if (frame.base != nullptr)
        for (const Edit& e : frame.trace->edits)
            if (e.index == index && e.node == node) return frame.base->find(node)->at(index);
    return tensor.at(index);
}

bool set_by_hand(const Trace& trace, const std::string& node, std::int64_t index) {
    return std::any_of(trace.edits.begin(), trace.edits.end(),
                       [&](const Edit& e) { return e.index == index && e.node == node; });
}

void outline_changed(HeatMap& map, const Frame& frame) {
    if (frame.base == nullptr || map.target.node.empty()) return;
    const Tensor* now = frame.trace->find(map.target.node);
    const Tensor* before = frame.base->find(map.target.node);
    if (now == nullptr || before == nullptr || now == before || now->size() != before->size())
        return;
    // Rounding is no change: what is recomputed may add up in another order.
    double most = 0;
    for (std::int64_t i = 0; i < before->size(); ++i)
        if (std::isfinite(before->at(i))) most = std::max(most, std::abs(before->at(i)));
    map.changed = [now, before, least = 1e-5 * most, t = map.target](std::int64_t row,
                                                                     std::int64_t col) {
        const std::int64_t i = t.first + row * t.row_stride + col * t.col_stride;
        const double a = now->at(i), b = before->at(i);
        return std::isfinite(a) && std::isfinite(b) ? std::abs(a - b) > least
                                                    : std::isfinite(a) != std::isfinite(b);
    };
}

namespace {

std::string likeliest(const Trace& run, std::int64_t row) {
    const Tensor* probs = run.find("probs");
    if (probs == nullptr || probs->shape.rows() <= row) return "";
    const std::int64_t vocab = probs->shape.cols();
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < vocab; ++i)
        if (probs->at(row * vocab + i) > probs->at(row * vocab + best)) best = i;
    return "“" + token_label(run.label(best)) + "” " +
           format_percent(probs->at(row * vocab + best));
}

}  // namespace

std::string consequence(const Frame& frame) {
    if (frame.base == nullptr) return "";
    const Extent& e = frame.trace->extent;
    const std::int64_t token = std::clamp<std::int64_t>(
        frame.cursor.token >= 0 ? frame.cursor.token : e.tokens - 1, 0, e.tokens - 1);
    const std::int64_t row =
        std::clamp<std::int64_t>(frame.cursor.batch, 0, e.batch - 1) * e.tokens + token;
    const std::string before = likeliest(*frame.base, row), now = likeliest(*frame.trace, row);
    if (before.empty() || now.empty()) return "";
    return "next token " + before + (before == now ? ", as before" : " → " + now);
}

}  // namespace sf
