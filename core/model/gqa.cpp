#include "core/model/attention.h"

namespace sf {

NodeId build_gqa(Builder& b, NodeId h, const std::string& weights) {
    const ModelConfig& c = b.config();
    const std::string w = weights + "self_attn.";
    b.place.part = Part::attn;
    const auto [q, q_pe] = build_queries(b, h, w);

    // One key and value for each group of heads, both cached as they are read.
    const NodeId k = b.linear({"k", "W^{K}h", "Keys, raw", "W^{K} h_t"}, h, w + "k_proj.weight",
                              c.num_key_value_heads);
    Attrs rotate;
    rotate.heads = c.num_key_value_heads;
    rotate.width = rotate.begin = c.qk_nope_head_dim;
    rotate.rope = c.qk_rope_head_dim;
    const NodeId keys = b.add(Op::rope,
                              {"k_rotated", "[k^{C}; k^{R}]", "Keys",
                               "[k^{C}_t; k^{R}_t] = [W^{KC} h_t; RoPE(W^{KR} h_t)]"},
                              {k}, rotate);
    const NodeId values = b.linear({"v", "v", "Values", "v_t = W^{V} h_t"}, h, w + "v_proj.weight",
                                   c.num_key_value_heads);
    Attrs second;
    second.begin = 1;
    const NodeId all_keys =
        b.add(Op::cache, {"cache_k", "k_{≤t}", "Cached keys", "cache of k"}, {keys});
    const NodeId all_values =
        b.add(Op::cache, {"cache_v", "v_{≤t}", "Cached values", "cache of v"}, {values}, second);

    Attrs heads = head_attrs(c);
    heads.kv_heads = c.num_key_value_heads;
    const NodeId scores = b.add(Op::scores, scores_label, {q, q_pe, all_keys}, heads);
    const NodeId probs = build_softmax(b, scores, all_values, heads);
    const NodeId out = b.add_composite(
        Op::attend, {"heads", "o", "Head outputs", R"(o_t = \sum_{s≤t} α_{t,s} v_s)"},
        {probs, all_values}, Op::attention, {q, q_pe, all_keys, all_values}, heads);
    return build_output(b, out, w);
}

}  // namespace sf
