#pragma once

#include "core/run/writing.h"
#include "views/draw/plot.h"
#include "views/training_run.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// The blocks of the pages of the view "Training". Each draws into its rectangle and leaves out what
// has no room.
namespace sf::training {

// Steps from left to right, the same for the losses and all strips below them.
struct StepAxis {
    double left = 0, right = 0;  // pixels
    double lo = 1, hi = 2;
    bool log = false;
    double x(double step) const;  // clamped to the axis
};
StepAxis step_axis(const Run& run, bool log);

// Learning rate, gradient norm, violation ... as small curves under each other, each with its value
// at the step that is looked at.
double strip_height(const Theme& theme);  // the least, of one
void draw_strips(Canvas& canvas, const Theme& theme, const Run& run, const StepAxis& axis,
                 const Rect& area);

// The step that is looked at, unless it is the latest, as an upright line.
void draw_step(Canvas& canvas, const Theme& theme, const Run& run, const StepAxis& axis, double top,
               double bottom);
// The kept steps at the foot of the curves; the whole area are places to press and drag
// ("train-at").
void draw_clock_marks(Canvas& canvas, const Theme& theme, const Run& run, const StepAxis& axis,
                      const Rect& area, double foot);

// ---- what the model writes

// The beginnings, what was written after them, and by the weights of which step.
struct Writing {
    std::vector<Beginning> beginnings;
    const Written* written = nullptr;        // null: nothing is there (yet)
    std::shared_ptr<const Written> of_step;  // keeps it alive where it comes from the history
    const WrittenNow* now = nullptr;         // where it was written for this picture
    std::int64_t step = 0;
    double progress = 0;
    std::string error;  // why there is nothing
};
// What has to be written for this picture: by the weights shown, where no kept step is looked at.
std::vector<Need> writing_needs(const Frame& frame);
Writing make_writing(const Frame& frame);
std::string plain_text(const Trace* trace, const std::vector<std::int64_t>& ids, bool end_sign);
enum class Verdict : std::uint8_t { unknown, right, wrong };
// In place of what was written after a beginning that the run came to know at a later step.
inline constexpr const char* not_asked = "not asked";
Verdict verdict(const Beginning& beginning, const std::vector<std::int64_t>& written);
// How many of the beginnings have an answer, and how many were answered right.
std::pair<std::int64_t, std::int64_t> answered(const Writing& writing);

// Every beginning and how it is gone on with, as many as there is room for. Returns the height.
// `chosen`: the value of the setting `beginning`, which pressing one sets; -1: not here.
double draw_writing(Canvas& canvas, const Frame& frame, const Writing& writing, const Rect& area,
                    std::int64_t chosen = -1);

// What a trace holds for likely after each of its tokens.
struct Guess {
    std::int64_t id = -1;
    double p = 0;
    std::int64_t index = 0;             // of its cell in `probs`
    bool known = false, right = false;  // whether the next token is there, and is it
};
// One a token of the sequence; empty: the probabilities were not kept.
std::vector<Guess> guesses(const Trace& trace, std::int64_t batch);
// As a list, a line a token, as many as there is room for. Returns the height.
double draw_guesses(Canvas& canvas, const Frame& frame, const Rect& area);

// The probe text at every kept step: under each token what the model of that step held for likely
// to come next, and how likely.
double predictions_height(const Theme& theme, const Run& run);
void draw_predictions(Canvas& canvas, const Frame& frame, const Run& run, const Rect& area);

}  // namespace sf::training
