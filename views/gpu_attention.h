#pragma once

#include "core/graph/kernel_work.h"
#include "core/run/softmax_passes.h"
#include "views/gpu_setup.h"

#include <cstdint>
#include <string>
#include <vector>

// The page "attention": one head's score matrix cut into work groups and tiles of keys, and what
// lies where while a group walks its tiles.
namespace sf::gpu {

// What one work group does for the head: rows [first, first + rows) through the first `walked`
// tiles.
struct Band {
    std::int64_t group = 0, first = 0, rows = 0, walked = 0;
};

struct AttentionScene {
    Setup setup;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    NodeId node = no_node, scores_node = no_node, m_node = no_node, d_node = no_node,
           o_node = no_node;
    AttentionWork work;
    AttentionTiles own, cut;  // the kernel's, and as drawn
    HeadInputs in;
    std::int64_t batch = 0, head = 0;
    std::vector<Band> bands;          // by work group, those with rows of the head
    std::int64_t group = 0, row = 0;  // looked at: among the bands, of the head
    double wave = 0;  // tiles that the longest walk has behind it, with the part under way
    const Tensor* scores = nullptr;
    std::int64_t first = 0;  // of this head in scores

    // Of `row`, after each tile that its group walks; o empty where values were not kept. `told`:
    // m and d are those that the device left.
    std::vector<OnlineState> states;
    bool told = false;

    const Trace& trace() const { return setup.trace(); }
    const Theme& theme() const { return *setup.theme; }
    const std::string& name(NodeId id) const { return setup.graph()[id].name; }
    bool as_run() const { return own.queries == cut.queries && own.keys == cut.keys; }
    std::int64_t tiles() const { return work.tiles(cut); }
    std::int64_t keys_of(std::int64_t tile) const;  // the last one may be short
    const Band& band() const { return bands[static_cast<std::size_t>(group)]; }
    // The tile that a group is at, its last one when it is done.
    std::int64_t live(const Band& band) const;
    bool done(const Band& band) const { return wave >= static_cast<double>(band.walked); }
    double phase() const;         // of the live tile's way, 0..1
    std::int64_t walked() const;  // tiles, all groups of the head
    double score(std::int64_t of_row, std::int64_t key) const {
        return scores->at(first + of_row * work.context + key);
    }
    // m and d of any row of the head after `tile`, as `states` has them of `row`.
    OnlineState state(std::int64_t of_row, std::int64_t tile) const;
    // The row's m after `tile`; -inf before the first. d and o likewise.
    double m(std::int64_t tile) const;
    double d(std::int64_t tile) const;
    double shrink(std::int64_t tile) const;  // e^(m - m'), 1 for the first tile
    std::vector<double> o(std::int64_t of_row, std::int64_t tile) const;  // empty: not kept
    std::string token(std::int64_t of_row) const;                         // “8”
};
AttentionScene make_attention_scene(const Frame& frame, const View& view);
std::vector<Parameter> attention_parameters(const Frame& frame);

// How far a tile's way is: it comes, what was collected shrinks, it is added. Each 0..1.
struct TileMove {
    double come = 0, shrink = 0, add = 0;
};
TileMove move_of(const AttentionScene& scene);

std::string attention_headline(const AttentionScene& scene);
std::vector<std::string> attention_facts(const AttentionScene& scene);
std::string attention_description(const AttentionScene& scene);
std::vector<Invariant> attention_checks(const AttentionScene& scene);

// The blocks; each leaves out what has no room.
void draw_grid(Canvas& canvas, const AttentionScene& scene, const Rect& area);
void draw_group(Canvas& canvas, const AttentionScene& scene, const Rect& area);
// The row's m, d and o before and after the tile; returns the height taken.
double row_height(const AttentionScene& scene);
void draw_row(Canvas& canvas, const AttentionScene& scene, const Rect& area);

}  // namespace sf::gpu
