#include "core/model/builder.h"
#include "core/ops/ops.h"

namespace sf {

NodeId build_mlp(Builder& b, NodeId x, const std::string& weights, bool shared) {
    b.place.part = Part::ffn;
    const NodeId gate = b.linear({shared ? "shared_gate" : "gate", "W_1 u", "Gate", "W_1 u_t"}, x,
                                 weights + "gate_proj.weight");
    const NodeId up = b.linear({shared ? "shared_up" : "up", "W_3 u", "Up", "W_3 u_t"}, x,
                               weights + "up_proj.weight");
    const NodeId h = b.add(Op::swiglu,
                           {shared ? "shared_h" : "h", "h", "SwiGLU",
                            R"(h = SiLU(W_1 u_t) ⊙ W_3 u_t, SiLU(z) = \frac{z}{1 + e^{−z}})"},
                           {gate, up});
    if (shared)
        return b.linear({"shared_out", "FFN^{(s)}(u)", "Shared expert", "FFN^{(s)}(u_t) = W_2 h"},
                        h, weights + "down_proj.weight");
    return b.linear({"ffn_out", "FFN(u)", "Feed-forward output", "FFN(u_t) = W_2 h"}, h,
                    weights + "down_proj.weight");
}

Router build_router(Builder& b, NodeId x, const std::string& w) {
    const ModelConfig& c = b.config();
    Attrs r;
    r.experts = c.n_routed_experts;
    r.top_k = c.num_experts_per_tok;
    // "greedy" chooses among all experts, whatever the groups.
    r.groups = c.topk_method == "greedy" ? 1 : c.n_group;
    r.kept_groups = c.topk_method == "greedy" ? 1 : c.topk_group;
    r.biased = c.has_router_bias();
    r.sigmoid = c.scoring_func == "sigmoid";
    r.normalise = c.norm_topk_prob();
    r.scale = c.routed_scaling_factor;

    const NodeId logits =
        b.linear({"router_logits", "u·e", "Router logits", "u_t · e_i"}, x, w + "gate.weight");
    const NodeId s =
        b.add(Op::gate_scores,
              {"router_scores", "s", "Affinities",
               r.sigmoid ? "s_{i,t} = σ(u_t · e_i)" : "s_{i,t} = Softmax_i(u_t · e_i)"},
              {logits}, r);
    NodeId biased = s;
    if (r.biased)
        biased =
            b.add(Op::add_bias, {"router_biased", "s+b", "Affinities with bias", "s_{i,t} + b_i"},
                  {s, b.param(w + "gate.e_score_correction_bias")}, r);
    std::vector<NodeId> choice{biased};
    if (r.groups > 1) {
        const NodeId groups = b.add(
            Op::group_scores,
            {"group_scores", "S", "Group scores",
             r.biased ? "S_j = sum of the best two s + b in group j" : "S_j = max of s in group j"},
            {biased}, r);
        choice.push_back(b.add(Op::group_choice,
                               {"router_groups", "G", "Chosen groups",
                                "Topk(S, " + std::to_string(r.kept_groups) + ")"},
                               {groups}, r));
    }
    const NodeId indices = b.add(
        Op::expert_choice,
        {"router_indices", "Topk", "Chosen experts",
         "Topk(" + std::string(r.biased ? "s + b" : "s") + ", " + std::to_string(r.top_k) + ")"},
        choice, r);
    const std::string factor = r.scale == 1 ? "" : number_text(r.scale) + " ";
    const NodeId gates = b.add(
        Op::gate_weights,
        {"router_weights", "g", "Gate weights",
         "g_{i,t} = " + factor + (r.normalise ? R"(\frac{s_{i,t}}{\sum_j s_{j,t}})" : "s_{i,t}")},
        {s, indices}, r);
    const NodeId load =
        b.add(Op::expert_load, {"expert_load", "n", "Tokens per expert", "n_i"}, {indices}, r);
    return {s, indices, gates, load, r};
}

NodeId build_moe(Builder& b, NodeId x, const std::string& weights) {
    const ModelConfig& c = b.config();
    const std::string w = weights + "mlp.";
    b.place.part = Part::ffn;
    const Router router = build_router(b, x, w);
    const NodeId indices = router.indices, gates = router.gates, load = router.load;
    const Attrs& r = router.attrs;
    if (b.losses) build_balance_losses(b, router.scores, indices, r);

    // The experts' work, step by step and fused.
    std::vector<NodeId> gate, up, down, fused{x, indices, gates};
    for (std::int64_t e = 0; e < c.n_routed_experts; ++e) {
        const std::string expert = w + "experts." + std::to_string(e) + ".";
        gate.push_back(b.param(expert + "gate_proj.weight"));
        up.push_back(b.param(expert + "up_proj.weight"));
        down.push_back(b.param(expert + "down_proj.weight"));
        fused.insert(fused.end(), {gate.back(), up.back(), down.back()});
    }
    const auto grouped = [&](const Builder::Label& label, NodeId rows,
                             const std::vector<NodeId>& ws) {
        std::vector<NodeId> inputs{rows, load};
        inputs.insert(inputs.end(), ws.begin(), ws.end());
        return b.add(Op::grouped_linear, label, inputs, r);
    };
    const NodeId slots = b.add(Op::expert_slots,
                               {"expert_slots", "π", "Slots by expert", "sort of (t, k) by expert"},
                               {indices, load}, r);
    const NodeId rows =
        b.add(Op::dispatch, {"expert_in", "u", "Expert inputs", "u_{π}"}, {x, slots}, r);
    const NodeId g = grouped({"expert_gate", "W_1 u", "Expert gates", "W^{(i)}_1 u_t"}, rows, gate);
    const NodeId u = grouped({"expert_up", "W_3 u", "Expert ups", "W^{(i)}_3 u_t"}, rows, up);
    const NodeId h =
        b.add(Op::swiglu,
              {"expert_h", "h", "Expert SwiGLU",
               R"(h = SiLU(W^{(i)}_1 u_t) ⊙ W^{(i)}_3 u_t, SiLU(z) = \frac{z}{1 + e^{−z}})"},
              {g, u});
    const NodeId out = grouped(
        {"expert_out", "FFN^{(r)}_i(u)", "Expert outputs", "FFN^{(r)}_i(u_t) = W^{(i)}_2 h"}, h,
        down);
    const bool alone = c.n_shared_experts == 0;
    const NodeId routed = b.add_composite(Op::combine,
                                          {alone ? "ffn_out" : "routed_out", "Σ g FFN^{(r)}",
                                           "Routed experts", R"(\sum_i g_{i,t} FFN^{(r)}_i(u_t))"},
                                          {out, slots, gates}, Op::experts, fused, r);
    if (alone) return routed;
    const NodeId shared = build_mlp(b, x, w + "shared_experts.", true);
    return b.add(Op::add,
                 {"ffn_out", "FFN(u)", "Routed + shared",
                  R"(\sum FFN^{(s)}(u_t) + \sum_i g_{i,t} FFN^{(r)}_i(u_t))"},
                 {routed, shared});
}

}  // namespace sf
