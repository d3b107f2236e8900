#pragma once

#include "core/config.h"

#include <cstdint>
#include <span>
#include <vector>

// The router's choice, made again in the open (DeepSeek-V3, eqs. 14-16 and section 2.1.2): what the
// pictures compare the model's own choice with, and what another limit would have chosen.
namespace sf::experts {

struct Rule {
    std::int64_t experts = 1, groups = 1, kept = 1, top_k = 1;
    bool best_two = true;  // a group's score is the sum of its best two, else its best

    std::int64_t group_size() const { return experts / groups; }
    std::int64_t group_of(std::int64_t expert) const { return expert / group_size(); }
    bool limited() const { return kept < groups; }
};
Rule rule_of(const ModelConfig& config);

// The `count` largest, best first; of equal ones the earlier.
std::vector<std::int64_t> best_of(std::span<const double> values, std::int64_t count);
// (groups); sums in the model's own precision, so that ties are its ties.
std::vector<double> group_scores(const Rule& rule, std::span<const double> values);

struct Route {
    std::vector<std::int64_t> groups;   // kept, best first; all in one where there are no groups
    std::vector<std::int64_t> experts;  // chosen, best first
    bool operator==(const Route&) const = default;
};
// `values`: (experts), s + b of one token, or s where there is no bias.
Route route(const Rule& rule, std::span<const double> values);
// Groups among which these experts lie.
std::int64_t groups_touched(const Rule& rule, std::span<const std::int64_t> experts);

}  // namespace sf::experts
