#include "core/run/decoder.h"

namespace sf {

Decoder::Decoder(const Model& model, std::shared_ptr<const Graph> graph, KvCache cache, int threads,
                 const std::string& hidden, BackendPtr backend)
    : graph_(std::move(graph)),
      executor_(graph_, model.weights, threads, std::move(backend)),
      cache_(std::move(cache)),
      hidden_(hidden.empty() ? no_node : graph_->find(hidden)) {}

void Decoder::run(std::span<const std::int64_t> ids, std::span<const Real> state) {
    Executor::Request request;
    request.extent = {1, static_cast<std::int64_t>(ids.size()), cache_.length()};
    request.ids = ids;
    request.state = state;
    request.cache = &cache_;
    request.outputs = {graph_->logits()};
    if (hidden_ != no_node) request.outputs.push_back(hidden_);
    executor_.run(request);
}

std::span<const Real> Decoder::logits(std::int64_t i) const {
    const ConstView all = executor_.value(graph_->logits());
    const auto vocab = all.shape.cols();
    return {all.real + (i < 0 ? all.shape.rows() + i : i) * vocab, static_cast<std::size_t>(vocab)};
}

std::span<const Real> Decoder::hidden() const {
    const ConstView all = executor_.value(hidden_);
    return {all.real, static_cast<std::size_t>(all.size())};
}

void Decoder::truncate(std::int64_t tokens) {
    if (tokens < cache_.length()) cache_.truncate(tokens);
}

}  // namespace sf
