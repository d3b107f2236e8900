#pragma once

#include "core/backend/executor.h"
#include "core/model/model.h"

#include <cstdint>
#include <memory>
#include <span>

namespace sf {

// One sequence that a graph reads piece by piece, with its latent cache: the main model's, or that
// of one MTP module (build_draft_graph).
class Decoder {
public:
    // `hidden` names the node whose rows are wanted beside the logits; empty: none.
    Decoder(const Model& model, std::shared_ptr<const Graph> graph, KvCache cache, int threads,
            const std::string& hidden = {}, BackendPtr backend = nullptr);

    // Runs these tokens after what is cached. `state`: the hidden rows that a module starts from.
    void run(std::span<const std::int64_t> ids, std::span<const Real> state = {});
    // Of the last run: row i of its tokens, counted from the back where negative.
    std::span<const Real> logits(std::int64_t i = -1) const;  // (vocab)
    std::span<const Real> hidden() const;                     // (tokens, hidden)

    std::int64_t length() const { return cache_.length(); }
    void truncate(std::int64_t tokens);  // forgets what was read after them
    std::int64_t bytes() const { return cache_.bytes(); }

private:
    std::shared_ptr<const Graph> graph_;
    Executor executor_;
    KvCache cache_;
    NodeId hidden_ = no_node;
};

}  // namespace sf
