#include "core/error.h"
#include "core/ops/matmul.h"
#include "core/ops/ops.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace sf {

std::span<const OpDef> op_table() {
    static const std::vector<OpDef> table = [] {
        std::vector<OpDef> rows;
        add_input_ops(rows);
        add_elementwise_ops(rows);
        add_norm_ops(rows);
        add_linear_ops(rows);
        add_rope_ops(rows);
        add_attention_ops(rows);
        add_latent_ops(rows);
        add_router_ops(rows);
        add_expert_ops(rows);
        add_fused_expert_ops(rows);
        add_loss_ops(rows);
        std::vector<OpDef> by_number(rows.size());
        for (const OpDef& r : rows) by_number.at(static_cast<std::size_t>(r.op)) = r;
        return by_number;
    }();
    return table;
}

const OpDef& op_def(Op op) {
    return op_table()[static_cast<std::size_t>(op)];
}

void require(const Node& node, bool condition, const std::string& reason) {
    if (!condition) throw ShapeError(node.name, std::string(op_def(node.op).name) + " " + reason);
}

const Node& input(const Graph& graph, const Node& node, std::size_t i) {
    return graph[node.inputs.at(i)];
}

Dim fixed(std::int64_t n) {
    Dim d;
    d.scale = n;
    return d;
}

Real* Scratch::get(std::size_t slot, std::int64_t count) {
    if (slots_.size() <= slot) slots_.resize(slot + 1);
    auto& s = slots_[slot];
    constexpr std::size_t line = 64 / sizeof(Real);  // begins at a cache line
    const auto needed = static_cast<std::size_t>(count) + line;
    if (s.size() < needed) s.resize(needed);
    const auto address = reinterpret_cast<std::uintptr_t>(s.data());
    return s.data() + (64 - address % 64) % 64 / sizeof(Real);
}

void weight_gradient(const BackwardContext& c, const Real* dy, std::int64_t n, std::int64_t ldy,
                     const Real* x, std::int64_t k, std::int64_t rows, GradView dw) {
    // One share a thread: every sum goes over the rows in the same order, whoever makes it.
    const auto share = (n + threads_of(c) - 1) / threads_of(c);
    for_rows(c, n, std::max<std::int64_t>(48, share), [&](std::int64_t i0, std::int64_t i1, int) {
        multiply_transposed(dy + i0, i1 - i0, ldy, rows, x, k, k, dw.data + i0 * k, k, dw.add);
    });
}

std::string number_text(double x) {
    if (std::isnan(x)) return "NaN";
    if (std::isinf(x)) return x > 0 ? "∞" : "−∞";
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.4g", std::fabs(x));
    return (x < 0 ? "−" : "") + std::string(buffer);
}

void Terms::add(double a, double b) {
    sum_ += a * b;
    if (count_ < 3) {
        const std::string first = number_text(a), second = number_text(b);
        if (count_ > 0) text_ += " + ";
        text_ += (a < 0 && count_ > 0 ? "(" + first + ")" : first) + "·" +
                 (b < 0 ? "(" + second + ")" : second);
    }
    ++count_;
}

std::string Terms::text() const {
    return count_ <= 3 ? text_ : text_ + " + … (" + std::to_string(count_) + " terms)";
}

void use_cells(Explanation& e, std::size_t input, std::int64_t begin, std::int64_t count,
               std::int64_t stride) {
    e.cells.push_back({static_cast<NodeId>(input), begin, begin + count * stride, stride});
}

bool explain_mask(std::int64_t key, std::int64_t query, Explanation& e) {
    if (key <= query) return false;
    e.value = -std::numeric_limits<double>::infinity();
    e.numbers = "masked: position " + std::to_string(key) + " lies after " + std::to_string(query);
    return true;
}

std::array<std::int64_t, Shape::max_rank> coordinates(const Shape& shape, std::int64_t index) {
    std::array<std::int64_t, Shape::max_rank> c{};
    for (int i = shape.rank - 1; i >= 0; --i) {
        c[static_cast<std::size_t>(i)] = index % shape[i];
        index /= shape[i];
    }
    return c;
}

}  // namespace sf
