#pragma once

#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/experts_scene.h"

#include <string>
#include <vector>

// The parts of the page "token". Each draws into its rectangle and leaves out what has no room.
namespace sf::experts {

// How far each step of the router has come, 0..1, by the timeline's cursor; all 1 elsewhere.
struct Reveal {
    double affinities = 1, bias = 1, groups = 1, limit = 1, choice = 1, gates = 1;
    std::int64_t expert = -1;  // the one whose step it is
    double work = 1;
};
Reveal reveal_of(const Scene& scene);

// A column an expert, in the panels of their groups, behind them one for what is shared.
struct Columns {
    double x = 0, panel_w = 0, gap = 0, pad = 0, slot = 0;
    std::int64_t size = 1, groups = 1;
    double shared_x = 0, shared_w = 0;  // w 0: there is none, or no room

    double panel_x(std::int64_t g) const { return x + static_cast<double>(g) * (panel_w + gap); }
    double slot_x(std::int64_t e) const {
        return panel_x(e / size) + pad + slot * static_cast<double>(e % size);
    }
    double centre(std::int64_t e) const { return slot_x(e) + slot / 2; }
    double right() const { return panel_x(groups - 1) + panel_w; }
};

struct TokenPicture {
    Canvas& canvas;
    const Scene& s;
    const Theme& t;
    Columns c;
    Reveal reveal;
    std::vector<double> s_values, sb_values;  // as drawn: s + b less `common`
    double common = 0;                        // Scene::common_bias
    Route unlimited;                          // what plain top-k would have chosen
    double lo = 0, hi = 1;                    // of the bars

    bool kept(std::int64_t group) const;
    bool hovers(const char* name, std::int64_t index) const {
        return s.own() && s.frame->hover_node == s.node(name) && s.frame->hover_index == index;
    }
    // A recorded cell, where the run that is drawn is the one that the window looks things up in.
    void hit(const Rect& r, const char* name, std::int64_t index) const {
        if (s.own()) canvas.hit(r, {s.node(name), index, 1, 1, 0, 0});
    }
};
TokenPicture make_picture(Canvas& canvas, const Scene& scene, const Rect& area);

// The panels of the groups, in their heads what each has to offer and the cut of the limit. Returns
// the height of the heads; `scores`: whether there is room for more than names.
double draw_panels(const TokenPicture& p, const Rect& area, bool scores);
// In the panels s filled, s + b outlined, numbers of the experts to press.
void draw_affinities(const TokenPicture& p, const Rect& area);
// From the chosen down to the stacked bar of their gates; `bar` is its place.
void draw_gates(const TokenPicture& p, double from, const Rect& bar);

// Beside it: what can be changed, the chosen in figures, the next token.
void draw_controls(Canvas& canvas, const Scene& scene, const Rect& area);
double controls_height(const Scene& scene);
// The same in a row, where there is no room beside it.
void draw_control_strip(Canvas& canvas, const Scene& scene, const Rect& area);
double control_strip_height(const Theme& theme);
// Only how many nodes a token may reach; as high as the strip.
void draw_node_limit(Canvas& canvas, const Scene& scene, const Rect& row);
void draw_chosen(Canvas& canvas, const Scene& scene, const Rect& area);
double chosen_height(const Scene& scene);
double prediction_height(const Scene& scene);
void draw_prediction(Canvas& canvas, const Scene& scene, const Rect& area);
// Where in the text the looked-at expert works.
void draw_tokens(Canvas& canvas, const Scene& scene, const Rect& area);

// Probabilities of the next token after row t of the layer's own head: the main model's, or an MTP
// module's. Empty where the run does not hold them.
std::vector<double> prediction(const Scene& scene, const Trace& run);
// "next token “8” 99 % → “7” 54 %"; empty where nothing was set.
std::string changed_prediction(const Scene& scene);
// Length of what an expert adds to the token's output, g ‖FFN(u)‖, by place; empty: not recorded.
std::vector<double> contributions(const Scene& scene);

}  // namespace sf::experts
