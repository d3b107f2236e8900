#include "views/experts_sequence.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace sf::experts {

namespace {

constexpr std::int64_t most_ribbons = 64;  // tokens that are drawn at once

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// Groups of the first choice that the second does not reach, ascending.
std::vector<std::int64_t> only_in_first(const Rule& rule, const std::vector<std::int64_t>& first,
                                        const std::vector<std::int64_t>& second) {
    std::set<std::int64_t> groups;
    for (const std::int64_t e : first) groups.insert(rule.group_of(e));
    for (const std::int64_t e : second) groups.erase(rule.group_of(e));
    return {groups.begin(), groups.end()};
}

// The factor of the loss at the training step that is looked at; DeepSeek-V3's where nothing is
// known.
double trained_alpha(const Frame& frame) {
    constexpr double paper = 1e-4;
    if (frame.history == nullptr || frame.history->empty()) return paper;
    const History& h = *frame.history;
    const std::size_t n = frame.train_step < 0 ? h.size() : h.upto(frame.train_step);
    // As it was written down: a float reads as a longer decimal.
    return std::round(static_cast<double>(h[n == 0 ? 0 : n - 1].alpha) * 1e9) * 1e-9;
}

}  // namespace

std::vector<Parameter> sequence_parameters(const Frame& frame) {
    std::vector<Parameter> all = parameters(frame);
    all.push_back({"capacity",
                   Parameter::Type::real,
                   0.5,
                   4,
                   {},
                   1.25,
                   "What if an expert had room for this many times the mean load only: tokens that "
                   "would be dropped are marked. Here none is."});
    const double alpha = trained_alpha(frame);
    all.push_back(
        {"alpha",
         Parameter::Type::real,
         0,
         std::max(1.0, alpha),
         {},
         alpha,
         "The factor α of the sequence-wise balance loss; the training's own by default."});
    return all;
}

Capacity capacity_of(const Scene& s, double factor) {
    Capacity c;
    c.factor = factor;
    const double mean =
        static_cast<double>(s.tokens * s.rule.top_k) / static_cast<double>(s.rule.experts);
    c.room = static_cast<std::int64_t>(std::ceil(factor * mean - 1e-9));
    std::vector<std::int64_t> taken(at(s.rule.experts));
    for (std::int64_t t = 0; t < s.tokens; ++t) {
        std::vector<bool> dropped;
        for (std::int64_t k = 0; k < s.rule.top_k; ++k)
            dropped.push_back(++taken[at(s.chosen(t, k))] > c.room);
        const auto lost = std::count(dropped.begin(), dropped.end(), true);
        c.places += lost;
        c.tokens += lost > 0 ? 1 : 0;
        c.dropped.push_back(std::move(dropped));
    }
    return c;
}

BalanceTerm balance_of(const Scene& s, double alpha) {
    BalanceTerm b;
    b.alpha = alpha;
    b.f.assign(at(s.rule.experts), 0.0);
    b.p.assign(at(s.rule.experts), 0.0);
    const auto tokens = static_cast<double>(s.tokens);
    const double each =
        static_cast<double>(s.rule.experts) / (static_cast<double>(s.rule.top_k) * tokens);
    for (std::int64_t t = 0; t < s.tokens; ++t) {
        const auto scores = s.values(t, true);
        for (const std::int64_t e : best_of(scores, s.rule.top_k)) b.f[at(e)] += each;
        double sum = 0;
        for (const double v : scores) sum += v;
        for (std::size_t e = 0; e < scores.size(); ++e) b.p[e] += scores[e] / sum / tokens;
    }
    for (std::size_t e = 0; e < b.f.size(); ++e) b.sum += b.f[e] * b.p[e];
    return b;
}

Sequence make_sequence(const Frame& frame, const View& view) {
    Sequence q;
    q.scene = make_scene(frame, view);
    const Scene& s = q.scene;
    if (!s.missing.empty()) return q;
    q.load = s.loads();
    q.mean = static_cast<double>(q.copies()) / static_cast<double>(s.rule.experts);
    for (std::int64_t t = 0; t < s.tokens; ++t) {
        std::vector<std::int64_t> chosen;
        for (std::int64_t k = 0; k < s.rule.top_k; ++k) chosen.push_back(s.chosen(t, k));
        const std::vector<std::int64_t> free = best_of(s.values(t), s.rule.top_k);
        q.links += groups_touched(s.rule, chosen);
        q.links_free += groups_touched(s.rule, free);
        if (t == s.t) q.beyond = only_in_first(s.rule, free, chosen);
    }
    q.capacity = capacity_of(s, setting_number(frame, view, "capacity"));
    q.balance = balance_of(s, setting_number(frame, view, "alpha"));
    const std::int64_t shown = std::min(s.tokens, most_ribbons);
    q.from = std::clamp<std::int64_t>(s.t - shown / 2, 0, s.tokens - shown);
    q.to = q.from + shown;
    return q;
}

}  // namespace sf::experts
