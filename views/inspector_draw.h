#pragma once

#include "views/inspector_parts.h"
#include "views/view.h"

#include <string>

// The blocks of the inspector's page. Each draws into its rectangle and leaves out what has no
// room.
namespace sf::inspector {

// One tensor under inspection: what the settings and the cursor came to.
struct Subject {
    const Frame* frame = nullptr;
    const Trace* trace = nullptr;
    NodeId id = no_node;
    const Node* node = nullptr;
    std::string run;                 // of another training run than the frame's; empty: the frame's
    bool gradient = false;           // of the node, not its values
    const Tensor* tensor = nullptr;  // null: not kept
    Meaning meaning = Meaning::residual;
    Slice slice;
    Choice choice;
    std::int64_t row = 0, col = 0;  // selected, in the slice
    std::int64_t hover = -1;        // flat index under the pointer when it is on this node
    ColourScale scale;
    std::string scale_words;  // "this head", "whole tensor"
    Statistics statistics;
    bool whole_numbers() const { return node->dtype == DType::i64; }
    std::string name() const { return gradient ? gradient_name(node->name) : node->name; }
    std::string symbol() const { return gradient ? gradient_symbol(*node) : node->symbol; }
    // By the formula and its numbers.
    Explanation explain_cell(std::int64_t i) const {
        return gradient ? explain_gradient(*trace, id, i) : explain(*trace, id, i);
    }
    std::int64_t index() const { return slice.index(row, col); }
    double value(std::int64_t r, std::int64_t c) const { return tensor->at(slice.index(r, c)); }
};

// Largest error that rounding explains: this times the tensor's largest magnitude.
constexpr double tolerance_factor = 2e-5;
double tolerance(const Subject& subject);

// The invariants of the view (inspector_checks.cpp); none when the tensor was not kept.
std::vector<Invariant> checks(const Subject& subject);

// Name, symbol, shape. Returns the height taken.
double draw_title(Canvas& canvas, const Theme& theme, const Rect& area, const Subject& subject);
// The tensor itself.
void draw_tensor(Canvas& canvas, const Theme& theme, const Rect& area, const Subject& subject,
                 const Zoom& zoom, double shown);
// The selected cell in words, statistics, histogram.
void draw_side(Canvas& canvas, const Theme& theme, const Rect& area, const Subject& subject,
               bool log_histogram);
// Inputs and users. `lit`: the cells that the hovered or selected one is made of.
double neighbours_height(const Theme& theme);
void draw_neighbours(Canvas& canvas, const Theme& theme, const Rect& area, const Subject& subject,
                     const Explanation& lit, const Frame& frame);
// A, B and A - B.
void draw_comparison(Canvas& canvas, const Theme& theme, const Rect& area, const Subject& a,
                     const Subject& b, const Zoom& zoom, bool log_histogram);

// "7", "E3", a token: how a whole number of this node reads.
ChipText chip_text(const Subject& subject, std::int64_t row, std::int64_t col);
// With six digits; whole numbers as they are.
std::string value_text(const Subject& subject, double value);

// The largest |a - b| over whole tensors of one shape, and where.
struct Difference {
    bool same_shape = false;
    double largest = 0, mean = 0;
    std::int64_t at = 0, differing = 0;
};
Difference difference(const Tensor& a, const Tensor& b);

}  // namespace sf::inspector
