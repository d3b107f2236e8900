#pragma once

#include "core/graph/graph.h"
#include "views/draw/theme.h"

#include <string>
#include <vector>

namespace sf {

// One box of the block diagram: operations that belong together ("Queries": q_a, q_latent, q), in
// the order in which the model computes them.
struct MapBlock {
    std::string title;
    std::string brief;  // for narrow boxes
    Meaning meaning = Meaning::residual;
    std::vector<NodeId> nodes;
    int column = 0;  // how many boxes come before it, at most
};

// A stretch of the model between two stations of the residual stream: the input, one layer's
// attention or feed-forward with its addition, the head, or what an MTP module does before and
// after its block.
struct MapBand {
    enum class Kind : std::uint8_t { input, attention, ffn, head, mtp_input, mtp_head };
    struct Edge {
        int from, to;  // blocks
    };
    Kind kind = Kind::input;
    int layer = -1;  // as Node::layer
    bool experts = false;
    std::vector<MapBlock> blocks;
    std::vector<Edge> edges;
    NodeId add = no_node;  // the residual stream afterwards
    int columns = 0;

    // The block that holds a node, or -1.
    int find(NodeId id) const;
    bool holds(NodeId id) const { return id == add || find(id) >= 0; }
};

// The block diagram of a graph: derived from its nodes alone, so that every model has one. Knows
// no sizes on screen.
struct MapModel {
    std::vector<MapBand> bands;  // in the order of computation
    int layers = 0;              // of the main model; MTP module k is layer layers + k - 1
    int modules = 0;

    explicit MapModel(const Graph& graph);
    int band_of(NodeId id) const;  // -1: none (weights, lens)
    const MapBand* find(MapBand::Kind kind, int layer) const;
};

}  // namespace sf
