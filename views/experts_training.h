#pragma once

#include "core/run/balance_noise.h"
#include "core/run/history.h"
#include "views/view.h"

#include <cstdint>
#include <string>
#include <vector>

// The page "training": the balance of one layer's experts over a training run.
namespace sf::experts {

inline constexpr std::int64_t window_tokens = 8192;  // that a violation is measured over

// Integer counts of some records together.
struct Loads {
    std::vector<std::int64_t> count;  // (experts)
    std::int64_t tokens = 0;
    std::int64_t sum() const;
    double over_mean(std::size_t expert) const;  // 1: as much as the mean; NaN without tokens
    double violation() const;                    // max / mean - 1; NaN without tokens
};
Loads loads_of(const History& history, std::size_t layer, std::size_t first, std::size_t last);
// Of a record and as many before it as hold window_tokens, as History::violation().
Loads window_of(const History& history, std::size_t layer, std::size_t index);
// The same of many records, in ascending order, in one pass.
std::vector<Loads> windows_of(const History& history, std::size_t layer,
                              const std::vector<std::size_t>& indices);
// Records that a curve goes through; the last is among them.
std::vector<std::size_t> shown_records(const History& history);

// "0.001": as a person would type it.
std::string plain_number(double v);

// How the loads were kept even at a record, told by what it left behind: whether a bias moved, and
// whether a loss was added. "bias, γ 0.001".
std::string balance_of(const History& history, std::size_t index);
bool bias_moves(const History& history, std::size_t index);

// One layer's run as a curve, at most a few hundred points.
struct BalanceCurve {
    std::string name;
    std::vector<double> step, violation;
    std::vector<double> noise;  // of as many tokens sent evenly
};
BalanceCurve balance_curve(const History& history, std::size_t layer, const std::string& name);

struct TrainingScene {
    const Frame* frame = nullptr;
    const Theme* theme = nullptr;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    const History* history = nullptr;
    std::size_t layer = 0;  // of History::layers()
    std::string layer_title;
    std::size_t expert = 0;
    bool own_choice = false;  // the expert was not chosen by hand
    bool stream = false, log = false;
    std::size_t now = 0;            // the record at the second clock
    std::vector<double> mean_bias;  // (records)
    BalanceCurve own;
    std::vector<BalanceCurve> others;  // the other layers, or where there are runs these

    std::size_t experts() const { return static_cast<std::size_t>(history->experts()); }
    std::size_t cell(std::size_t e) const { return layer * experts() + e; }
    const StepRecord& record() const { return (*history)[now]; }
    double bias(std::size_t index, std::size_t e) const {
        return static_cast<double>((*history)[index].bias[cell(e)]);
    }
    // Less the mean over the experts: what is common to all changes no choice.
    double own_bias(std::size_t index, std::size_t e) const {
        return bias(index, e) - mean_bias[index];
    }
    std::string expert_name() const { return "expert " + std::to_string(expert); }
    double last_step() const { return static_cast<double>(history->back().step); }
    double first_step() const;
    std::vector<std::size_t> shown() const { return shown_records(*history); }
    bool runs_shown() const;
};
TrainingScene make_training_scene(const Frame& frame, const View& view);

std::string training_headline(const TrainingScene& scene);
std::string training_facts(const TrainingScene& scene);
std::string training_description(const TrainingScene& scene);
std::vector<Invariant> training_checks(const TrainingScene& scene);

// The blocks; each leaves out what has no room. `left`: room for the labels of y.
void draw_loads(Canvas& canvas, const TrainingScene& scene, const Rect& area, double left);
void draw_biases(Canvas& canvas, const TrainingScene& scene, const Rect& area, double left);
void draw_violation(Canvas& canvas, const TrainingScene& scene, const Rect& area, double left);
void draw_loop(Canvas& canvas, const TrainingScene& scene, const Rect& area);

}  // namespace sf::experts
