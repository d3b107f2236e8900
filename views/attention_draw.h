#pragma once

#include "views/attention_row.h"
#include "views/draw/colour_map.h"
#include "views/draw/theme.h"

#include <string>
#include <vector>

// The parts of the attention view. Each draws inside its rectangle and leaves out what does not
// fit.
namespace sf::online {

struct Page {
    Canvas& canvas;
    const Frame& frame;
    const Theme& t;
    const Row& row;

    bool hovers(const std::string& node, std::int64_t index) const {
        return frame.hover_node == node && frame.hover_index == index;
    }
    const std::string& name(NodeId id) const { return (*row.trace->graph)[id].name; }
};

// How far a tile's way into fast memory is: its scores come, the maximum jumps and what was
// collected shrinks, the keys are added. Each 0..1.
struct Move {
    double come = 0, shrink = 0, add = 0;
};
Move move_of(const Row& row, std::int64_t p);

// What scores, sum and output share: where the tiles stand, in the order of their arrival.
struct Columns {
    double x = 0, gap = 0, slot = 0;  // of the first key; between tiles; a key's width
    double right = 0;                 // of the last tile
    Rect result{};                    // x and w of the column behind the tiles; w 0: none
    double left = 0, axis = 0;        // where axis labels begin and end
    std::int64_t tile = 1;
    std::int64_t short_at = -1;  // where the short tile stands, and what it lacks in width
    double missing = 0;

    double tile_x(std::int64_t p) const;
    double tile_w(std::int64_t p) const {
        return slot * static_cast<double>(tile) - (p == short_at ? missing : 0);
    }
};
Columns make_columns(const Page& page, const Rect& area);

// From values to heights.
struct Heights {
    Rect area{};
    double lo = 0, hi = 1;
    double y(double v) const;
};

// Scores, running maximum, sum and output over the tiles: the whole middle of the view.
void draw_chart(const Page& page, const Rect& area);
// Whether every score's number has room below its bar.
bool numbers_fit(const Page& page, const Columns& c);
void draw_scores(const Page& page, const Columns& c, const Rect& plot, const Rect& labels,
                 const Rect& numbers);
void draw_sum(const Page& page, const Columns& c, const Rect& plot);
void draw_output(const Page& page, const Columns& c, const Rect& plot);
// Axis labels and grid lines.
void draw_axis(const Page& page, const Columns& c, const Heights& h);
Colour before_colour(const Theme& t);  // of the output before it is rescaled
// Tiles of the state that are not those of the row without the push.
bool differs(const Row& row, std::int64_t p);

// The page "scale": the spread of scores over the width of a head, one row with and without 1/√d.
void draw_scale(const Page& page, const Rect& area);
std::string scale_headline(const Row& row);
std::string scale_words(const Row& row, const Frame& frame);

// Left: the map of the head, small ones of all heads. Right: what fast memory holds, and what went
// through slow memory.
void draw_maps(const Page& page, const Rect& area);
// Returns the height taken.
double draw_fast(const Page& page, const Rect& area);
void draw_slow(const Page& page, const Rect& area);
// The least height that each is worth drawing in.
double fast_height(const Theme& t);
double slow_height(const Theme& t);

}  // namespace sf::online
