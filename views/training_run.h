#pragma once

#include "views/view.h"

#include <string>
#include <vector>

// The recorded training run as the pages of the view "Training" show it.
namespace sf::training {

// Violation is measured over at least so many tokens.
inline constexpr std::int64_t violation_window = 8192;

// Something that was measured at some of the records.
struct Curve {
    std::string name;
    std::vector<double> step, value;
    void add(std::int64_t s, double v);  // what is not finite is left out
    double at(double s) const;           // the latest up to a step; NaN: none
};

// A run in curves. Where there are more records than a picture can show, every n-th is taken, and
// the latest.
struct Run {
    const History* history = nullptr;
    std::vector<std::size_t> records;  // that are shown
    Curve loss, held_out, bigram, floor;
    std::vector<Curve> mtp;  // a depth each
    Curve balance, rate, norm, speed;
    std::vector<Curve> violation;  // a layer of experts each
    std::int64_t at = 0;           // the step that is looked at: a kept one, or the latest
    bool live = true;              // the latest
    std::size_t upto = 0;          // records not after it
    const StepRecord* record() const { return upto > 0 ? &(*history)[upto - 1] : nullptr; }
    // The layer whose load is the least even at the step; its index, or -1.
    std::int64_t worst_layer() const;
};
Run make_run(const Frame& frame);  // history null: there is none

// What a step minimises: L_main + λ / D Σ L_MTP + the balance loss with its factor (DeepSeek-V3,
// eqs. 24-25 and 17).
double objective(const StepRecord& record);

std::vector<Invariant> checks(const Run& run);

// ---- in words
std::string nats(double loss);
std::string short_number(double v);  // three digits, no zeros behind: "0.3", "2e-05"
std::string headline(const Run& run);
std::string facts(const Run& run);
std::string description(const Run& run);
// What to do where there is nothing to show.
std::string empty_head();
std::string empty_body();

}  // namespace sf::training
