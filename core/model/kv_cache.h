#pragma once

#include "core/config.h"
#include "core/real.h"

#include <cstdint>
#include <vector>

namespace sf {

// What one layer keeps of each past token: the normed latent c^KV (kv_lora_rank numbers) and the
// rotated rope key k^R (qk_rope_head_dim numbers), shared by all heads. DeepSeek-V2, eq. 9-19.
class LayerCache {
public:
    LayerCache(std::int64_t latent, std::int64_t rope, std::int64_t capacity)
        : latent_width_(latent), key_width_(rope) {
        latent_.reserve(static_cast<std::size_t>(latent * capacity));
        key_.reserve(static_cast<std::size_t>(rope * capacity));
    }
    // Appends rows and returns the first row of all that is kept.
    const Real* append_latent(const Real* rows, std::int64_t count) {
        latent_.insert(latent_.end(), rows, rows + count * latent_width_);
        return latent_.data();
    }
    const Real* append_key(const Real* rows, std::int64_t count) {
        key_.insert(key_.end(), rows, rows + count * key_width_);
        return key_.data();
    }
    void truncate(std::int64_t tokens) {
        latent_.resize(static_cast<std::size_t>(tokens * latent_width_));
        key_.resize(static_cast<std::size_t>(tokens * key_width_));
    }
    // Counted from the buffers.
    std::int64_t bytes() const {
        return static_cast<std::int64_t>((latent_.size() + key_.size()) * sizeof(Real));
    }

private:
    std::int64_t latent_width_, key_width_;
    std::vector<Real> latent_, key_;
};

// One sequence's cache over all layers.
class KvCache {
public:
    KvCache(const ModelConfig& config, std::int64_t capacity) {
        for (std::int64_t i = 0; i < config.num_hidden_layers; ++i)
            layers_.emplace_back(config.kv_lora_rank, config.qk_rope_head_dim, capacity);
    }
    LayerCache& layer(int i) { return layers_[static_cast<std::size_t>(i)]; }
    std::int64_t length() const { return length_; }
    void advance(std::int64_t tokens) { length_ += tokens; }
    // Forgets all but the first tokens (drafts that were rejected).
    void truncate(std::int64_t tokens) {
        length_ = tokens;
        for (LayerCache& l : layers_) l.truncate(tokens);
    }
    std::int64_t bytes() const {
        std::int64_t n = 0;
        for (const LayerCache& l : layers_) n += l.bytes();
        return n;
    }

private:
    std::vector<LayerCache> layers_;
    std::int64_t length_ = 0;
};

}  // namespace sf
