#include "core/model/attention.h"

namespace sf {

NodeId build_mla(Builder& b, NodeId h, const std::string& weights) {
    const ModelConfig& c = b.config();
    const std::string w = weights + "self_attn.";
    b.place.part = Part::attn;
    const Attrs heads = head_attrs(c);
    const auto [q, q_pe] = build_queries(b, h, w);

    // Keys and values: one short latent and one rope key for all heads. Both are what is cached.
    const NodeId kv_a = b.linear(
        {"kv_a", "[W^{DKV}h; W^{KR}h]", "Latent and rope key, raw", "[W^{DKV} h_t; W^{KR} h_t]"}, h,
        w + "kv_a_proj_with_mqa.weight");
    const NodeId latent =
        b.rms_norm({"kv_latent", "c^{KV}", "Latent KV", "c^{KV}_t = RMSNorm(W^{DKV} h_t)"}, kv_a,
                   w + "kv_a_layernorm.weight", 0, c.kv_lora_rank);
    Attrs rotate_key;
    rotate_key.begin = c.kv_lora_rank;
    rotate_key.rope = c.qk_rope_head_dim;
    const NodeId k_pe =
        b.add(Op::rope, {"k_pe", "k^{R}", "Rotated key", "k^{R}_t = RoPE(W^{KR} h_t)"}, {kv_a},
              rotate_key);
    Attrs second;
    second.begin = 1;
    const NodeId latents = b.add(
        Op::cache, {"cache_latent", "c^{KV}_{≤t}", "Cached latents", "cache of c^{KV}"}, {latent});
    const NodeId keys =
        b.add(Op::cache, {"cache_k_pe", "k^{R}_{≤t}", "Cached rope keys", "cache of k^{R}"}, {k_pe},
              second);

    NodeId out;
    if (b.graph().attention == AttentionMode::naive) {
        const NodeId kv = b.linear({"kv", "[k^{C}; v^{C}]", "Keys and values, expanded",
                                    "[k^{C}_t; v^{C}_t] = [W^{UK}; W^{UV}] c^{KV}_t"},
                                   latents, w + "kv_b_proj.weight", c.num_attention_heads);
        const NodeId scores = b.add(Op::scores, scores_label, {q, q_pe, kv, keys}, heads);
        const NodeId probs = build_softmax(b, scores, kv, heads);
        out = b.add_composite(Op::attend,
                              {"heads", "o", "Head outputs", R"(o_t = \sum_{s≤t} α_{t,s} v^{C}_s)"},
                              {probs, kv}, Op::attention, {q, q_pe, kv, keys}, heads);
    } else {
        const NodeId kv_b = b.param(w + "kv_b_proj.weight");
        Attrs inside = heads;
        inside.value = c.kv_lora_rank;
        const NodeId q_latent =
            b.add(Op::absorb_q,
                  {"q_absorbed", "q^{C}W^{UK}", "Query in latent space", "q̃_t = W^{UK⊤} q^{C}_t"},
                  {q, kv_b}, heads);
        const NodeId scores =
            b.add(Op::scores_latent, scores_label, {q_latent, q_pe, latents, keys}, heads);
        const NodeId probs = build_softmax(b, scores, latents, inside);
        const NodeId attended = b.add_composite(
            Op::attend_latent,
            {"attn_latent", "α c^{KV}", "Attended latent", R"(\sum_{s≤t} α_{t,s} c^{KV}_s)"},
            {probs, latents}, Op::attention_latent, {q_latent, q_pe, latents, keys}, inside);
        out = b.add(Op::expand_v,
                    {"heads", "o", "Head outputs", R"(o_t = W^{UV} \sum_{s≤t} α_{t,s} c^{KV}_s)"},
                    {attended, kv_b}, heads);
    }
    return build_output(b, out, w);
}

}  // namespace sf
