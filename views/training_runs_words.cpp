#include "views/draw/number.h"
#include "views/training_runs.h"

#include <algorithm>
#include <cmath>

namespace sf::training {

namespace {

// The runs with the lowest and the highest value; null where fewer than two have one.
struct Ends {
    const ComparedRun *low = nullptr, *high = nullptr;
};
Ends ends(const RunsScene& s, Measure m) {
    Ends e;
    std::size_t known = 0;
    for (const ComparedRun& run : s.runs) {
        const double v = run.value(m);
        if (!std::isfinite(v)) continue;
        ++known;
        if (e.low == nullptr || v < e.low->value(m)) e.low = &run;
        if (e.high == nullptr || v > e.high->value(m)) e.high = &run;
    }
    return known > 1 ? e : Ends{};
}

std::string when(const RunsScene& s) {
    const bool live = s.frame->train_step < 0;
    return live ? "At the end" : "Up to step " + format_count(s.frame->train_step);
}

std::string loss_words(const RunsScene& s, const Ends& e, Measure m) {
    return when(s) + " " + e.low->name + " is at " + format_fixed(e.low->value(m), 3) +
           " nats a token, " + e.high->name + " at " + format_fixed(e.high->value(m), 3) +
           (m == Measure::held_out ? ", on text that neither has read" : "");
}

// Times its share: violation + 1.
std::string load_words(const RunsScene& s, const Ends& e) {
    const auto times = [](const ComparedRun* run) {
        return format_fixed(run->value(Measure::violation) + 1, 2);
    };
    return when(s) + " the fullest expert of " + e.high->name + " does " + times(e.high) +
           " times its share, that of " + e.low->name + " " + times(e.low) + " times";
}

std::string figures(const ComparedRun& run) {
    std::string text = run.name + (run.mode.empty() ? "" : " (balance " + run.mode + ")") +
                       " at step " + format_count(run.step()) + ": loss " +
                       format_fixed(run.value(Measure::loss), 3);
    if (const double v = run.value(Measure::held_out); std::isfinite(v))
        text += ", held out " + format_fixed(v, 3);
    if (const double v = run.value(Measure::violation); std::isfinite(v))
        text += ", violation " + format_fixed(v, 3);
    return text + ".";
}

}  // namespace

std::string runs_headline(const RunsScene& s) {
    if (s.runs.empty()) return "No training run is here to look at";
    if (s.runs.size() == 1)
        return s.runs[0].name + " stands alone: a second run shows what one setting changes";
    const Divergence& d = s.runs[s.chosen].divergence;
    if (s.runs.size() == 2 && d.kind == Divergence::Kind::none && d.compared > 0)
        return s.runs[0].name + " and " + s.runs[1].name + " are one and the same run, bit for bit";
    if (const Ends e = ends(s, s.curve); e.low != nullptr && e.low != e.high)
        return s.curve == Measure::violation ? load_words(s, e) : loss_words(s, e, s.curve);
    return std::to_string(s.runs.size()) + " runs, told apart by what they were trained with";
}

std::string runs_facts(const RunsScene& s) {
    const std::string how =
        "the command “run-load FOLDER”, “run-keep NAME” for the present one, "
        "or --compare FOLDER on the command line";
    if (s.runs.empty()) return "Train a model (R), then add runs to compare with: " + how + ".";
    if (s.runs.size() == 1) return "Add one: " + how + ".";
    return s.runs[0].name + " and " + std::to_string(s.runs.size() - 1) +
           (s.runs.size() > 2 ? " others" : " other") +
           ". Violation: the largest load of an expert over the mean − 1, in the worst layer, "
           "over " +
           format_count(compared_window) + " tokens. Press a row to see where it parts from " +
           s.runs[0].name + ".";
}

std::string divergence_sentence(const RunsScene& s) {
    if (s.chosen == 0) return "";
    return divergence_text(s.runs[s.chosen].divergence, s.runs[0].name, s.runs[s.chosen].name);
}

std::string divergence_short(const ComparedRun& run) {
    const Divergence& d = run.divergence;
    if (d.kind == Divergence::Kind::shape) {
        std::string text;
        for (const NamedDifference& f : d.fields)
            text += (text.empty() ? "" : ", ") + f.name + " " + f.a + " → " + f.b;
        return "shape: " + text;
    }
    if (d.compared == 0) return "no step in common";
    if (d.kind == Divergence::Kind::none) return "nowhere up to step " + format_count(d.step);
    return "step " + format_count(d.step) + ", " + d.what;
}

std::string runs_description(const RunsScene& s) {
    if (s.runs.empty()) return runs_headline(s) + ". " + runs_facts(s);
    std::string text = runs_headline(s) + ".";
    for (const ComparedRun& run : s.runs) text += " " + figures(run);
    if (s.runs.size() == 1) return text + " " + runs_facts(s);
    for (std::size_t i = 1; i < s.runs.size(); ++i)
        text += " " + divergence_text(s.runs[i].divergence, s.runs[0].name, s.runs[i].name);
    return text;
}

}  // namespace sf::training
