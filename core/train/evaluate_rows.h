#pragma once

#include "core/backend/executor.h"
#include "core/backend/thread_pool.h"
#include "core/model/model.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sf {

using TokenRow = std::vector<std::int64_t>;

// What reading a row told. Sums over rows are sums of these.
struct RowTally {
    double nats = 0;          // -ln p of all tokens but the first
    std::int64_t tokens = 0;  // that many
    struct Depth {
        std::int64_t foretold = 0, accepted = 0, accurate = 0;
    };
    std::vector<Depth> depths;
    std::vector<std::vector<std::int64_t>> loads;  // (layers, experts)
    void add(const RowTally& other);
};

// Reads rows, each token given the true ones before it. One thread a batch of rows.
class RowReader {
public:
    RowReader(const ModelPtr& model, int threads);
    const std::vector<std::string>& layers() const { return layers_; }
    // Rows of different lengths are filled up at their ends, which no earlier position sees: a
    // row's bits do not depend on its neighbours.
    std::vector<RowTally> read(std::span<const TokenRow* const> rows, int thread);

private:
    Executor& executor(int thread);
    void tally_depths(RowTally& tally, const TokenRow& row, Executor& e, std::int64_t b) const;
    void tally_loads(RowTally& tally, const TokenRow& row, Executor& e, std::int64_t b) const;

    ModelPtr model_;
    std::shared_ptr<const Graph> graph_;
    std::vector<std::string> layers_;
    NodeId nll_ = no_node;
    std::vector<NodeId> heads_;    // logits of depth 0 (the main model), 1, ...
    std::vector<NodeId> routers_;  // router_indices of each layer
    std::vector<NodeId> outputs_;
    std::vector<std::unique_ptr<Executor>> executors_;  // by thread, made when first needed
};

// Positions [begin, end) of a row that are foretold from what is before them.
struct Question {
    std::size_t begin = 0, end = 0;
};

// Answers questions about a row by greedy decoding through the latent cache.
class RowAnswerer {
public:
    RowAnswerer(const ModelPtr& model, int threads);
    // How many of the questions (in order, apart from each other) are answered exactly.
    std::int64_t exact(const TokenRow& row, std::span<const Question> questions, int thread);

private:
    ModelPtr model_;
    std::shared_ptr<const Graph> graph_;
    std::vector<std::unique_ptr<Executor>> executors_;
};

}  // namespace sf
