#include "core/graph/op.h"
#include "views/draw/number.h"
#include "views/inspector_draw.h"

#include <algorithm>
#include <cmath>

// What must hold of the tensor under inspection, with the measured figures.
namespace sf::inspector {

namespace {

// 64 cells spread over the tensor, the same ones every time.
Invariant spot_check(const Subject& s) {
    constexpr std::int64_t cells = 64;
    Invariant check{"the formula gives the stored values (64 cells)", true, ""};
    const std::int64_t size = s.tensor->size(), n = std::min(cells, size);
    double worst = 0;
    std::int64_t done = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        // A stride without a common factor walks over all rows and columns.
        const std::int64_t at = n == size ? i : (i * (size / n) + i * 7919) % size;
        const Explanation e = explain(*s.trace, s.id, at);
        if (e.numbers.empty()) continue;
        ++done;
        const double v = s.tensor->at(at);
        const double error = e.value == v ? 0 : std::fabs(e.value - v);
        if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
    }
    check.holds = worst <= tolerance(s);
    check.figure = done == 0 ? "an input was not kept: not measured"
                             : "max error " + format_number(worst, 3) + ", tolerance " +
                                   format_number(tolerance(s), 2) + ", " + std::to_string(done) +
                                   " cells";
    return check;
}

// Rows of a softmax, and normalised gate weights, have a known sum.
void add_row_sums(const Subject& s, std::vector<Invariant>& list) {
    const Attrs& a = s.node->attrs;
    double wanted = 1;
    switch (s.node->op) {
        case Op::softmax:
        case Op::causal_softmax:
            break;
        case Op::gate_scores:
            if (a.sigmoid) return;
            break;
        case Op::gate_weights:
            if (!a.normalise) return;
            wanted = a.scale;
            break;
        default:
            return;
    }
    const std::int64_t cols = s.tensor->shape.cols(), rows = s.tensor->shape.rows();
    double worst = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (std::int64_t c = 0; c < cols; ++c) sum += s.tensor->at(r * cols + c);
        const double off = std::fabs(sum - wanted);
        if (!(off <= worst)) worst = std::isnan(off) ? INFINITY : off;
    }
    list.push_back({"every row sums to " + format_number(wanted), worst <= 1e-5 * wanted,
                    format_count(rows) + " rows, max error " + format_number(worst, 3)});
}

Invariant soundness(const Subject& s) {
    return {"nothing is NaN or infinite but the mask", s.statistics.sound(),
            format_count(s.statistics.nans) + " NaN, " + format_count(s.statistics.infinite) +
                " infinite, " + format_count(s.statistics.masked) + " masked"};
}

// A loss' own gradient is its weight. Softmax does not see a shift of all logits of a row, so their
// gradients sum to 0, which is also so of a softmax' input elsewhere.
void add_gradient_checks(const Subject& s, std::vector<Invariant>& list) {
    list.push_back(soundness(s));
    for (const LossTerm& term : s.trace->loss)
        if (term.node == s.node->name) {
            const double off = std::fabs(s.tensor->at(0) - term.weight);
            list.push_back({"∂L/∂(loss) = its weight in L", off <= 1e-6 * term.weight,
                            format_number(s.tensor->at(0)) + " and " + format_number(term.weight)});
        }
    const auto& users = s.trace->graph->users(s.id);
    const auto shift_free = [&](NodeId user) {
        const Op op = (*s.trace->graph)[user].op;
        return op == Op::softmax || op == Op::cross_entropy || op == Op::causal_softmax;
    };
    // The scores' other users are the online softmax' values, which pass no gradient.
    if (!std::any_of(users.begin(), users.end(), shift_free)) return;
    const std::int64_t cols = s.tensor->shape.cols(), rows = s.tensor->shape.rows();
    const double largest = std::max(std::fabs(s.statistics.min), std::fabs(s.statistics.max));
    const double allowed = 1e-5 * std::max(largest, 1e-30) * std::sqrt(static_cast<double>(cols));
    double worst = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (std::int64_t c = 0; c < cols; ++c) sum += s.tensor->at(r * cols + c);
        if (!(std::fabs(sum) <= worst)) worst = std::isnan(sum) ? INFINITY : std::fabs(sum);
    }
    list.push_back({"every row sums to 0", worst <= allowed,
                    format_count(rows) + " rows, max error " + format_number(worst, 3) +
                        ", tolerance " + format_number(allowed, 2)});
}

}  // namespace

std::vector<Invariant> checks(const Subject& s) {
    const Shape wanted = s.trace->shape(s.id);
    const Tensor* stored = s.gradient ? s.trace->gradient(s.id) : s.trace->find(s.id);
    if (!stored) return {};
    std::vector<Invariant> list;
    list.push_back({"shape = the tensor's shape", stored->shape == wanted,
                    to_string(wanted) + " and " + to_string(stored->shape)});
    if (!s.tensor || s.tensor->size() == 0) return list;
    if (s.gradient) {
        add_gradient_checks(s, list);
        return list;
    }
    const Explanation e = explain(*s.trace, s.id, s.index());
    if (!e.numbers.empty()) {
        const double v = s.tensor->at(s.index());
        const double error = e.value == v ? 0 : std::fabs(e.value - v);
        list.push_back({"selected cell: recomputed = stored", error <= tolerance(s),
                        value_text(s, e.value) + " and " + value_text(s, v) + ", error " +
                            format_number(error, 3) + ", tolerance " +
                            format_number(tolerance(s), 2)});
    }
    if (s.node->op != Op::param && s.node->op != Op::ids) list.push_back(spot_check(s));
    if (!s.whole_numbers()) add_row_sums(s, list);
    list.push_back(soundness(s));
    return list;
}

}  // namespace sf::inspector
