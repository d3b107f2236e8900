#pragma once

#include "views/draw/shapes.h"
#include "views/latent_scene.h"

#include <string>
#include <vector>

// The blocks of the view "Latent KV". Each draws into its rectangle and leaves out what has no
// room.
namespace sf::latent_kv {

// From h through what is kept to what the heads read, every number at one scale.
void draw_flow(Canvas& canvas, const Scene& scene, const Rect& area);
// The caches of the kinds of attention, a column a token, bytes at one scale.
// Returns the height used.
double caches_height(const Theme& theme);  // the least
double draw_caches(Canvas& canvas, const Scene& scene, const Rect& area);
// What decoding a token takes, expanded and absorbed.
double costs_height(const Theme& theme);
void draw_costs(Canvas& canvas, const Scene& scene, const Rect& area);
// The chosen head's scores, and how far apart the two ways are.
double ways_height(const Theme& theme);
void draw_ways(Canvas& canvas, const Scene& scene, const Rect& area);

// The page "rank": what the directions of the latent carry.
void draw_rank(Canvas& canvas, const Scene& scene, const Rect& area);
// The page "shapes": the caches of known shapes and of one by hand.
void draw_shapes(Canvas& canvas, const Scene& scene, const Rect& area);
// The shape by hand, with tracks to drag.
double by_hand_height(const Scene& scene);
void draw_by_hand(Canvas& canvas, const Scene& scene, const Rect& area);

// ---- shared -------------------------------------------------------------------------------------

// What is cached: hatched in the colour of its meaning.
void draw_cached(Canvas& canvas, const Theme& theme, const Rect& r, Meaning meaning,
                 double spacing = 5);
// A level bar of an element's parts, in the colours of what they are.
struct Part {
    double amount = 0;
    Colour colour;
    Hatch hatch = Hatch::none;
};
void draw_parts(Canvas& canvas, const Theme& theme, const Rect& r, const std::vector<Part>& parts,
                double most);
// The two parts of what a kind of attention caches, of `amount` together.
std::vector<Part> parts_of(const Theme& theme, const ModelConfig& config, double amount);
// 0..1: how far the current step's move into `node` of this layer has come; 1 when at rest.
double arrival(const Scene& scene, const std::string& node);
bool is_current(const Scene& scene, const std::string& node);

}  // namespace sf::latent_kv
