#pragma once

#include "core/graph/kernel_work.h"
#include "views/gpu_setup.h"

#include <cstdint>
#include <string>
#include <vector>

// The page "experts": the rows that a router made, cut into work groups, and the way of a token
// through them.
namespace sf::gpu {

// The ways of a row; a step of the timeline is in one of them.
enum class Stage : std::uint8_t { none, gather, gate_up, down, combine };

struct ExpertsScene {
    Setup setup;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    std::int64_t layer = 0;
    NodeId node = no_node;
    std::string prefix;  // "layers.1."
    ExpertsWork work;
    ProductTiles own, pair;           // the kernel's; of gate and up
    std::int64_t rows = 1;            // of a tile, as drawn
    std::vector<std::int64_t> load;   // (experts), counted from the choices
    std::vector<std::int64_t> order;  // (rows): the slot, token x chosen + rank, of each row
    std::vector<std::int64_t> place;  // (slots): its row
    std::vector<ExpertTile> tiles;
    std::int64_t tile = 0;   // looked at
    std::int64_t token = 0;  // followed, among those of the layer
    // Null: not kept.
    const Tensor *indices = nullptr, *gates = nullptr, *h = nullptr, *out = nullptr, *sum = nullptr;
    Stage stage = Stage::none;

    const Trace& trace() const { return setup.trace(); }
    const Theme& theme() const { return *setup.theme; }
    bool as_run() const { return rows == own.rows; }
    const ExpertTile& live() const { return tiles[static_cast<std::size_t>(tile)]; }
    std::int64_t computed() const { return computed_rows(tiles, rows); }
    // Of the intermediate width and of the output's.
    std::int64_t column_tiles() const { return (work.width + pair.columns - 1) / pair.columns; }
    std::int64_t out_tiles() const { return (work.hidden + own.columns - 1) / own.columns; }
    std::int64_t groups(Stage of) const;  // work groups
    std::int64_t idle() const;            // experts without a token
    std::string token_name(std::int64_t slot) const;
};
ExpertsScene make_experts_scene(const Frame& frame, const View& view);
std::vector<Parameter> experts_parameters(const Frame& frame);

std::string experts_headline(const ExpertsScene& scene);
std::vector<std::string> experts_facts(const ExpertsScene& scene);
std::string experts_description(const ExpertsScene& scene);
std::vector<Invariant> experts_checks(const ExpertsScene& scene);

// The blocks; each leaves out what has no room.
double chain_height(const Theme& theme);
void draw_chain(Canvas& canvas, const ExpertsScene& scene, const Rect& area);
void draw_tiles(Canvas& canvas, const ExpertsScene& scene, const Rect& area, const Parameter& rows);
void draw_tile(Canvas& canvas, const ExpertsScene& scene, const Rect& area);
double combine_height(const ExpertsScene& scene);
void draw_combine(Canvas& canvas, const ExpertsScene& scene, const Rect& area);

}  // namespace sf::gpu
