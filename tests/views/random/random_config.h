#pragma once

#include "core/config.h"
#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

// Small models of every kind that a config can describe.
namespace sf::test {

// A row of random choices, the same for the same seed.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : seed_(seed) {}
    std::uint64_t bits() { return random_bits(seed_, stream_of("dice"), next_++); }
    double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
    bool chance(double p) { return uniform() < p; }
    // Both ends included.
    std::int64_t whole(std::int64_t lo, std::int64_t hi) {
        return lo + static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(hi - lo + 1));
    }
    template <class T>
    const T& any(const std::vector<T>& all) {
        return all[static_cast<std::size_t>(whole(0, static_cast<std::int64_t>(all.size()) - 1))];
    }

private:
    std::uint64_t seed_, next_ = 0;
};

inline void random_attention(Dice& dice, ModelConfig& c) {
    c.num_attention_heads = dice.whole(1, 6);
    if (dice.chance(0.4)) {
        c.attention_kind = "gqa";
        std::vector<std::int64_t> divisors;
        for (std::int64_t g = 1; g <= c.num_attention_heads; ++g)
            if (c.num_attention_heads % g == 0) divisors.push_back(g);
        c.num_key_value_heads = dice.any(divisors);
    }
    c.qk_nope_head_dim = dice.whole(c.mla() ? 1 : 0, 13);
    c.qk_rope_head_dim = 2 * dice.whole(1, 8);
    c.v_head_dim = dice.whole(1, 13);
    c.kv_lora_rank = dice.whole(1, 24);
    c.q_lora_rank.reset();
    if (dice.chance(0.5)) c.q_lora_rank = dice.whole(1, 20);
}

inline void random_experts(Dice& dice, ModelConfig& c) {
    c.first_k_dense_replace = dice.whole(0, c.num_hidden_layers);
    c.moe_layer_freq = dice.whole(1, 2);
    c.moe_intermediate_size = dice.whole(1, 16);
    c.n_shared_experts = dice.whole(0, 2);
    c.routed_scaling_factor = 0.5 + 2 * dice.uniform();
    c.scoring_func = dice.chance(0.5) ? "sigmoid" : "softmax";
    c.topk_method = dice.any<std::string>({"noaux_tc", "greedy", "group_limited_greedy"});
    if (dice.chance(0.2)) {
        c.n_routed_experts = 0;  // dense only
        return;
    }
    c.n_group = c.topk_method == "greedy" ? 1 : dice.whole(1, 4);
    const std::int64_t each = dice.whole(c.n_group == 1 ? 1 : 2, 5);
    c.n_routed_experts = c.n_group * each;
    c.topk_group = dice.whole(1, c.n_group);
    c.num_experts_per_tok = dice.whole(1, std::min<std::int64_t>(5, c.topk_group * each));
}

inline void random_positions(Dice& dice, ModelConfig& c) {
    c.max_position_embeddings = dice.whole(40, 300);
    c.rope_theta = dice.chance(0.5) ? 10000 : 2 + 5e4 * dice.uniform();
    if (dice.chance(0.5)) return;
    RopeScaling& s = c.rope_scaling;
    s.type = dice.any<std::string>({"yarn", "yarn", "linear", "ntk"});
    s.factor = 1 + 40 * dice.uniform();
    s.original_max_position_embeddings = dice.whole(4, 300);
    s.mscale = dice.uniform() * 2;
}

// The first sound one of those drawn.
inline ModelConfig random_config(Dice& dice) {
    for (int i = 0; i < 100; ++i) {
        ModelConfig c;
        c.vocab_size = dice.whole(2, 300);
        c.eos_token_id = c.vocab_size - 1;
        c.hidden_size = dice.whole(1, 48);
        c.num_hidden_layers = dice.whole(1, 4);
        c.intermediate_size = dice.whole(1, 40);
        c.num_nextn_predict_layers = dice.whole(0, 3);
        c.initializer_range = dice.any<double>({0.02, 0.1, 0.4});
        c.tie_word_embeddings = dice.chance(0.3);
        random_attention(dice, c);
        random_experts(dice, c);
        random_positions(dice, c);
        // Of what was drawn: another throw would make other models of all that follow.
        if ((c.hidden_size + c.vocab_size) % 4 == 0) c.mtp_kind = "parallel";
        if (c.problems().empty()) return c;
    }
    ADD_FAILURE() << "no sound config in 100";
    return {};
}

inline std::string config_text(const ModelConfig& c) {
    std::ostringstream out;
    out << c.attention_kind << ", hidden " << c.hidden_size << ", layers " << c.num_hidden_layers
        << "+" << c.num_nextn_predict_layers << (c.mtp_chain() ? "" : " parallel") << ", heads "
        << c.num_attention_heads;
    if (!c.mla()) out << " of " << c.num_key_value_heads << " groups";
    out << ", nope " << c.qk_nope_head_dim << ", rope " << c.qk_rope_head_dim << ", value "
        << c.v_head_dim << ", rank " << c.kv_lora_rank << ", q rank "
        << (c.q_lora_rank ? std::to_string(*c.q_lora_rank) : "none") << ", ffn "
        << c.intermediate_size << ", experts " << c.num_experts_per_tok << "/" << c.n_routed_experts
        << "+" << c.n_shared_experts << " x " << c.moe_intermediate_size << " from layer "
        << c.first_k_dense_replace << " every " << c.moe_layer_freq << " (" << c.scoring_func
        << ", " << c.topk_method << ", groups " << c.topk_group << "/" << c.n_group << ", scale "
        << c.routed_scaling_factor << "), vocab " << c.vocab_size
        << (c.tie_word_embeddings ? " tied" : "") << ", init " << c.initializer_range << ", theta "
        << c.rope_theta << ", positions " << c.max_position_embeddings << ", scaling "
        << c.rope_scaling.type << " x " << c.rope_scaling.factor << " from "
        << c.rope_scaling.original_max_position_embeddings;
    return out.str();
}

}  // namespace sf::test
