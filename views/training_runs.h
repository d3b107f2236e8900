#pragma once

#include "core/run/divergence.h"
#include "views/draw/theme.h"
#include "views/view.h"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

// Training runs side by side: the page "runs" of the view "Training".
namespace sf::training {

// Violation is measured over at least so many tokens.
inline constexpr std::int64_t compared_window = 8192;

// What is drawn of every run against its steps.
enum class Measure : std::uint8_t { loss, held_out, violation };
inline constexpr std::array<Measure, 3> measures{Measure::loss, Measure::held_out,
                                                 Measure::violation};
std::string measure_id(Measure m);     // the value of the setting `curve`
std::string measure_title(Measure m);  // of its plot
std::string measure_unit(Measure m);   // of its axis

struct RunLine {
    std::vector<double> step, value;
};

struct ComparedRun {
    std::string name;
    const History* history = nullptr;
    std::array<RunLine, 3> lines;  // by Measure
    std::size_t at = 0;            // its record at the step that is looked at
    std::string mode;              // of balancing there; empty: no experts
    Divergence divergence;         // from the first run; of that one itself nothing

    const RunLine& line(Measure m) const { return lines[static_cast<std::size_t>(m)]; }
    double value(Measure m) const;  // at the step that is looked at; NaN: not measured
    std::int64_t step() const;      // of that record; 0: there is none
};

// The runs that left records, the own one first; the others are compared with the first.
struct RunsScene {
    const Frame* frame = nullptr;
    std::vector<ComparedRun> runs;
    std::size_t chosen = 0;  // whose divergence is told; 0: there is no other
    Measure curve = Measure::loss;
    bool log = false;
    bool any(Measure m) const;  // some run has it
};
RunsScene make_runs_scene(const Frame& frame, const View& view);
// The largest violation of a layer at a record; NaN without experts.
double worst_violation(const History& history, std::size_t index);

// Told apart by colour, dashes and the names at their ends.
Colour run_colour(const Theme& theme, const RunsScene& scene, std::size_t run);

std::vector<Invariant> runs_checks(const RunsScene& scene);

// ---- in words
std::string runs_headline(const RunsScene& scene);
std::string runs_facts(const RunsScene& scene);
std::string runs_description(const RunsScene& scene);
std::string divergence_sentence(const RunsScene& scene);  // of the chosen run
std::string divergence_short(const ComparedRun& run);     // "step 1, bias of layers.1"

// ---- the blocks
void draw_run_plot(Canvas& canvas, const RunsScene& scene, Measure m, const Rect& area, bool large);
double runs_table_height(const RunsScene& scene);
void draw_runs_table(Canvas& canvas, const RunsScene& scene, const Rect& area);

}  // namespace sf::training
