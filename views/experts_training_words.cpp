#include "views/draw/number.h"
#include "views/experts_training.h"

#include <algorithm>
#include <cmath>

namespace sf::experts {

namespace {

std::string violation_text(double v) {
    return std::isfinite(v) ? format_fixed(v, v < 0.1 ? 3 : 2) : "not known";
}

double noise_now(const TrainingScene& s, const Loads& window) {
    const ModelConfig& c = s.history->config();
    return BalancedNoise(c.num_experts_per_tok,
                         c.n_routed_experts)(window.sum() / c.num_experts_per_tok);
}

std::string loads_text(const Loads& window) {
    return format_number(1 + window.violation(), 3) + " × the mean load";
}

}  // namespace

std::string training_headline(const TrainingScene& s) {
    const Loads window = window_of(*s.history, s.layer, s.now);
    if (window.sum() == 0) return "No token has been routed in " + s.layer_title + " yet";
    if (bias_moves(*s.history, s.now))
        return "No gradient: who has too much to do gets a lower bias. The busiest expert has " +
               loads_text(window);
    if (s.record().balance_loss != 0)
        return "An auxiliary loss pulls the router towards even loads: the busiest expert has " +
               loads_text(window);
    return "Nothing keeps the loads even here: the busiest expert has " + loads_text(window);
}

std::string training_facts(const TrainingScene& s) {
    const ModelConfig& c = s.history->config();
    const Loads window = window_of(*s.history, s.layer, s.now);
    return s.layer_title + ", " + format_count(c.n_routed_experts) + " experts, top-" +
           format_count(c.num_experts_per_tok) + " · step " + format_count(s.record().step) +
           " of " + format_count(s.history->back().step) + " · " + balance_of(*s.history, s.now) +
           " · violation " + violation_text(window.violation()) + " over " +
           format_count(window.tokens) + " tokens; balanced sampling alone gives " +
           violation_text(noise_now(s, window));
}

std::string training_description(const TrainingScene& s) {
    if (!s.missing.empty()) return s.missing;
    const Loads window = window_of(*s.history, s.layer, s.now);
    const auto [least, most] = std::minmax_element(window.count.begin(), window.count.end());
    const auto name = [&](auto it) { return std::to_string(it - window.count.begin()); };
    double highest = 0;
    for (const double v : s.own.violation)
        if (std::isfinite(v)) highest = std::max(highest, v);
    std::string text =
        "At step " + format_count(s.record().step) + " of the training, over the last " +
        format_count(window.tokens) + " tokens, expert " + name(most) + " of " + s.layer_title +
        " has the most to do (" + format_count(*most) + " tokens) and expert " + name(least) +
        " the least (" + format_count(*least) + "). The largest load over the mean, minus 1, is " +
        violation_text(window.violation()) + "; tokens sent evenly by chance would give " +
        violation_text(noise_now(s, window)) + ". It was " + violation_text(highest) +
        " at its worst. How it is balanced: " + balance_of(*s.history, s.now) + ". The bias of " +
        s.expert_name() + " is " + format_number(s.bias(s.now, s.expert), 3) + ".";
    for (const BalanceCurve& other : s.others)
        if (s.runs_shown() && !other.violation.empty())
            text += " In the run “" + other.name + "” it ends at " +
                    violation_text(other.violation.back()) + ".";
    return text;
}

}  // namespace sf::experts
