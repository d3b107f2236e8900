#include "core/error.h"
#include "core/model/builder.h"
#include "core/model/model.h"

namespace sf {

NodeId build_block(Builder& b, NodeId x, const std::string& weights, bool moe) {
    const std::int64_t width = b.config().hidden_size;
    b.place.part = Part::attn_norm;
    const NodeId h = b.rms_norm({"attn_in", "h", "Attention input",
                                 R"(h_t = RMSNorm(x_t) = \frac{x_t}{\sqrt{mean(x_t^2) + ε}} ⊙ γ)"},
                                x, weights + "input_layernorm.weight", 0, width);
    const NodeId attn = b.config().mla() ? build_mla(b, h, weights) : build_gqa(b, h, weights);
    b.place.part = Part::attn_add;
    const NodeId middle =
        b.add(Op::add, {"attn_residual", "x'", "Residual after attention", "x'_t = x_t + u_t"},
              {x, attn});
    b.place.part = Part::ffn_norm;
    const NodeId u =
        b.rms_norm({"ffn_in", "u", "Feed-forward input",
                    R"(u_t = RMSNorm(x'_t) = \frac{x'_t}{\sqrt{mean(x'_t^2) + ε}} ⊙ γ)"},
                   middle, weights + "post_attention_layernorm.weight", 0, width);
    const NodeId ffn = moe ? build_moe(b, u, weights) : build_mlp(b, u, weights + "mlp.", false);
    b.place.part = Part::ffn_add;
    return b.add(Op::add, {"hidden", "x", "Residual after the layer", "x_t = x'_t + FFN(u_t)"},
                 {middle, ffn});
}

namespace {

void enter_mtp(Builder& b, std::int64_t k) {
    const auto layer = b.config().num_hidden_layers + k - 1;
    b.place = {"mtp." + std::to_string(k) + ".", static_cast<int>(layer), Part::mtp_input};
}

struct MtpModule {
    NodeId hidden = no_node, logits = no_node;
};

std::string mtp_weights(const Builder& b, std::int64_t k) {
    return "model.layers." + std::to_string(b.config().num_hidden_layers + k - 1) + ".";
}

// What a module makes of its input: a layer of its own, then the main model's head.
MtpModule build_mtp_layer(Builder& b, NodeId x, std::int64_t k) {
    const ModelConfig& c = b.config();
    const std::string w = mtp_weights(b, k), depth = std::to_string(k);
    const NodeId out = build_block(b, x, w, c.is_moe(c.num_hidden_layers + k - 1));
    b.place.part = Part::mtp_head;
    const NodeId norm =
        b.rms_norm({"norm", "RMSNorm(h)", "Module norm", "RMSNorm(h^{" + depth + "}_i)"}, out,
                   w + "shared_head.norm.weight", 0, c.hidden_size);
    const std::string head = c.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
    const NodeId logits = b.linear(
        {"logits", "ℓ^{" + depth + "}", "Logits, shared head", "OutHead(h^{" + depth + "}_i)"},
        norm, head);
    b.add(Op::softmax,
          {"probs", "P^{" + depth + "}", "Prediction",
           "P^{" + depth + "}_{i+" + depth + "+1} = Softmax(OutHead(h^{" + depth + "}_i))"},
          {logits});
    return {out, logits};
}

// Of the chain. `previous`: hidden states of depth k-1, `ahead`: the tokens k places on, position
// by position.
NodeId build_mtp_input(Builder& b, NodeId previous, NodeId ahead, std::int64_t k) {
    const std::int64_t width = b.config().hidden_size;
    const std::string w = mtp_weights(b, k);
    const std::string depth = std::to_string(k), before = std::to_string(k - 1);
    const NodeId embedded =
        b.add(Op::embedding, {"embed", "Emb(t)", "Embedding, shared", "Emb(t_{i+" + depth + "})"},
              {ahead, b.param("model.embed_tokens.weight")});
    const NodeId enorm = b.rms_norm(
        {"enorm", "RMSNorm(Emb)", "Embedding, normed", "RMSNorm(Emb(t_{i+" + depth + "}))"},
        embedded, w + "enorm.weight", 0, width);
    const NodeId hnorm = b.rms_norm(
        {"hnorm", "RMSNorm(h)", "Previous depth, normed", "RMSNorm(h^{" + before + "}_i)"},
        previous, w + "hnorm.weight", 0, width);
    const NodeId both =
        b.add(Op::concat,
              {"concat", "[e; h]", "Side by side", "[RMSNorm(Emb); RMSNorm(h^{" + before + "}_i)]"},
              {enorm, hnorm});
    return b.linear({"input", "h'^{" + depth + "}", "Module input",
                     "h'^{" + depth + "}_i = M_" + depth + " [RMSNorm(Emb); RMSNorm(h)]"},
                    both, w + "eh_proj.weight");
}

}  // namespace

NodeId build_mtp(Builder& b, NodeId previous, NodeId ids, std::int64_t k) {
    enter_mtp(b, k);
    // Position i joins its hidden state of depth k-1 with the embedding of the token k places on.
    Attrs by_k, by_one;
    by_k.shift = k;
    by_one.shift = 1;
    const std::string depth = std::to_string(k), before = std::to_string(k - 1);
    const NodeId ahead =
        b.add(Op::shift_ids, {"ids", "t_{i+" + depth + "}", "Tokens ahead", "t_{i+" + depth + "}"},
              {ids}, by_k);
    const NodeId h = b.add(Op::take_rows,
                           {"previous", "h^{" + before + "}", "Previous depth",
                            "h^{" + before + "}_{1:T−" + depth + "}"},
                           {previous}, by_one);
    const MtpModule module = build_mtp_layer(b, build_mtp_input(b, h, ahead, k), k);
    if (b.losses) build_token_loss(b, module.logits, ids, k + 1);
    return module.hidden;
}

void build_parallel_mtp(Builder& b, NodeId h, NodeId ids, std::int64_t k) {
    enter_mtp(b, k);
    const MtpModule module = build_mtp_layer(b, h, k);
    if (b.losses) build_token_loss(b, module.logits, ids, k + 1);
}

namespace {

// The graph's input, a node without inputs: its shape is given here.
NodeId add_ids(Builder& b) {
    Node given;
    given.op = Op::ids;
    given.name = "ids";
    given.symbol = "t";
    given.title = "Tokens";
    given.formula = "t_1 … t_T";
    given.dtype = DType::i64;
    given.part = Part::embed;
    Dim batch, tokens;
    batch.per_batch = true;
    tokens.sym = Dim::Sym::tokens;
    given.dims = {batch, tokens};
    return b.graph().add(given);
}

std::shared_ptr<const Graph> build(const ModelConfig& config, AttentionMode attention,
                                   bool losses) {
    const auto problems = config.problems();
    if (!problems.empty()) throw UserError("config: " + problems.front());
    Builder b(config, attention);
    b.losses = losses;
    const std::string head =
        config.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";

    const NodeId ids = add_ids(b);
    b.place = {"", -1, Part::embed};
    NodeId x = b.add(Op::embedding, {"embed", "x^{0}", "Embedding", "x_t = Emb(t_t)"},
                     {ids, b.param("model.embed_tokens.weight")});
    for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
        const std::string n = std::to_string(i);
        b.place = {"layers." + n + ".", static_cast<int>(i), Part::attn};
        x = build_block(b, x, "model.layers." + n + ".", config.is_moe(i));
        // What the head would say after this layer (nostalgebraist's logit lens).
        b.place.part = Part::lens;
        const NodeId norm = b.rms_norm({"lens_norm", "RMSNorm(x)", "Lens norm", "RMSNorm(x_t)"}, x,
                                       "model.norm.weight", 0, config.hidden_size);
        const NodeId lens =
            b.linear({"lens", "ℓ", "Logit lens", "OutHead(RMSNorm(x_t))"}, norm, head);
        b.add(Op::softmax,
              {"lens_probs", "P", "Prediction after this layer", "Softmax(OutHead(RMSNorm(x_t)))"},
              {lens});
    }
    b.place = {"", -1, Part::head};
    const NodeId norm =
        b.rms_norm({"final_norm", "h", "Final norm",
                    R"(h_t = RMSNorm(x_t) = \frac{x_t}{\sqrt{mean(x_t^2) + ε}} ⊙ γ)"},
                   x, "model.norm.weight", 0, config.hidden_size);
    const NodeId logits = b.linear({"logits", "ℓ", "Logits", "ℓ_t = OutHead(h_t)"}, norm, head);
    b.add(Op::softmax, {"probs", "P", "Next-token prediction", "P_{t+1} = Softmax(ℓ_t)"}, {logits});
    b.graph().set_logits(logits);
    if (losses) build_token_loss(b, logits, ids, 1);
    NodeId previous = norm;
    for (std::int64_t k = 1; k <= config.num_nextn_predict_layers; ++k)
        if (config.mtp_chain())
            previous = build_mtp(b, previous, ids, k);
        else
            build_parallel_mtp(b, norm, ids, k);
    return b.finish();
}

}  // namespace

std::shared_ptr<const Graph> build_draft_graph(const ModelConfig& config, std::int64_t k,
                                               AttentionMode attention) {
    Builder b(config, attention);
    const NodeId ahead = add_ids(b);
    enter_mtp(b, k);
    Node given;
    given.op = Op::state;
    given.name = b.place.prefix + "previous";
    given.dims = b.graph()[ahead].dims;
    Dim width;
    width.scale = config.hidden_size;
    given.dims.push_back(width);
    NodeId x = b.graph().add(given);
    if (config.mtp_chain()) x = build_mtp_input(b, x, ahead, k);
    b.graph().set_logits(build_mtp_layer(b, x, k).logits);
    return b.finish();
}

std::shared_ptr<const Graph> build_graph(const ModelConfig& config, AttentionMode attention) {
    return build(config, attention, false);
}
std::shared_ptr<const Graph> build_training_graph(const ModelConfig& config,
                                                  AttentionMode attention) {
    return build(config, attention, true);
}

}  // namespace sf
