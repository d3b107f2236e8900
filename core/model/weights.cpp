#include "core/model/weights.h"

#include "core/error.h"
#include "core/random.h"

#include <algorithm>
#include <utility>

namespace sf {

namespace {

// What a process may be asked to allocate for an untrained model.
constexpr std::int64_t max_initial_parameters = std::int64_t{1} << 31;

// Appends specs under a prefix.
class Specs {
public:
    explicit Specs(std::vector<ParameterSpec>& list) : list_(list) {}
    void add(const std::string& name, Shape shape) { list_.push_back({name, shape}); }
    void mlp(const std::string& prefix, std::int64_t dim, std::int64_t width) {
        add(prefix + "gate_proj.weight", {width, dim});
        add(prefix + "up_proj.weight", {width, dim});
        add(prefix + "down_proj.weight", {dim, width});
    }

private:
    std::vector<ParameterSpec>& list_;
};

void add_attention(Specs& specs, const ModelConfig& c, const std::string& prefix) {
    const std::int64_t heads = c.num_attention_heads;
    const std::int64_t q_rows = heads * c.qk_head_dim();
    if (c.q_lora_rank) {
        specs.add(prefix + "q_a_proj.weight", {*c.q_lora_rank, c.hidden_size});
        specs.add(prefix + "q_a_layernorm.weight", {*c.q_lora_rank});
        specs.add(prefix + "q_b_proj.weight", {q_rows, *c.q_lora_rank});
    } else {
        specs.add(prefix + "q_proj.weight", {q_rows, c.hidden_size});
    }
    if (c.mla()) {
        specs.add(prefix + "kv_a_proj_with_mqa.weight",
                  {c.kv_lora_rank + c.qk_rope_head_dim, c.hidden_size});
        specs.add(prefix + "kv_a_layernorm.weight", {c.kv_lora_rank});
        specs.add(prefix + "kv_b_proj.weight",
                  {heads * (c.qk_nope_head_dim + c.v_head_dim), c.kv_lora_rank});
    } else {
        specs.add(prefix + "k_proj.weight",
                  {c.num_key_value_heads * c.qk_head_dim(), c.hidden_size});
        specs.add(prefix + "v_proj.weight", {c.num_key_value_heads * c.v_head_dim, c.hidden_size});
    }
    specs.add(prefix + "o_proj.weight", {c.hidden_size, heads * c.v_head_dim});
}

void add_block(Specs& specs, const ModelConfig& c, std::int64_t layer, const std::string& prefix) {
    specs.add(prefix + "input_layernorm.weight", {c.hidden_size});
    add_attention(specs, c, prefix + "self_attn.");
    specs.add(prefix + "post_attention_layernorm.weight", {c.hidden_size});
    const std::string mlp = prefix + "mlp.";
    if (!c.is_moe(layer)) {
        specs.mlp(mlp, c.hidden_size, c.intermediate_size);
        return;
    }
    specs.add(mlp + "gate.weight", {c.n_routed_experts, c.hidden_size});
    if (c.has_router_bias()) specs.add(mlp + "gate.e_score_correction_bias", {c.n_routed_experts});
    for (std::int64_t j = 0; j < c.n_routed_experts; ++j)
        specs.mlp(mlp + "experts." + std::to_string(j) + ".", c.hidden_size,
                  c.moe_intermediate_size);
    if (c.n_shared_experts > 0)
        specs.mlp(mlp + "shared_experts.", c.hidden_size,
                  c.n_shared_experts * c.moe_intermediate_size);
}

bool is_router_bias(const std::string& name) {
    return name.ends_with(".e_score_correction_bias");
}

}  // namespace

std::vector<ParameterSpec> parameters(const ModelConfig& c) {
    std::vector<ParameterSpec> list;
    Specs specs(list);
    specs.add("model.embed_tokens.weight", {c.vocab_size, c.hidden_size});
    for (std::int64_t i = 0; i < c.num_hidden_layers; ++i)
        add_block(specs, c, i, "model.layers." + std::to_string(i) + ".");
    for (std::int64_t k = 0; k < c.num_nextn_predict_layers; ++k) {
        const std::int64_t layer = c.num_hidden_layers + k;
        const std::string prefix = "model.layers." + std::to_string(layer) + ".";
        if (c.mtp_chain()) {
            specs.add(prefix + "enorm.weight", {c.hidden_size});
            specs.add(prefix + "hnorm.weight", {c.hidden_size});
            specs.add(prefix + "eh_proj.weight", {c.hidden_size, 2 * c.hidden_size});
        }
        add_block(specs, c, layer, prefix);
        specs.add(prefix + "shared_head.norm.weight", {c.hidden_size});
    }
    specs.add("model.norm.weight", {c.hidden_size});
    if (!c.tie_word_embeddings) specs.add("lm_head.weight", {c.vocab_size, c.hidden_size});
    return list;
}

const Tensor& Weights::at(const std::string& name) const {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw ShapeError(name, "is not among the model's weights");
    return *found->second;
}

WeightsPtr initial_weights(const ModelConfig& config, std::uint64_t seed) {
    if (const auto problems = config.problems(); !problems.empty())
        throw UserError("model config: " + problems.front());
    if (const std::int64_t n = cost(config).parameters; n > max_initial_parameters)
        throw UserError("model config: hidden_size: an untrained model of " + std::to_string(n) +
                        " parameters is more than the " + std::to_string(max_initial_parameters) +
                        " that fit into memory");
    auto weights = std::make_shared<Weights>();
    for (const auto& spec : parameters(config)) {
        auto tensor = std::make_shared<Tensor>(spec.shape, DType::real);
        if (spec.shape.rank == 1) {
            const Real value = is_router_bias(spec.name) ? Real{0} : Real{1};
            std::fill(tensor->real.begin(), tensor->real.end(), value);
        } else {
            const std::uint64_t stream = stream_of(spec.name);
            for (std::size_t i = 0; i < tensor->real.size(); ++i) {
                const double x = config.initializer_range * random_normal(seed, stream, i);
                // Rounded to float32 in both builds of the core, so that they hold the same model.
                tensor->real[i] = static_cast<Real>(static_cast<float>(x));
            }
        }
        weights->tensors.emplace(spec.name, std::move(tensor));
    }
    return weights;
}

}  // namespace sf
