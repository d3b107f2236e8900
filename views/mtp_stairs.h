#pragma once

#include "views/draw/colour_map.h"
#include "views/place.h"
#include "views/view.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// The page "staircase" of the view "Multi-token prediction": every position foretells several
// tokens, the main model the next one, module k the one k places further on.
namespace sf::mtp {

// What depth k (0: the main model) says at position i of the token k + 1 places on.
struct Cell {
    enum class State : std::uint8_t {
        judged,   // that token stands in the text
        open,     // it is not written yet
        missing,  // the module would need a token that is not written yet
        pending,  // the timeline has not come to it
        unknown   // was not kept
    };
    State state = State::unknown;
    std::int64_t guess = -1, truth = -1;  // ids
    double p = 0, p_truth = 0;
    bool said() const { return state == State::judged || state == State::open; }
    bool right() const { return state == State::judged && guess == truth; }
};

struct Tally {
    std::int64_t right = 0, judged = 0;
};

// What the page looks at.
struct Stairs {
    const Frame* frame = nullptr;
    const Trace* trace = nullptr;
    const Theme* t = nullptr;
    std::int64_t batch = 0, tokens = 0, depths = 0, hidden = 0, vocab = 0;
    bool chain = true;
    std::int64_t k = 0, i = 0;  // the chosen cell
    double lambda = -1;         // set by hand; -1: as trained
    NodeId now = no_node;       // the step's node where it belongs to a module, else all is known
    std::string missing;        // why there is nothing to draw; empty: there is

    std::string node(std::int64_t depth, const std::string& name) const;
    // h^{k-1}, what the module reads besides tokens.
    std::string input_node(std::int64_t depth) const;
    std::int64_t rows(std::int64_t depth) const;  // positions that the depth has
    bool known(const std::string& name) const;
    double arrival(const std::string& name) const;  // 0..1 of the step's move into it
    bool current(const std::string& name) const;
    Cell cell(std::int64_t depth, std::int64_t position) const;
    Tally tally(std::int64_t depth) const;
    // Ids of the most probable tokens, the likeliest first; empty where there is no prediction.
    std::vector<std::int64_t> best(std::int64_t depth, std::int64_t position,
                                   std::size_t count) const;
    double probability(std::int64_t depth, std::int64_t position, std::int64_t id) const;
    std::int64_t id_at(std::int64_t position) const;                          // -1 outside
    std::string token(std::int64_t position) const;                           // “cat”
    std::string word(std::int64_t id) const;                                  // “cat”
    std::string depth_name(std::int64_t depth) const;                         // "main", "MTP 1"
    std::int64_t flat(const std::string& name, std::int64_t position) const;  // first of a row
};
Stairs make_stairs(const Frame& frame, const View& view);

std::string headline(const Stairs& s);
std::string facts(const Stairs& s);
std::string description(const Stairs& s);
std::vector<Need> needs(const Stairs& s);
std::vector<Invariant> checks(const Stairs& s);

// Tokens over positions, a row a depth: the whole table, with what the chosen cell reads.
double grid_height(const Stairs& s, double row);
double least_row(const Theme& theme);
void draw_grid(Canvas& canvas, const Stairs& s, const Rect& area, double row);
// The chosen cell, large: what it reads, how that is joined, what it says.
double cell_height(const Stairs& s);  // the least
void draw_cell(Canvas& canvas, const Stairs& s, const Rect& area);
// The loss of each depth over training.
double losses_height(const Theme& theme);
void draw_losses(Canvas& canvas, const Stairs& s, const Rect& area);

// ---- shared -------------------------------------------------------------------------------------

// One row of a tensor as a strip of its numbers; empty while the timeline has not come to it.
class Strips {
public:
    explicit Strips(const Stairs& s) : s_(s) {}
    void draw(Canvas& canvas, const Rect& r, const std::string& node, std::int64_t position);

private:
    const ColourScale& scale(const std::string& node, const Tensor& tensor);
    const Stairs& s_;
    std::map<std::string, ColourScale> scales_;
};
// Whether it came out right, as a tick or a cross.
void draw_verdict(Canvas& canvas, const Theme& theme, Vec2 centre, double size, bool right);
Colour depth_colour(const Theme& theme, std::int64_t depth);

}  // namespace sf::mtp
