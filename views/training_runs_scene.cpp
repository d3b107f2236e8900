#include "views/training_runs.h"

#include "views/draw/number.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sf::training {

namespace {

constexpr std::size_t most_points = 400;  // of a curve
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Every n-th of `count`, and the last.
std::vector<std::size_t> thinned_records(std::size_t count) {
    std::vector<std::size_t> kept;
    const std::size_t stride = std::max<std::size_t>(1, (count + most_points - 1) / most_points);
    for (std::size_t i = 0; i < count; i += stride) kept.push_back(i);
    if (count > 0 && kept.back() + 1 != count) kept.push_back(count - 1);
    return kept;
}

// The mean over the last twentieth of the records so far: a step's own loss is that of the few
// rows that it read.
double mean_loss(const History& h, std::size_t index) {
    const std::size_t count = index / 20 + 1;
    double sum = 0;
    for (std::size_t i = index + 1 - count; i <= index; ++i) sum += static_cast<double>(h[i].loss);
    return sum / static_cast<double>(count);
}

double last_held_out(const History& h, std::size_t index) {
    for (std::size_t i = index + 1; i-- > 0;)
        if (std::isfinite(h[i].heldout_loss)) return static_cast<double>(h[i].heldout_loss);
    return nan;
}

void add(RunLine& line, std::int64_t step, double value) {
    if (!std::isfinite(value)) return;
    line.step.push_back(static_cast<double>(step));
    line.value.push_back(value);
}

ComparedRun make_run(const std::string& name, const History& h, std::int64_t looked_at) {
    ComparedRun run;
    run.name = name;
    run.history = &h;
    for (const std::size_t i : thinned_records(h.size())) {
        add(run.lines[0], h[i].step, mean_loss(h, i));
        add(run.lines[2], h[i].step, worst_violation(h, i));
    }
    for (std::size_t i = 0; i < h.size(); ++i)
        add(run.lines[1], h[i].step, static_cast<double>(h[i].heldout_loss));
    const std::size_t upto = looked_at < 0 ? h.size() : h.upto(looked_at);
    run.at = upto > 0 ? upto - 1 : 0;
    run.mode = balance_seen(h, run.at);
    return run;
}

bool has_records(const History* history) {
    return history != nullptr && !history->empty();
}

}  // namespace

std::string measure_id(Measure m) {
    return m == Measure::loss ? "loss" : m == Measure::held_out ? "held-out" : "violation";
}

std::string measure_title(Measure m) {
    return m == Measure::loss       ? "Loss on training rows"
           : m == Measure::held_out ? "Loss on held-out text"
                                    : "Violation";
}

std::string measure_unit(Measure m) {
    return m == Measure::loss       ? "nats a token, mean of the last 5 % of the steps"
           : m == Measure::held_out ? "nats a token"
                                    : "largest load / mean − 1, worst layer";
}

double worst_violation(const History& h, std::size_t index) {
    double worst = nan;
    for (std::size_t layer = 0; layer < h.layers().size(); ++layer)
        if (const double v = h.violation(layer, index, compared_window); !(v <= worst)) worst = v;
    return worst;
}

double ComparedRun::value(Measure m) const {
    if (history->empty()) return nan;
    switch (m) {
        case Measure::loss:
            return mean_loss(*history, at);
        case Measure::held_out:
            return last_held_out(*history, at);
        case Measure::violation:
            break;
    }
    return worst_violation(*history, at);
}

std::int64_t ComparedRun::step() const {
    return history->empty() ? 0 : (*history)[at].step;
}

bool RunsScene::any(Measure m) const {
    return std::any_of(runs.begin(), runs.end(),
                       [m](const ComparedRun& run) { return !run.line(m).step.empty(); });
}

RunsScene make_runs_scene(const Frame& frame, const View& view) {
    RunsScene s;
    s.frame = &frame;
    const std::string curve = setting_text(frame, view, "curve");
    for (const Measure m : measures)
        if (measure_id(m) == curve) s.curve = m;
    s.log = setting_bool(frame, view, "log_steps");
    if (has_records(frame.history)) {
        const std::string name = frame.trace != nullptr ? frame.trace->model_name : "";
        s.runs.push_back(
            make_run(name.empty() ? "this run" : name, *frame.history, frame.train_step));
    }
    if (frame.runs != nullptr)
        for (const NamedRun& run : *frame.runs)
            if (has_records(run.history.get()))
                s.runs.push_back(make_run(run.name, *run.history, frame.train_step));
    const std::string other = setting_text(frame, view, "other");
    for (std::size_t i = 1; i < s.runs.size(); ++i) {
        ComparedRun& run = s.runs[i];
        run.divergence = first_divergence(*s.runs[0].history, *run.history);
        if (s.chosen == 0 || run.name == other) s.chosen = i;
    }
    return s;
}

// ---- what must hold ------------------------------------------------------------------------

namespace {

// Of the main model's layers; an MTP module reads fewer tokens.
Invariant loads_check(const RunsScene& s) {
    std::int64_t worst = 0, records = 0;
    for (const ComparedRun& run : s.runs) {
        const History& h = *run.history;
        const auto experts = static_cast<std::size_t>(h.experts());
        for (std::size_t i = 0; i < h.size(); ++i, ++records)
            for (std::size_t layer = 0; layer < h.layers().size(); ++layer) {
                if (!h.layers()[layer].starts_with("layers.")) continue;
                std::int64_t off = -h[i].tokens * h.config().num_experts_per_tok;
                for (std::size_t e = 0; e < experts; ++e) off += h[i].load[layer * experts + e];
                worst = std::max(worst, std::abs(off));
            }
    }
    return {"Σ load = tokens × k in every record of every run", worst == 0,
            format_count(records) + " records, off by " + format_count(worst) + " at most"};
}

Invariant finite_check(const RunsScene& s) {
    std::int64_t bad = 0, records = 0;
    for (const ComparedRun& run : s.runs)
        for (std::size_t i = 0; i < run.history->size(); ++i, ++records)
            if (!std::isfinite((*run.history)[i].loss)) ++bad;
    return {"every loss is finite", bad == 0,
            format_count(bad) + " of " + format_count(records) + " are not"};
}

// What is told of the step where two runs part, from their records alone.
Invariant alike_check(const RunsScene& s) {
    const History &a = *s.runs[0].history, &b = *s.runs[s.chosen].history;
    const Divergence& d = s.runs[s.chosen].divergence;
    std::int64_t same = 0, other = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const std::size_t n = b.upto(a[i].step);
        if (n == 0 || b[n - 1].step != a[i].step) continue;
        if (d.kind != Divergence::Kind::none && a[i].step >= d.step) break;
        const StepRecord& r = b[n - 1];
        ++(a[i].loss == r.loss && a[i].bias == r.bias && a[i].mtp_loss == r.mtp_loss ? same
                                                                                     : other);
    }
    return {"until they part, losses and biases are alike", other == 0,
            format_count(same) + " records alike, " + format_count(other) + " not"};
}

}  // namespace

std::vector<Invariant> runs_checks(const RunsScene& s) {
    if (s.runs.empty()) return {};
    std::vector<Invariant> list{finite_check(s), loads_check(s)};
    if (s.chosen > 0 && s.runs[s.chosen].divergence.kind != Divergence::Kind::shape)
        list.push_back(alike_check(s));
    return list;
}

}  // namespace sf::training
