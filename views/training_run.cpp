#include "views/training_run.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sf::training {

namespace {

constexpr std::size_t most_records = 2048;
constexpr std::size_t most_violations = 400;  // each reads a window of records

// Every n-th of `count`, and the last.
std::vector<std::size_t> thinned(std::size_t count, std::size_t most) {
    std::vector<std::size_t> kept;
    const std::size_t stride = std::max<std::size_t>(1, (count + most - 1) / most);
    for (std::size_t i = 0; i < count; i += stride) kept.push_back(i);
    if (count > 0 && kept.back() + 1 != count) kept.push_back(count - 1);
    return kept;
}

Curve series(const Run& run, const std::string& name, float StepRecord::*value) {
    Curve c{name, {}, {}};
    for (const std::size_t i : run.records) {
        const StepRecord& r = (*run.history)[i];
        c.add(r.step, static_cast<double>(r.*value));
    }
    return c;
}

// Measured now and then: no record that has it is left out.
Curve measured(const History& h, const std::string& name, float StepRecord::*value) {
    Curve c{name, {}, {}};
    for (std::size_t i = 0; i < h.size(); ++i) c.add(h[i].step, static_cast<double>(h[i].*value));
    return c;
}

void add_violation(Run& run) {
    const History& h = *run.history;
    const std::vector<std::size_t> at = thinned(h.size(), most_violations);
    for (std::size_t layer = 0; layer < h.layers().size(); ++layer) {
        Curve c{h.layers()[layer], {}, {}};
        for (const std::size_t i : at) c.add(h[i].step, h.violation(layer, i, violation_window));
        run.violation.push_back(std::move(c));
    }
}

}  // namespace

void Curve::add(std::int64_t s, double v) {
    if (!std::isfinite(v)) return;
    step.push_back(static_cast<double>(s));
    value.push_back(v);
}

double Curve::at(double s) const {
    const auto after = std::upper_bound(step.begin(), step.end(), s);
    if (after == step.begin()) return std::numeric_limits<double>::quiet_NaN();
    return value[static_cast<std::size_t>(after - step.begin() - 1)];
}

std::int64_t Run::worst_layer() const {
    std::int64_t worst = -1;
    double most = -1;
    for (std::size_t i = 0; i < violation.size(); ++i)
        if (const double v = violation[i].at(static_cast<double>(at)); v > most) {
            most = v;
            worst = static_cast<std::int64_t>(i);
        }
    return worst;
}

double objective(const StepRecord& r) {
    double sum = static_cast<double>(r.loss) + static_cast<double>(r.balance_loss);
    for (const float l : r.mtp_loss)
        sum += static_cast<double>(r.lambda) / static_cast<double>(r.mtp_loss.size()) *
               static_cast<double>(l);
    return sum;
}

Run make_run(const Frame& frame) {
    Run run;
    run.history = frame.history;
    if (run.history == nullptr) return run;
    const History& h = *run.history;
    run.records = thinned(h.size(), most_records);
    run.loss = series(run, "loss", &StepRecord::loss);
    run.held_out = measured(h, "held out", &StepRecord::heldout_loss);
    run.bigram = measured(h, "bigrams", &StepRecord::bigram_loss);
    run.floor = series(run, "floor", &StepRecord::floor);
    run.balance = series(run, "balance loss", &StepRecord::balance_loss);
    run.rate = series(run, "learning rate", &StepRecord::lr);
    run.norm = series(run, "gradient norm", &StepRecord::grad_norm);
    run.speed = series(run, "tokens/s", &StepRecord::tokens_per_second);
    for (std::int64_t k = 0; k < h.mtp_depths(); ++k) {
        Curve c{"MTP " + std::to_string(k + 1), {}, {}};
        for (const std::size_t i : run.records)
            c.add(h[i].step, static_cast<double>(h[i].mtp_loss[static_cast<std::size_t>(k)]));
        run.mtp.push_back(std::move(c));
    }
    add_violation(run);
    run.live = frame.train_step < 0;
    run.at = run.live ? (h.empty() ? 0 : h.back().step) : frame.train_step;
    run.upto = h.upto(run.at);
    return run;
}

}  // namespace sf::training
