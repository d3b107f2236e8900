#pragma once

#include "core/run/trace.h"

#include <string>
#include <utility>
#include <vector>

// What of a trace a device can compute anew: operations with all that they read, or why not.
namespace sf {

// One operation of a part, in the order in which they run; the last one's value is compared.
struct DeviceOperation {
    NodeId id = no_node;
    Op op{};
    std::vector<NodeId> inputs;
};

struct DeviceTask {
    std::string title, node, missing;
    std::vector<DeviceOperation> operations;
    TensorPtr expected;
    std::vector<std::pair<NodeId, TensorPtr>> given;  // values of the trace that it reads
    TensorPtr m, d;                                   // of attention, as the trace has them
};

// `attention`, `experts`: a node or no_node. `down`: the shared expert's last product.
DeviceTask attention_task(const Trace& trace, NodeId attention);
DeviceTask experts_task(const Trace& trace, NodeId experts);
DeviceTask shared_task(const Trace& trace, NodeId down);

}  // namespace sf
