#include "views/draw/number.h"
#include "views/training_run.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>

namespace sf::training {

namespace {

// Every loss that was recorded is a number: one that is not stops the run.
Invariant finite_losses(const History& h) {
    std::int64_t bad = 0, first = -1;
    for (std::size_t i = 0; i < h.size(); ++i) {
        const StepRecord& r = h[i];
        bool sound = std::isfinite(r.loss) && std::isfinite(r.grad_norm);
        for (const float l : r.mtp_loss) sound = sound && std::isfinite(l);
        if (sound) continue;
        if (bad++ == 0) first = r.step;
    }
    std::string figure = format_count(static_cast<std::int64_t>(h.size())) + " records, " +
                         format_count(bad) + " of them not";
    if (bad > 0) figure += ", first at step " + format_count(first);
    return {"every recorded loss and gradient norm is a finite number", bad == 0, figure};
}

// No token was dropped: each went to as many experts as the model says. MTP modules see fewer
// tokens than the main model, by the places that they look ahead.
Invariant loads(const History& h) {
    std::int64_t wrong = 0, cells = 0, first = -1;
    const auto experts = static_cast<std::size_t>(h.experts());
    for (std::size_t i = 0; i < h.size(); ++i)
        for (std::size_t layer = 0; layer < h.layers().size(); ++layer) {
            std::int64_t sum = 0;
            for (std::size_t e = 0; e < experts; ++e) sum += h[i].load[layer * experts + e];
            const std::int64_t whole = h[i].tokens * h.config().num_experts_per_tok;
            const bool mtp = h.layers()[layer].starts_with("mtp");
            ++cells;
            if (mtp ? sum > 0 && sum < whole && sum % h.config().num_experts_per_tok == 0
                    : sum == whole)
                continue;
            if (wrong++ == 0) first = h[i].step;
        }
    std::string figure = format_count(cells) + " sums, " + format_count(wrong) + " wrong";
    if (wrong > 0) figure += ", first at step " + format_count(first);
    return {"Σ load = tokens × experts a token, none dropped", wrong == 0, figure};
}

// The curves of violation once more, from the loads.
Invariant violations(const Run& run) {
    const History& h = *run.history;
    const auto experts = static_cast<std::size_t>(h.experts());
    Worst worst;
    for (std::size_t layer = 0; layer < run.violation.size(); ++layer) {
        const Curve& c = run.violation[layer];
        for (std::size_t i = 0; i < c.step.size(); ++i) {
            std::vector<double> load(experts);
            std::int64_t tokens = 0;
            for (std::size_t at = h.upto(static_cast<std::int64_t>(c.step[i]));
                 at-- > 0 && tokens < violation_window;) {
                tokens += h[at].tokens;
                for (std::size_t e = 0; e < experts; ++e)
                    load[e] += static_cast<double>(h[at].load[layer * experts + e]);
            }
            double sum = 0;
            for (const double n : load) sum += n;
            const double mean = sum / static_cast<double>(experts);
            worst.add(
                std::abs(c.value[i] - (*std::max_element(load.begin(), load.end()) - mean) / mean),
                1e-9);
        }
    }
    return {"violation on screen = largest load / mean load − 1", worst.holds(), worst.figure()};
}

// Held-out rows are a sample: 32 rows of the text whose floor is known as a mean. How far such a
// sample lies from the mean was measured (tests/views/training).
Invariant above_floor(const Run& run) {
    constexpr double rows = 32;
    const auto row = static_cast<double>(run.history->about.row_tokens);
    const double allowed = 8 / std::sqrt(rows * (row > 0 ? row : 128));
    double lowest = std::numeric_limits<double>::infinity(), at = 0;
    for (std::size_t i = 0; i < run.held_out.step.size(); ++i) {
        const double s = run.held_out.step[i], above = run.held_out.value[i] - run.floor.at(s);
        if (above < lowest) lowest = above, at = s;
    }
    return {"no held-out loss is below the floor", lowest >= -allowed,
            "nearest " + nats(lowest) + " above it, at step " + format_count(std::llround(at)) +
                ", sampling ± " + format_number(allowed, 2)};
}

// Curves come from the records as they are.
Invariant same_records(const Run& run) {
    const History& h = *run.history;
    Worst worst;
    for (std::size_t i = 0; i < run.loss.step.size(); ++i) {
        const std::size_t at = h.upto(static_cast<std::int64_t>(run.loss.step[i]));
        const double own =
            at > 0 ? static_cast<double>(h[at - 1].loss) : std::numeric_limits<double>::quiet_NaN();
        worst.add(std::abs(run.loss.value[i] - own), 1e-12);
    }
    return {"the loss on screen = the record's", worst.holds(), worst.figure()};
}

}  // namespace

std::vector<Invariant> checks(const Run& run) {
    std::vector<Invariant> all;
    if (run.history == nullptr || run.history->empty()) return all;
    all.push_back(finite_losses(*run.history));
    all.push_back(same_records(run));
    if (!run.history->layers().empty()) {
        all.push_back(loads(*run.history));
        all.push_back(violations(run));
    }
    if (!run.held_out.step.empty() && std::isfinite(run.floor.at(run.held_out.step.back())))
        all.push_back(above_floor(run));
    return all;
}

}  // namespace sf::training
