#include "core/error.h"
#include "core/io/trace_io.h"
#include "core/run/timeline.h"
#include "tests/fuzz/as_file.h"

// A trace that is taken must also be safe to look at: the timeline's captions and every node's
// first and last value are read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const sf::TracePtr trace = sf::read_trace(sf::fuzz::as_file(data, size));
        const sf::Timeline timeline(*trace);
        for (sf::NodeId id = 0; id < trace->graph->size(); ++id) {
            const sf::Tensor* tensor = trace->find(id);
            if (!tensor || tensor->size() == 0) continue;
            sf::explain(*trace, id, 0);
            sf::explain(*trace, id, tensor->size() - 1);
            sf::explain_gradient(*trace, id, tensor->size() - 1);
        }
    } catch (const sf::UserError&) {
    }
    return 0;
}
