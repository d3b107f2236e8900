#include "views/experts_choice.h"

#include "core/real.h"

#include <algorithm>
#include <set>

namespace sf::experts {

namespace {

constexpr std::int64_t none = -1;

// The largest that is still free; none when nothing is.
std::int64_t best_free(std::span<const double> values, const std::vector<bool>& free) {
    std::int64_t best = none;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (free[i] && (best == none || values[i] > values[static_cast<std::size_t>(best)]))
            best = static_cast<std::int64_t>(i);
    return best;
}

std::vector<std::int64_t> best_free(std::span<const double> values, std::int64_t count,
                                    std::vector<bool> free) {
    std::vector<std::int64_t> chosen;
    for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t best = best_free(values, free);
        if (best == none) break;
        chosen.push_back(best);
        free[static_cast<std::size_t>(best)] = false;
    }
    return chosen;
}

}  // namespace

Rule rule_of(const ModelConfig& c) {
    const bool groups = c.topk_method != "greedy";
    return {c.n_routed_experts, groups ? c.n_group : 1, groups ? c.topk_group : 1,
            c.num_experts_per_tok, c.has_router_bias()};
}

std::vector<std::int64_t> best_of(std::span<const double> values, std::int64_t count) {
    return best_free(values, count, std::vector<bool>(values.size(), true));
}

std::vector<double> group_scores(const Rule& rule, std::span<const double> values) {
    std::vector<double> scores;
    const auto size = static_cast<std::size_t>(rule.group_size());
    for (std::size_t g = 0; g < static_cast<std::size_t>(rule.groups); ++g) {
        const auto group = values.subspan(g * size, size);
        Real sum = 0;
        for (const std::int64_t i : best_of(group, rule.best_two ? 2 : 1))
            sum += static_cast<Real>(group[static_cast<std::size_t>(i)]);
        scores.push_back(static_cast<double>(sum));
    }
    return scores;
}

Route route(const Rule& rule, std::span<const double> values) {
    Route r;
    r.groups = rule.groups > 1 ? best_of(group_scores(rule, values), rule.kept)
                               : std::vector<std::int64_t>{0};
    std::vector<bool> free(values.size(), false);
    for (const std::int64_t g : r.groups)
        std::fill_n(free.begin() + g * rule.group_size(), rule.group_size(), true);
    r.experts = best_free(values, rule.top_k, std::move(free));
    return r;
}

std::int64_t groups_touched(const Rule& rule, std::span<const std::int64_t> experts) {
    std::set<std::int64_t> groups;
    for (const std::int64_t e : experts) groups.insert(rule.group_of(e));
    return static_cast<std::int64_t>(groups.size());
}

}  // namespace sf::experts
