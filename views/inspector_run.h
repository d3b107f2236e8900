#pragma once

#include "core/run/run_beside.h"
#include "views/inspector_draw.h"
#include "views/result.h"

#include <optional>
#include <string>

// The same tensor in another training run: the setting `compare` is "run:NAME".
namespace sf::inspector {

// Whose tensor is asked for; none: `compare` names no run but a tensor, or nothing.
std::optional<std::string> run_asked(const Frame& frame);

struct OtherRun {
    const NamedRun* run = nullptr;  // null: there is none of that name
    Result<RunBeside> result;       // of this text, or of this step's probe
    // As `frame`, of the other run; where its result is there.
    Frame frame;
    TensorName tensor;  // of the same name; no_node: it has none
    bool ready() const { return result.value != nullptr && tensor.node != no_node; }
};
// `of` is a node of the frame's graph.
OtherRun other_run(const Frame& frame, const std::string& name, TensorName of);
std::vector<Need> needs_of_run(const Frame& frame);

// Why there is nothing to compare with, in two sentences; only where !ready() and nothing is
// pending.
struct Missing {
    std::string head, body;
};
Missing missing_run(const Frame& frame, const std::string& name, const OtherRun& other);

}  // namespace sf::inspector
