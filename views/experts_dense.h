#pragma once

#include "core/shape_cost.h"
#include "views/view.h"

#include <cstdint>
#include <string>
#include <vector>

// The page "dense": this model beside one without experts in which as many parameters work on a
// token.
namespace sf::experts {

struct ShapeOf {
    std::string name;
    ModelConfig config;
    ShapeCost cost;
};

struct LossCurve {
    std::string name;
    bool dense = false;
    std::vector<double> step, loss;  // means over `mean_of` kept records
};
inline constexpr std::size_t mean_of = 16;

struct DenseScene {
    const Frame* frame = nullptr;
    const Theme* theme = nullptr;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    ShapeOf sparse, dense;
    std::vector<LossCurve> curves;  // the own run first, then those without experts
    double unit() const;            // parameters of one column of width in all dense layers
    // The last step that both have come to, and the losses there; NaN without a dense run.
    struct Final {
        double step = 0, sparse = 0, dense = 0;
    };
    Final both() const;
};
DenseScene make_dense_scene(const Frame& frame);

std::string dense_headline(const DenseScene& scene);
std::string dense_facts(const DenseScene& scene);
std::string dense_description(const DenseScene& scene);
std::vector<Invariant> dense_checks(const DenseScene& scene);

// The blocks; each leaves out what has no room.
// Every layer's feed-forward parameters at one scale, filled where they work on a token.
void draw_layers(Canvas& canvas, const DenseScene& scene, const Rect& area);
double costs_height(const Theme& theme);
void draw_costs(Canvas& canvas, const DenseScene& scene, const Rect& area);
void draw_losses(Canvas& canvas, const DenseScene& scene, const Rect& area);

}  // namespace sf::experts
