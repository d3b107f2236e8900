#include "views/draw/number.h"
#include "views/experts_training.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace sf::experts {

namespace {

// The depth of an MTP module, which meets so many tokens fewer of each row; 0 of the main model.
std::int64_t depth_of(const History& h, std::size_t layer) {
    const std::string& name = h.layers()[layer];
    return name.rfind("mtp.", 0) == 0 ? std::atoll(name.c_str() + 4) : 0;
}

std::int64_t choices(const History& h, std::size_t layer, std::size_t index) {
    const auto first = h[index].load.begin() + static_cast<std::ptrdiff_t>(layer) * h.experts();
    return std::accumulate(first, first + h.experts(), std::int64_t{0});
}

// In every record every choice of every token is counted. How many rows a record had nobody wrote
// down: the MTP modules must agree on it.
Invariant nothing_dropped(const TrainingScene& s) {
    const History& h = *s.history;
    const std::int64_t k = h.config().num_experts_per_tok;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < h.size(); ++i) {
        std::int64_t rows = -1;
        bool right = true;
        for (std::size_t l = 0; l < h.layers().size(); ++l) {
            const std::int64_t missing = h[i].tokens * k - choices(h, l, i);
            const std::int64_t depth = depth_of(h, l);
            if (depth == 0) {
                right = right && missing == 0;
                continue;
            }
            const std::int64_t own = missing / (depth * k);
            right =
                right && missing >= 0 && own * depth * k == missing && (rows < 0 || own == rows);
            rows = own;
        }
        wrong += right ? 0 : 1;
    }
    return {"Σ load = tokens × k in every record and layer: no token is dropped", wrong == 0,
            format_count(static_cast<std::int64_t>(wrong)) + " of " +
                format_count(static_cast<std::int64_t>(h.size())) + " records differ"};
}

// What is drawn is what the history says, from integer counts.
Invariant violation_is_of_loads(const TrainingScene& s) {
    Worst worst;
    std::size_t at = 0;
    for (std::size_t i = 0; i < s.own.step.size(); ++i) {
        while (static_cast<double>((*s.history)[at].step) < s.own.step[i]) ++at;
        const double v = s.history->violation(s.layer, at, window_tokens);
        if (std::isnan(v) && std::isnan(s.own.violation[i])) continue;
        worst.add(std::abs(v - s.own.violation[i]), 1e-9);
    }
    return {"violation on screen = largest load / mean − 1 of the history", worst.holds(),
            worst.figure()};
}

struct Moves {
    Worst worst;
    std::int64_t by_hand = 0, checked = 0;
};

// Of one record: every bias went by γ against its load. A few may have been kicked by hand as
// well; where several steps stand together, no more than γ a step is known.
void check_moves(const TrainingScene& s, std::size_t i, double gamma, Moves& m) {
    const StepRecord& record = (*s.history)[i];
    const std::int64_t sum = choices(*s.history, s.layer, i);
    const auto steps = static_cast<double>(record.step - (*s.history)[i - 1].step);
    std::vector<Worst> errors(s.experts());
    for (std::size_t e = 0; e < s.experts(); ++e) {
        const double before = s.bias(i - 1, e), after = s.bias(i, e), move = after - before;
        const std::int64_t above = record.load[s.cell(e)] * s.history->experts() - sum;
        const double wanted = above > 0 ? -gamma : above < 0 ? gamma : 0;
        // Biases are kept as 32-bit floats, and added to anew in every step.
        const double size = std::max({1.0, std::abs(before), std::abs(after)});
        errors[e].add(
            steps == 1 ? std::abs(move - wanted) : std::max(0.0, std::abs(move) - steps * gamma),
            (1 + steps) * 1.2e-7 * size + 1e-6 * gamma);
    }
    const auto kicked =
        std::count_if(errors.begin(), errors.end(), [](const Worst& w) { return !w.holds(); });
    const bool by_hand = kicked <= std::max<std::int64_t>(1, std::ssize(errors) / 4);
    if (by_hand) m.by_hand += kicked;
    for (const Worst& w : errors)
        if (w.holds() || !by_hand) m.worst.add(w.error, w.tolerance);
    ++m.checked;
}

Invariant bias_goes_against_load(const TrainingScene& s) {
    const History& h = *s.history;
    double fastest = 0;
    for (std::size_t i = 0; i < h.size(); ++i)
        fastest = std::max(fastest, static_cast<double>(h[i].gamma));
    Moves m;
    for (std::size_t i = 1; i < h.size(); ++i) {
        if (!bias_moves(h, i)) continue;
        const bool alone = h[i].step - h[i - 1].step == 1;
        check_moves(s, i, alone ? static_cast<double>(h[i].gamma) : fastest, m);
    }
    if (m.checked == 0) return {"biases stand still where none balances", true, "no bias moved"};
    return {h.stride() == 1 ? "every bias moves by γ a step, down where the load is above the mean"
                            : "no bias moves by more than γ a step",
            m.worst.holds(),
            m.worst.figure() + " in " + format_count(m.checked) + " records" +
                (m.by_hand > 0 ? "; " + format_count(m.by_hand) + " kicked by hand" : "")};
}

}  // namespace

std::vector<Invariant> training_checks(const TrainingScene& s) {
    if (!s.missing.empty()) return {};
    return {nothing_dropped(s), violation_is_of_loads(s), bias_goes_against_load(s)};
}

}  // namespace sf::experts
