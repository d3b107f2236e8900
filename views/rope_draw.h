#pragma once

#include "views/rope_scene.h"

// The blocks of the view "RoPE". Each draws into its rectangle and leaves out what has no room.
namespace sf::rope {

// One dial a pair, fast to slow. Returns the level place of each dial's centre when they stand in
// one row, else nothing (then no line can lead down to the axis). `turned` 0..1: how far the
// vectors have been rotated, 1 when at rest.
std::vector<double> draw_dials(Canvas& canvas, const Scene& scene, const Rect& area, double turned);
// What they use of a height.
double dials_height(const Scene& scene, double width, double most);
// The pairs' wavelengths on a log axis, with the distance and the context; `centres` as above.
double spectrum_height(const Theme& theme);
void draw_spectrum(Canvas& canvas, const Scene& scene, const Rect& area,
                   const std::vector<double>& centres);

// Content part + position part = score, of the chosen query and key; below it of all keys.
void draw_split(Canvas& canvas, const Scene& scene, const Rect& area);
// The position part over the distance, with a handle for it.
void draw_curve(Canvas& canvas, const Scene& scene, const Rect& area);
// All (t, s) at once; a press chooses both. It is square: its width at a height.
double map_width(const Canvas& canvas, const Scene& scene, double height);
void draw_map(Canvas& canvas, const Scene& scene, const Rect& area);

// The page "scaling": mapped frequencies and the angles that are new.
void draw_scaling(Canvas& canvas, const Scene& scene, const Rect& area);
// The page "latent": what would have to be folded if the latent itself were rotated.
void draw_latent(Canvas& canvas, const Scene& scene, const Rect& area);

// Why the page "latent" has nothing to show where keys do not come from a latent (rope_words.cpp).
std::string nothing_to_fold(const Scene& scene);

// ---- shared -------------------------------------------------------------------------------------

// An open arc from angle `from` over `sweep` radians, counter-clockwise as in a textbook.
void draw_arc(Canvas& canvas, Vec2 centre, double radius, double from, double sweep, Colour colour,
              double width);
// A point of the plane as seen on a dial: y goes up.
Vec2 on_dial(Vec2 centre, Vec2 v);

// W_UQᵀ R(distance) W_UK of one head if the content key were rotated (rope_latent_matrix.cpp).
struct LatentFold {
    bool kept = false;                // the weights are there
    std::int64_t rows = 0, cols = 0;  // all of query latent (or hidden state) and key latent
    std::int64_t shown_rows = 0, shown_cols = 0;
    std::int64_t nope = 0;
    std::vector<double> theta;           // of the content part's pairs
    std::vector<float> uq, uk;           // (nope, shown_rows), (nope, shown_cols)
    std::vector<double> gram_q, gram_k;  // W W^T over what is shown, (nope, nope)

    // (shown_rows, shown_cols)
    std::vector<float> matrix(double distance) const;
    // |M(distance) - M(0)| / |M(0)| in Frobenius' norm, over what is shown.
    double change(double distance) const;
};
LatentFold latent_fold(const Scene& scene, std::int64_t most = 96);

}  // namespace sf::rope
