#pragma once

#include "core/run/real_gate.h"
#include "views/result.h"
#include "views/view.h"

#include <cstdint>
#include <optional>
#include <string>

// The page "scale": a gate of DeepSeek-V3's shape on this model's hidden states.
namespace sf::experts {

struct ScaleScene {
    const Frame* frame = nullptr;
    const Theme* theme = nullptr;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    std::string layer, title;                   // "layers.1", "layer 1"
    std::int64_t batch = 0, t = 0, tokens = 0;  // the followed token among those of the layer
    Result<RealGate> gate;
    std::optional<GateRoute> route;  // of that token, where its hidden state was kept

    bool chosen(std::int64_t expert) const;
    bool plain(std::int64_t expert) const;  // would be chosen without the limit
    bool kept(std::int64_t node) const;
    std::int64_t plain_on(std::int64_t node) const;  // of those without the limit
    std::int64_t chosen_on(std::int64_t node) const;
};
ScaleScene make_scale_scene(const Frame& frame, const View& view);
std::vector<Need> scale_needs(const Frame& frame, const View& view);

std::string scale_headline(const ScaleScene& scene);
std::string scale_facts(const ScaleScene& scene);
std::string scale_description(const ScaleScene& scene);
std::vector<Invariant> scale_checks(const ScaleScene& scene);

// The blocks; each leaves out what has no room.
// The token above, the nodes with their experts below, a line to each node that it is sent to.
void draw_nodes(Canvas& canvas, const ScaleScene& scene, const Rect& area);
void draw_node_counts(Canvas& canvas, const ScaleScene& scene, const Rect& area);
void draw_balancing(Canvas& canvas, const ScaleScene& scene, const Rect& area);
void draw_sorted_loads(Canvas& canvas, const ScaleScene& scene, const Rect& area);

}  // namespace sf::experts
