#include "core/error.h"
#include "core/io/history_io.h"
#include "tests/fuzz/as_file.h"

// A history that is taken must also be safe to look at: every violation and every value of its
// probes is read. The model is always nano.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const sf::History history =
            sf::read_history(sf::fuzz::as_file(data, size), sf::ModelConfig::preset("nano"));
        for (std::size_t i = 0; i < history.size(); ++i)
            for (std::size_t layer = 0; layer < history.layers().size(); ++layer)
                history.violation(layer, i, 1000);
        for (const std::int64_t step : history.probe_steps()) {
            const sf::TracePtr probe = history.probe(step);
            for (sf::NodeId id = 0; id < probe->graph->size(); ++id) {
                const sf::Tensor* tensor = probe->find(id);
                if (tensor && tensor->size() > 0) sf::explain(*probe, id, tensor->size() - 1);
            }
        }
    } catch (const sf::UserError&) {
    }
    return 0;
}
