#include "views/experts_checks.h"

#include "views/draw/number.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sf::experts {

namespace {

constexpr double rounding = std::numeric_limits<Real>::epsilon();

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// Every token of every sequence, as the run recorded it.
struct Rows {
    const Scene& s;
    std::int64_t count;

    explicit Rows(const Scene& scene)
        : s(scene), count(scene.router.scores->shape[0] * scene.tokens) {}
    std::vector<double> of(const Tensor& t, std::int64_t row) const {
        const std::int64_t n = t.shape.cols();
        std::vector<double> all;
        for (std::int64_t i = 0; i < n; ++i) all.push_back(t.at(row * n + i));
        return all;
    }
    std::vector<double> values(std::int64_t row) const { return of(*s.router.biased, row); }
    std::vector<std::int64_t> chosen(std::int64_t row) const {
        const auto first = s.router.indices->ints.begin() + row * s.rule.top_k;
        return {first, first + s.rule.top_k};
    }
    bool sound(std::int64_t row) const {
        const auto all = chosen(row);
        return std::all_of(all.begin(), all.end(),
                           [&](std::int64_t e) { return e >= 0 && e < s.rule.experts; });
    }
    // How many tokens of all something is true of.
    template <class F>
    Invariant each(const std::string& name, F holds) const {
        std::int64_t n = 0;
        for (std::int64_t r = 0; r < count; ++r) n += sound(r) && holds(r) ? 1 : 0;
        return {
            name, n == count,
            format_count(n) + " of " + format_count(count) + (count == 1 ? " token" : " tokens")};
    }
};

// A value that somebody set need not follow from others.
bool by_hand(const Scene& s, const char* name) {
    return std::any_of(s.trace->edits.begin(), s.trace->edits.end(),
                       [&](const Edit& e) { return e.node == s.node(name); });
}

Invariant choice_is_the_routers(const Rows& rows) {
    const std::string name = rows.s.rule.groups > 1
                                 ? "chosen = the k best s + b in the best nodes, made again"
                                 : "chosen = the k best, made again";
    if (by_hand(rows.s, "group_scores")) return {name, true, "set by hand: not measured"};
    return rows.each(name, [&](std::int64_t r) {
        const Route again = route(rows.s.rule, rows.values(r));
        if (again.experts != rows.chosen(r)) return false;
        if (rows.s.router.groups == nullptr) return true;
        const auto first = rows.s.router.groups->ints.begin() + r * rows.s.rule.kept;
        return std::equal(again.groups.begin(), again.groups.end(), first);
    });
}

// Every token has k different experts, and each is worked on.
Invariant none_dropped(const Rows& rows) {
    const Scene& s = rows.s;
    std::vector<std::int64_t> n(at(s.rule.experts));
    bool sound = true;
    for (std::int64_t r = 0; r < rows.count; ++r) {
        auto chosen = rows.chosen(r);
        sound = sound && rows.sound(r);
        if (!sound) break;
        for (const std::int64_t e : chosen) ++n[at(e)];
        std::sort(chosen.begin(), chosen.end());
        sound = std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end();
    }
    const auto& load = s.router.load->ints;
    const auto total = std::accumulate(load.begin(), load.end(), std::int64_t{0});
    return {"Σ load = tokens × k, none dropped",
            sound && total == rows.count * s.rule.top_k && n == load,
            format_count(total) + " of " + format_count(rows.count) + " × " +
                format_count(s.rule.top_k)};
}

Invariant sum_to_scale(const Rows& rows) {
    const std::string name = "gates sum to the scale";
    if (by_hand(rows.s, "router_weights")) return {name, true, "set by hand: not measured"};
    Worst worst;
    const double allowed =
        rounding * static_cast<double>(rows.s.rule.top_k + 4) * std::max(rows.s.scale, 1e-30);
    for (std::int64_t r = 0; r < rows.count; ++r) {
        const auto gates = rows.of(*rows.s.router.weights, r);
        worst.add(std::fabs(std::accumulate(gates.begin(), gates.end(), 0.0) - rows.s.scale),
                  allowed);
    }
    return {name, worst.holds(), worst.figure()};
}

// Made again from s of the chosen alone: a bias that changes no choice changes no gate.
Invariant gates_from_s(const Rows& rows) {
    const Scene& s = rows.s;
    const std::string name = "gates come from s alone, whatever b";
    if (by_hand(s, "router_weights")) return {name, true, "set by hand: not measured"};
    Worst worst;
    const double allowed =
        rounding * static_cast<double>(s.rule.top_k + 4) * std::max(s.scale, 1e-30);
    for (std::int64_t r = 0; r < rows.count; ++r) {
        if (!rows.sound(r)) return {name, false, "no such expert"};
        const auto scores = rows.of(*s.router.scores, r), gates = rows.of(*s.router.weights, r);
        const auto chosen = rows.chosen(r);
        double sum = 0;
        for (const std::int64_t e : chosen) sum += scores[at(e)];
        for (std::size_t k = 0; k < chosen.size(); ++k)
            worst.add(
                std::fabs(scores[at(chosen[k])] / (s.normalised ? sum : 1) * s.scale - gates[k]),
                allowed);
    }
    return {name, worst.holds(), worst.figure()};
}

// What lies between a choice and the next one, among nodes and among experts.
double margin(const Rule& rule, const std::vector<double>& values) {
    double least = std::numeric_limits<double>::infinity();
    const Route r = route(rule, values);
    const auto between = [&](std::span<const double> all, std::int64_t count) {
        const auto order = best_of(all, count + 1);
        if (count > 0 && std::ssize(order) > count)
            least = std::min(least, all[at(order[at(count - 1)])] - all[at(order[at(count)])]);
    };
    if (rule.groups > 1) between(group_scores(rule, values), rule.kept);
    std::vector<double> reached;
    for (const std::int64_t g : r.groups)
        for (std::int64_t i = 0; i < rule.group_size(); ++i)
            reached.push_back(values[at(g * rule.group_size() + i)]);
    between(reached, rule.top_k);
    return least;
}

Invariant same_bias_for_all(const Rows& rows) {
    constexpr double added = 0.25;
    std::int64_t tried = 0, same = 0;
    for (std::int64_t r = 0; r < rows.count; ++r) {
        auto values = rows.values(r);
        double largest = 0;
        for (const double v : values) largest = std::max(largest, std::fabs(v));
        if (!(margin(rows.s.rule, values) > 8 * rounding * (largest + added))) continue;
        ++tried;
        for (double& v : values) v = static_cast<double>(static_cast<Real>(v + added));
        same += route(rows.s.rule, values).experts == rows.chosen(r) ? 1 : 0;
    }
    return {"the same b for all changes no choice", same == tried,
            format_count(same) + " of " + format_count(tried) + ", " +
                format_count(rows.count - tried) + " with margins of rounding"};
}

Invariant within_the_limit(const Rows& rows) {
    const Rule& rule = rows.s.rule;
    std::int64_t most = 0;
    Invariant check = rows.each("each token touches at most " + std::to_string(rule.kept) +
                                    (rule.kept == 1 ? " node" : " nodes"),
                                [&](std::int64_t r) {
                                    const std::int64_t touched =
                                        groups_touched(rule, rows.chosen(r));
                                    most = std::max(most, touched);
                                    return touched <= rule.kept;
                                });
    check.figure += ", most " + std::to_string(most);
    return check;
}

// Without a limit the model's own choice; with one, the rule's.
Invariant no_limit_is_plain(const Rows& rows) {
    Rule all = rows.s.rule;
    all.kept = all.groups;
    const bool model = !rows.s.rule.limited();
    Invariant check = rows.each("a limit of all nodes is plain top-k", [&](std::int64_t r) {
        const auto values = rows.values(r);
        const auto plain = best_of(values, all.top_k);
        return route(all, values).experts == plain && (!model || rows.chosen(r) == plain);
    });
    check.figure += model ? ", as the model chose" : ", chosen again without the limit";
    return check;
}

}  // namespace

std::vector<Invariant> token_checks(const Scene& s) {
    const Rows rows(s);
    std::vector<Invariant> all{choice_is_the_routers(rows), none_dropped(rows)};
    if (s.normalised) all.push_back(sum_to_scale(rows));
    all.push_back(gates_from_s(rows));
    if (s.biased) all.push_back(same_bias_for_all(rows));
    if (s.rule.groups > 1) {
        all.push_back(within_the_limit(rows));
        all.push_back(no_limit_is_plain(rows));
    }
    return all;
}

}  // namespace sf::experts
