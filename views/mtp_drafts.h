#pragma once

#include "core/run/draft_run.h"
#include "views/result.h"

#include <cstdint>
#include <string>
#include <vector>

// The page "speculation" of the view "Multi-token prediction": the modules propose, one pass of the
// main model judges.
namespace sf::mtp {

// What the page looks at.
struct Drafts {
    const Frame* frame = nullptr;
    const Trace* trace = nullptr;
    const Theme* t = nullptr;
    DraftOptions options;
    std::int64_t batch = 0, wanted = -1;  // round
    Result<DraftRun> run, greedy;         // by these options; the same at temperature 0
    Result<RoundSample> sample;
    std::int64_t round = -1;  // shown; -1: there is none (yet)
    std::string missing;      // why nothing can be drawn; empty: something can

    bool is_greedy() const { return options.temperature == 0; }
    const std::vector<Round>& rounds() const { return run.value->drafted.rounds; }
    const Round& shown() const { return rounds()[static_cast<std::size_t>(round)]; }
    std::string text(std::int64_t id) const;  // as on a chip
    std::string word(std::int64_t id) const;  // “cat”
};
Drafts make_drafts(const Frame& frame, const View& view);
std::vector<Parameter> draft_parameters(const Frame& frame);
std::vector<Need> needs(const Drafts& d);

// Counts over all rounds.
struct PlaceCount {
    std::int64_t judged = 0, accepted = 0;
};
// Of the first, second, ... draft of the rounds.
std::vector<PlaceCount> by_place(const DraftRun& run);
double tokens_per_pass(const DraftRun& run);

std::string headline(const Drafts& d);
std::string facts(const Drafts& d);
std::string description(const Drafts& d);
std::vector<Invariant> checks(const Drafts& d);

// New tokens in a line, the rounds that gave them above, plain decoding below.
double rounds_height(const Drafts& d, bool plain);
void draw_rounds(Canvas& canvas, const Drafts& d, const Rect& area, bool plain);
// The shown round's drafts as cards, and what the main model adds; with room for more the rounds
// behind it too.
double cards_height(const Theme& theme);
void draw_cards(Canvas& canvas, const Drafts& d, const Rect& area);
// What drafting brought, measured. Returns the height used.
double draw_gain(Canvas& canvas, const Drafts& d, const Rect& area);
// Thousands of rounds from one prefix against the model's own distribution.
double sample_height(const Theme& theme);
void draw_sample(Canvas& canvas, const Drafts& d, const Rect& area);

}  // namespace sf::mtp
