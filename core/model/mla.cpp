#include "core/model/builder.h"

namespace sf {

NodeId build_mla(Builder& b, NodeId h, const std::string& weights) {
    const ModelConfig& c = b.config();
    const std::string w = weights + "self_attn.";
    b.place.part = Part::attn;

    Attrs heads;
    heads.heads = c.num_attention_heads;
    heads.nope = c.qk_nope_head_dim;
    heads.rope = c.qk_rope_head_dim;
    heads.value = c.v_head_dim;
    heads.scale = c.softmax_scale();

    // Queries: [q^C | q^R] per head, through a latent of their own when q_lora_rank is set.
    NodeId q;
    if (c.q_lora_rank) {
        const NodeId down = b.linear({"q_a", "W^{DQ}h", "Query down-projection", "W^{DQ} h_t"}, h,
                                     w + "q_a_proj.weight");
        const NodeId latent =
            b.rms_norm({"q_latent", "c^{Q}", "Query latent", "c^{Q}_t = RMSNorm(W^{DQ} h_t)"}, down,
                       w + "q_a_layernorm.weight", 0, *c.q_lora_rank);
        q = b.linear({"q", "q", "Queries", "[q^{C}_t; W^{QR} c^{Q}_t] = W^{UQ} c^{Q}_t"}, latent,
                     w + "q_b_proj.weight", c.num_attention_heads);
    } else {
        q = b.linear({"q", "q", "Queries", "[q^{C}_t; W^{QR} h_t] = W^{Q} h_t"}, h,
                     w + "q_proj.weight", c.num_attention_heads);
    }
    Attrs rotate = heads;
    rotate.begin = c.qk_nope_head_dim;
    const NodeId q_pe =
        b.add(Op::rope, {"q_pe", "q^{R}", "Rotated query part", "q^{R}_t = RoPE(W^{QR} c^{Q}_t)"},
              {q}, rotate);

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

    const Builder::Label scores{"scores", "a", "Scores",
                                R"(a_{t,s} = \frac{q^{C}_t·k^{C}_s + q^{R}_t·k^{R}_s}{\sqrt{d}})"};
    const Builder::Label probs{"attn_probs", "α", "Attention",
                               R"(α_{t,s} = \frac{e^{a_{t,s}}}{\sum_{j≤t} e^{a_{t,j}}})"};
    const Builder::Label running_m{"online_m", "m", "Running maximum",
                                   R"(m_j = max(m_{j−1}, \op{max}_s a_s))"};
    const Builder::Label running_d{"online_d", "d", "Running sum",
                                   R"(d_j = d_{j−1} e^{m_{j−1}−m_j} + \sum_s e^{a_s−m_j})"};
    const Builder::Label running_o{"online_o", "o", "Running output",
                                   R"(o_j = o_{j−1} e^{m_{j−1}−m_j} + \sum_s e^{a_s−m_j} v_s)"};
    NodeId out;
    if (b.graph().attention == AttentionMode::naive) {
        const NodeId kv = b.linear({"kv", "[k^{C}; v^{C}]", "Keys and values, expanded",
                                    "[k^{C}_t; v^{C}_t] = [W^{UK}; W^{UV}] c^{KV}_t"},
                                   latents, w + "kv_b_proj.weight", c.num_attention_heads);
        const NodeId a = b.add(Op::scores, scores, {q, q_pe, kv, keys}, heads);
        const NodeId p = b.add(Op::causal_softmax, probs, {a}, heads);
        b.add(Op::online_m, running_m, {a}, heads);
        b.add(Op::online_d, running_d, {a}, heads);
        b.add(Op::online_o, running_o, {a, kv}, heads);
        out = b.add_composite(Op::attend,
                              {"heads", "o", "Head outputs", R"(o_t = \sum_{s≤t} α_{t,s} v^{C}_s)"},
                              {p, kv}, Op::attention, {q, q_pe, kv, keys}, heads);
    } else {
        const NodeId kv_b = b.param(w + "kv_b_proj.weight");
        Attrs inside = heads;
        inside.value = c.kv_lora_rank;
        const NodeId q_latent =
            b.add(Op::absorb_q,
                  {"q_absorbed", "q^{C}W^{UK}", "Query in latent space", "q̃_t = W^{UK⊤} q^{C}_t"},
                  {q, kv_b}, heads);
        const NodeId a = b.add(Op::scores_latent, scores, {q_latent, q_pe, latents, keys}, heads);
        const NodeId p = b.add(Op::causal_softmax, probs, {a}, heads);
        b.add(Op::online_m, running_m, {a}, inside);
        b.add(Op::online_d, running_d, {a}, inside);
        b.add(Op::online_o, running_o, {a, latents}, inside);
        const NodeId attended = b.add_composite(
            Op::attend_latent,
            {"attn_latent", "α c^{KV}", "Attended latent", R"(\sum_{s≤t} α_{t,s} c^{KV}_s)"},
            {p, latents}, Op::attention_latent, {q_latent, q_pe, latents, keys}, inside);
        out = b.add(Op::expand_v,
                    {"heads", "o", "Head outputs", R"(o_t = W^{UV} \sum_{s≤t} α_{t,s} c^{KV}_s)"},
                    {attended, kv_b}, heads);
    }
    return b.linear({"attn_out", "u", "Attention output", "u_t = W^{O} [o_{t,1}; …; o_{t,n}]"}, out,
                    w + "o_proj.weight");
}

}  // namespace sf
