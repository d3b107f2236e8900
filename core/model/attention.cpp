#include "core/model/attention.h"

namespace sf {

const Builder::Label scores_label{
    "scores", "a", "Scores", R"(a_{t,s} = \frac{q^{C}_t·k^{C}_s + q^{R}_t·k^{R}_s}{\sqrt{d}})"};

Attrs head_attrs(const ModelConfig& c) {
    Attrs heads;
    heads.heads = c.num_attention_heads;
    heads.nope = c.qk_nope_head_dim;
    heads.rope = c.qk_rope_head_dim;
    heads.value = c.v_head_dim;
    heads.scale = c.softmax_scale();
    return heads;
}

QueryNodes build_queries(Builder& b, NodeId h, const std::string& w) {
    const ModelConfig& c = b.config();
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
    Attrs rotate = head_attrs(c);
    rotate.begin = c.qk_nope_head_dim;
    const NodeId q_pe =
        b.add(Op::rope, {"q_pe", "q^{R}", "Rotated query part", "q^{R}_t = RoPE(W^{QR} c^{Q}_t)"},
              {q}, rotate);
    return {q, q_pe};
}

NodeId build_softmax(Builder& b, NodeId scores, NodeId values, const Attrs& inside) {
    const NodeId probs = b.add(
        Op::causal_softmax,
        {"attn_probs", "α", "Attention", R"(α_{t,s} = \frac{e^{a_{t,s}}}{\sum_{j≤t} e^{a_{t,j}}})"},
        {scores}, inside);
    b.add(Op::online_m,
          {"online_m", "m", "Running maximum", R"(m_j = max(m_{j−1}, \op{max}_s a_s))"}, {scores},
          inside);
    b.add(Op::online_d,
          {"online_d", "d", "Running sum", R"(d_j = d_{j−1} e^{m_{j−1}−m_j} + \sum_s e^{a_s−m_j})"},
          {scores}, inside);
    b.add(Op::online_o,
          {"online_o", "o", "Running output",
           R"(o_j = o_{j−1} e^{m_{j−1}−m_j} + \sum_s e^{a_s−m_j} v_s)"},
          {scores, values}, inside);
    return probs;
}

NodeId build_output(Builder& b, NodeId heads, const std::string& w) {
    return b.linear({"attn_out", "u", "Attention output", "u_t = W^{O} [o_{t,1}; …; o_{t,n}]"},
                    heads, w + "o_proj.weight");
}

}  // namespace sf
