#include "views/draw/number.h"
#include "views/gpu_attention.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

// What must hold of the cut and of the walk.
namespace sf::gpu {

namespace {

constexpr double rounding = 1e-4;  // relative to 1 + the largest

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

bool any_set(const AttentionScene& s, std::initializer_list<NodeId> nodes) {
    const auto& edits = s.trace().edits;
    return std::any_of(edits.begin(), edits.end(), [&](const Edit& e) {
        return std::any_of(nodes.begin(), nodes.end(),
                           [&](NodeId id) { return id != no_node && s.name(id) == e.node; });
    });
}

Invariant rows_once(const AttentionScene& s) {
    std::vector<int> groups(at(s.work.queries));
    bool inside = true;
    for (const Band& b : s.bands)
        for (std::int64_t r = b.first; r < b.first + b.rows; ++r)
            if (r >= 0 && r < s.work.queries)
                ++groups[at(r)];
            else
                inside = false;
    const auto once = std::count(groups.begin(), groups.end(), 1);
    return {"every query row in exactly one work group", inside && once == std::ssize(groups),
            format_count(once) + " of " + counted(s.work.queries, "row")};
}

// By counting what each group's tiles cover of each of its rows.
Invariant pairs_once(const AttentionScene& s) {
    std::int64_t needed = 0, covered = 0, idle = 0;
    for (std::int64_t r = 0; r < s.work.queries; ++r) needed += s.work.seen(r);
    for (const Band& b : s.bands) {
        for (std::int64_t r = b.first; r < b.first + b.rows; ++r)
            covered += std::min(s.work.seen(r), b.walked * s.cut.keys);
        // Its last tile has a key that its last row, of whatever head, sees.
        if ((b.walked - 1) * s.cut.keys >= s.work.seen(s.work.last_token(b.group, s.cut))) ++idle;
    }
    return {"every pair up to the diagonal in exactly one tile, none else touched",
            covered == needed && idle == 0,
            format_count(covered) + " of " + format_count(needed) + " pairs, " +
                counted(idle, "idle tile")};
}

Invariant flops(const AttentionScene& s) {
    double counted_flops = 0;
    for (std::int64_t r = 0; r < s.work.queries; ++r)
        counted_flops += static_cast<double>(s.work.seen(r)) *
                         static_cast<double>(2 * s.in.q.width + 2 * s.in.q_position.width +
                                             2 * s.in.v.width + 1);
    counted_flops *= static_cast<double>(s.work.batch * s.work.heads);
    return {"FLOPs = counted row by row", counted_flops == s.work.flops(),
            format_short(counted_flops) + " and " + format_short(s.work.flops())};
}

// The row's walk in the drawn tiles against what the run recorded in tiles of its own.
Invariant end_of_row(const AttentionScene& s) {
    Invariant check{"m and d after the last tile = the trace's", true, ""};
    const Tensor* m = s.trace().find(s.m_node);
    const Tensor* d = s.trace().find(s.d_node);
    if (m == nullptr || d == nullptr || m->shape.cols() == 0) {
        check.figure = "not kept: not measured";
        return check;
    }
    const std::int64_t i =
        (((s.batch * s.work.heads + s.head) * s.work.queries + s.row) + 1) * m->shape.cols() - 1;
    if (any_set(s, {s.m_node, s.d_node})) {
        check.figure = "set by hand: not measured";
        return check;
    }
    Worst worst;
    const auto allowed = [](double v) { return rounding * (1 + std::abs(v)); };
    worst.add(std::abs(static_cast<double>(s.states.back().m) - m->at(i)), allowed(m->at(i)));
    worst.add(std::abs(static_cast<double>(s.states.back().d) - d->at(i)), allowed(d->at(i)));
    check.holds = worst.holds();
    check.figure = worst.figure();
    return check;
}

Invariant output_of_row(const AttentionScene& s) {
    Invariant check{"o / d after the last tile = the head's output", true, ""};
    const Tensor* out = s.trace().find(s.node);
    const std::vector<double> o = s.o(s.row, s.band().walked - 1);
    const double d = static_cast<double>(s.states.back().d);
    if (out == nullptr || o.empty()) {
        check.figure = "not kept: not measured";
        return check;
    }
    // What is set by hand in the middle follows from nothing.
    if (any_set(s, {s.setup.graph()[s.node].inputs[0], s.o_node, s.node})) {
        check.figure = "set by hand: not measured";
        return check;
    }
    const std::int64_t first =
        ((s.batch * s.work.queries + s.row) * s.work.heads + s.head) * s.work.value_width;
    double largest = 0;
    for (std::int64_t i = 0; i < out->size(); ++i)
        largest = std::max(largest, std::abs(out->at(i)));
    Worst worst;
    for (std::int64_t c = 0; c < s.work.value_width; ++c)
        worst.add(std::abs(o[at(c)] / d - out->at(first + c)), rounding * (1 + largest));
    check.holds = worst.holds();
    check.figure = worst.figure();
    return check;
}

}  // namespace

std::vector<Invariant> attention_checks(const AttentionScene& s) {
    if (!s.missing.empty()) return {};
    std::vector<Invariant> list{rows_once(s), pairs_once(s), flops(s), end_of_row(s),
                                output_of_row(s)};
    if (const DeviceReport::Part* part = s.setup.part(s.node)) add_agreement(*part, list);
    return list;
}

}  // namespace sf::gpu
