#pragma once

#include "views/experts_draw.h"
#include "views/experts_sequence.h"

#include <cstdint>
#include <vector>

// Where the ribbons of the page "sequence" lie: tokens, nodes and experts as columns, as thick as
// the gates that pass through them, at one scale throughout.
namespace sf::experts {

// A place on a column: its middle and how thick what passes through it is.
struct Band {
    double middle = 0, thick = 0;
    double top() const { return middle - thick / 2; }
};

// From the first height to the second.
struct Ribbon {
    std::int64_t token = 0;
    double from = 0, to = 0, thick = 0;
};

struct Flow {
    Canvas& canvas;
    const Sequence& q;
    const Scene& s;
    const Theme& t;
    Rect area;  // of the ribbons and bars, below the heads of the columns
    double token_x = 0, node_x = 0, node_w = 0, expert_x = 0;
    double bar_x = 0, bar_w = 0, mark_w = 0;
    double unit = 1;        // pixels of a gate of 1
    double expert_row = 0;  // the least height that an expert has
    std::vector<Band> tokens = {}, nodes = {}, experts = {};
    std::vector<Ribbon> first = {}, second = {};   // to the nodes, where there are some, and on
    std::vector<double> row_top = {}, row_h = {};  // of the experts
    std::int64_t lit = 0;                          // a token
    std::int64_t lit_expert = -1;                  // hovered or at its step: all that goes to it
    double grown = 1;                              // how far the ribbons have come
};

// `all`: ribbons and loads together with their heads, `head` of which is the heads' height.
Flow make_flow(Canvas& canvas, const Sequence& q, const Rect& all, double head);

}  // namespace sf::experts
