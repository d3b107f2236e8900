#pragma once

#include "core/shape_cost.h"
#include "views/draw/shapes.h"
#include "views/view.h"

#include <string>
#include <utility>
#include <vector>

// The shape that is drawn up on the page "Shape", beside the one there is.
namespace sf::training {

// A whole number of the config that the page changes, by its name in config.json.
struct ShapeField {
    const char* name;
    const char* title;  // beside its track
    std::int64_t ModelConfig::*member;
    std::int64_t low, high;  // of its track; more where the model's own is more
    const char* help;
};
const std::vector<ShapeField>& shape_fields();
std::vector<Parameter> shape_parameters(const Frame& frame);

struct Proposal {
    ModelConfig present, proposed;
    std::vector<std::string> problems;  // of what is proposed; its costs are then those of present
    ShapeCost before, after;
    double context = 0;      // tokens at which FLOPs are counted
    bool too_large = false;  // to be trained here
    bool rebuild = false;
    // What differs, as train-shape takes it: name, value.
    std::vector<std::pair<std::string, std::string>> changes;
    std::string command() const;  // "train-shape hidden_size=64 ..."
};
// False: there is neither a run nor a history whose shape could be changed.
bool has_shape(const Frame& frame);
Proposal make_shape(const Frame& frame, const View& view);

// What a figure is spent on; the parts of a cache are latent and rope key, or keys and values.
struct CostPart {
    std::string name;
    Colour colour;
    Hatch hatch = Hatch::none;
    double before = 0, after = 0;
};

// One figure of both shapes.
struct CostRow {
    std::string title, help;
    double before = 0, after = 0;
    std::string (*text)(double) = nullptr;
    std::vector<CostPart> parts;  // add up to the figures
};
std::vector<CostRow> cost_rows(const Theme& theme, const Proposal& shape);
std::string difference_text(const CostRow& row);  // "+1.2M, +60 %"; "the same"

std::vector<Invariant> shape_checks(const Frame& frame, const Proposal& shape);
std::string shape_headline(const Theme& theme, const Proposal& shape);
std::string shape_description(const Theme& theme, const Proposal& shape);

}  // namespace sf::training
