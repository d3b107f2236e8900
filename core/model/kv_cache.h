#pragma once

#include "core/config.h"
#include "core/real.h"

#include <array>
#include <cstdint>
#include <vector>

namespace sf {

// What one layer keeps of each past token, in two parts. mla: the normed latent c^KV (kv_lora_rank
// numbers) and the rotated rope key k^R (qk_rope_head_dim numbers), shared by all heads
// (DeepSeek-V2, eqs. 9-19). gqa: rotated keys and values of every group of heads.
class LayerCache {
public:
    LayerCache(const std::array<std::int64_t, 2>& widths, std::int64_t capacity) : widths_(widths) {
        for (std::size_t i = 0; i < 2; ++i)
            parts_[i].reserve(static_cast<std::size_t>(widths[i] * capacity));
    }
    // Appends the rows of `tokens` and returns the first row of all that is kept.
    Real* append(std::size_t part, const Real* rows, std::int64_t tokens) {
        std::vector<Real>& p = parts_[part];
        p.insert(p.end(), rows, rows + tokens * widths_[part]);
        return p.data();
    }
    void truncate(std::int64_t tokens) {
        for (std::size_t i = 0; i < 2; ++i)
            parts_[i].resize(static_cast<std::size_t>(tokens * widths_[i]));
    }
    // Counted from the buffers.
    std::int64_t bytes() const {
        return static_cast<std::int64_t>((parts_[0].size() + parts_[1].size()) * sizeof(Real));
    }

private:
    std::array<std::int64_t, 2> widths_;
    std::array<std::vector<Real>, 2> parts_;
};

// One sequence's cache over all layers of the main model, or over that of one MTP module (k = 1,
// 2, ...).
class KvCache {
public:
    KvCache(const ModelConfig& config, std::int64_t capacity, std::int64_t module = 0)
        : first_(module == 0 ? 0 : config.num_hidden_layers + module - 1) {
        for (std::int64_t i = 0; i < (module == 0 ? config.num_hidden_layers : 1); ++i)
            layers_.emplace_back(cache_widths(config), capacity);
    }
    LayerCache& layer(int i) { return layers_[static_cast<std::size_t>(i - first_)]; }
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
    std::int64_t first_ = 0;
    std::vector<LayerCache> layers_;
    std::int64_t length_ = 0;
};

}  // namespace sf
