#include "core/io/config_json.h"

#include "core/error.h"
#include "core/io/files.h"
#include "core/io/json_text.h"
#include "core/text/one_line.h"
#include "core/text/tokenizer.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace sf {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t max_file_bytes = std::int64_t{1} << 20;

// The fields of one JSON object, each asked for by name and type. Null counts as absent.
class Fields {
public:
    Fields(const Json& object, const std::string& file, std::string prefix = "")
        : object_(object), file_(file), prefix_(std::move(prefix)) {}

    [[noreturn]] void refuse(const std::string& field, const std::string& reason) const {
        throw UserError(file_, prefix_ + field, reason);
    }
    const Json* find(const char* name) const {
        const auto found = object_.find(name);
        return found == object_.end() || found->is_null() ? nullptr : &*found;
    }
    std::optional<std::int64_t> integer(const char* name) const {
        const Json* value = find(name);
        if (!value) return std::nullopt;
        if (!value->is_number_integer())
            refuse(name, "must be a whole number, got " + json_kind(*value));
        if (value->is_number_unsigned() &&
            value->get<std::uint64_t>() >
                static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            refuse(name, "is too large: " + value->dump());
        return value->get<std::int64_t>();
    }
    std::optional<double> number(const char* name) const {
        const Json* value = find(name);
        if (!value) return std::nullopt;
        if (!value->is_number()) refuse(name, "must be a number, got " + json_kind(*value));
        return value->get<double>();
    }
    std::optional<bool> boolean(const char* name) const {
        const Json* value = find(name);
        if (!value) return std::nullopt;
        if (!value->is_boolean()) refuse(name, "must be true or false, got " + json_kind(*value));
        return value->get<bool>();
    }
    std::optional<std::string> string(const char* name) const {
        const Json* value = find(name);
        if (!value) return std::nullopt;
        if (!value->is_string()) refuse(name, "must be a string, got " + json_kind(*value));
        return value->get<std::string>();
    }
    std::int64_t required(const char* name) const {
        const auto value = integer(name);
        if (!value) refuse(name, "is missing");
        return *value;
    }
    // A switch that this program knows in one position only.
    void only(const char* name, bool known) const {
        if (boolean(name).value_or(known) != known)
            refuse(name, std::string("only ") + (known ? "true" : "false") + " is supported");
    }

private:
    const Json& object_;
    const std::string& file_;
    std::string prefix_;
};

// "type" (older files) or "rope_type"; "default" is Hugging Face's word for none.
std::string rope_type(const Fields& f) {
    const auto old_name = f.string("type");
    const auto new_name = f.string("rope_type");
    if (old_name && new_name && *old_name != *new_name)
        f.refuse("rope_type",
                 "contradicts type: " + one_line(*new_name) + " and " + one_line(*old_name));
    if (!old_name && !new_name) f.refuse("type", "is missing");
    const std::string type = new_name ? *new_name : *old_name;
    if (type == "default") return "none";
    if (type != "none" && type != "linear" && type != "ntk" && type != "yarn")
        f.refuse(new_name ? "rope_type" : "type",
                 "must be default, linear, ntk or yarn, got \"" + one_line(type) + "\"");
    return type;
}

RopeScaling read_scaling(const Fields& f) {
    RopeScaling s;
    s.type = rope_type(f);
    if (const auto factor = f.number("factor")) {
        s.factor = *factor;
    } else if (s.type != "none") {
        f.refuse("factor", "is missing");
    }
    if (const auto original = f.integer("original_max_position_embeddings")) {
        s.original_max_position_embeddings = *original;
    } else if (s.type == "yarn") {
        f.refuse("original_max_position_embeddings", "is missing");
    }
    s.beta_fast = f.number("beta_fast").value_or(s.beta_fast);
    s.beta_slow = f.number("beta_slow").value_or(s.beta_slow);
    // The softmax scale takes mscale_all_dim, cos and sin the quotient of both: 1 when equal.
    const auto mscale = f.number("mscale");
    const auto all_dim = f.number("mscale_all_dim");
    if (mscale && all_dim && *mscale != *all_dim)
        f.refuse("mscale_all_dim", "must equal mscale (cos and sin are not scaled), got " +
                                       f.find("mscale_all_dim")->dump() + " and " +
                                       f.find("mscale")->dump());
    s.mscale = mscale ? *mscale : all_dim.value_or(s.mscale);
    if (f.find("attention_factor")) f.refuse("attention_factor", "is not supported");
    f.only("truncate", true);
    return s;
}

void read_rope(const Fields& f, const std::string& file, ModelConfig& c) {
    c.rope_theta = f.number("rope_theta").value_or(c.rope_theta);
    // Newer files call it rope_parameters and put the base inside.
    for (const char* name : {"rope_scaling", "rope_parameters"}) {
        const Json* value = f.find(name);
        if (!value) continue;
        if (!value->is_object())
            f.refuse(name, "must be an object or null, got " + json_kind(*value));
        const Fields inner(*value, file, std::string(name) + ".");
        c.rope_scaling = read_scaling(inner);
        c.rope_theta = inner.number("rope_theta").value_or(c.rope_theta);
    }
    f.only("rope_interleave", true);
}

void read_experts(const Fields& f, ModelConfig& c) {
    const bool v3 = c.model_type == "deepseek_v3";
    c.n_routed_experts = f.integer("n_routed_experts").value_or(0);
    c.n_shared_experts = f.integer("n_shared_experts").value_or(0);
    c.n_group = f.integer("n_group").value_or(1);
    c.topk_group = f.integer("topk_group").value_or(1);
    c.moe_layer_freq = f.integer("moe_layer_freq").value_or(1);
    c.scoring_func = f.string("scoring_func").value_or(v3 ? "sigmoid" : "softmax");
    c.topk_method = f.string("topk_method").value_or(v3 ? "noaux_tc" : "greedy");
    const auto scale = f.number("routed_scaling_factor");
    c.routed_scaling_factor = scale.value_or(1.0);
    if (c.n_routed_experts != 0) {
        c.moe_intermediate_size = f.required("moe_intermediate_size");
        c.num_experts_per_tok = f.required("num_experts_per_tok");
        c.first_k_dense_replace = f.required("first_k_dense_replace");
        if (!scale) f.refuse("routed_scaling_factor", "is missing");
    } else {
        c.moe_intermediate_size =
            f.integer("moe_intermediate_size").value_or(c.moe_intermediate_size);
        c.num_experts_per_tok = f.integer("num_experts_per_tok").value_or(c.num_experts_per_tok);
        c.first_k_dense_replace =
            f.integer("first_k_dense_replace").value_or(c.first_k_dense_replace);
    }
    const auto normalised = f.boolean("norm_topk_prob");
    const bool known_func = c.scoring_func == "sigmoid" || c.scoring_func == "softmax";
    if (normalised && known_func && *normalised != c.norm_topk_prob())
        f.refuse("norm_topk_prob", std::string("contradicts scoring_func ") + c.scoring_func +
                                       ", which means " + (c.norm_topk_prob() ? "true" : "false"));
}

// Values that this program has one answer to.
void check_fixed(const Fields& f, const ModelConfig& c) {
    if (const auto act = f.string("hidden_act"); act && *act != "silu")
        f.refuse("hidden_act", "only silu is supported, got \"" + one_line(*act) + "\"");
    f.only("attention_bias", false);
    f.only("mlp_bias", false);
    if (const auto kv = f.integer("num_key_value_heads");
        c.mla() && kv && *kv != c.num_attention_heads)
        f.refuse(
            "num_key_value_heads",
            "must equal num_attention_heads with attention_kind mla (every head expands its own "
            "key and value), got " +
                std::to_string(*kv) + " and " + std::to_string(c.num_attention_heads));
}

// The fields of a config.json, each sound by itself; problems() is not asked.
ModelConfig read_fields(const Json& json, const std::string& file) {
    if (!json.is_object())
        throw UserError(file, "",
                        "must be an object with the model's fields, got " + json_kind(json));
    const Fields f(json, file);
    ModelConfig c;
    const auto type = f.string("model_type");
    if (!type) f.refuse("model_type", "is missing");
    c.model_type = *type;
    if (*type != "deepseek_v3" && *type != "deepseek_v2")
        f.refuse("model_type",
                 "must be deepseek_v3 or deepseek_v2, got \"" + one_line(*type) + "\"");
    c.vocab_size = f.required("vocab_size");
    c.hidden_size = f.required("hidden_size");
    c.num_hidden_layers = f.required("num_hidden_layers");
    c.num_attention_heads = f.required("num_attention_heads");
    c.qk_nope_head_dim = f.required("qk_nope_head_dim");
    c.qk_rope_head_dim = f.required("qk_rope_head_dim");
    c.v_head_dim = f.required("v_head_dim");
    c.attention_kind = f.string("attention_kind").value_or(c.attention_kind);
    if (c.mla()) {
        c.kv_lora_rank = f.required("kv_lora_rank");
    } else {
        c.kv_lora_rank = f.integer("kv_lora_rank").value_or(c.kv_lora_rank);
        c.num_key_value_heads = f.integer("num_key_value_heads").value_or(c.num_attention_heads);
    }
    c.q_lora_rank = f.integer("q_lora_rank");
    c.intermediate_size = f.required("intermediate_size");
    c.max_position_embeddings = f.required("max_position_embeddings");
    c.num_nextn_predict_layers = f.integer("num_nextn_predict_layers").value_or(0);
    c.mtp_kind = f.string("mtp_kind").value_or(c.mtp_kind);
    c.rms_norm_eps = f.number("rms_norm_eps").value_or(c.rms_norm_eps);
    c.initializer_range = f.number("initializer_range").value_or(c.initializer_range);
    c.tie_word_embeddings = f.boolean("tie_word_embeddings").value_or(false);
    c.bos_token_id = f.integer("bos_token_id").value_or(c.bos_token_id);
    c.eos_token_id = f.integer("eos_token_id").value_or(c.eos_token_id);
    read_experts(f, c);
    read_rope(f, file, c);
    check_fixed(f, c);
    return c;
}

nlohmann::ordered_json scaling_json(const RopeScaling& s) {
    const std::string type = s.type == "none" ? "default" : s.type;
    return {{"type", type},
            {"rope_type", type},
            {"factor", s.factor},
            {"original_max_position_embeddings", s.original_max_position_embeddings},
            {"beta_fast", s.beta_fast},
            {"beta_slow", s.beta_slow},
            {"mscale", s.mscale},
            {"mscale_all_dim", s.mscale}};
}

// A config as the fields that can be set one by one: without what follows from others and what has
// one value only.
Json settable_fields(const ModelConfig& config) {
    Json json = Json::parse(config_json(config));
    for (const char* name : {"architectures", "attention_bias", "hidden_act", "norm_topk_prob",
                             "rope_interleave", "torch_dtype"})
        json.erase(name);
    json["attention_kind"] = config.attention_kind;
    json["mtp_kind"] = config.mtp_kind;
    Json scaling = scaling_json(config.rope_scaling);
    scaling.erase("rope_type");
    scaling.erase("mscale_all_dim");
    json["rope_scaling"] = std::move(scaling);
    return json;
}

template <class Number>
std::optional<Json> number_json(std::string_view text) {
    Number value{};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
    return Json(value);
}

// The text as JSON of the type that the field has now.
Json typed_value(const Json& now, bool optional, std::string_view text, const std::string& field) {
    const auto refuse = [&](const std::string& wanted) {
        return UserError(field, "", "must be " + wanted + ", got \"" + one_line(text) + "\"");
    };
    if (now.is_string()) return Json(to_valid_utf8(text));
    if (now.is_boolean()) {
        if (text != "true" && text != "false") throw refuse("true or false");
        return Json(text == "true");
    }
    if (now.is_number_float()) {
        const auto value = number_json<double>(text);
        if (!value || !std::isfinite(value->get<double>())) throw refuse("a number");
        return *value;
    }
    if (optional && text == "null") return Json();
    const auto value = number_json<std::int64_t>(text);
    if (!value) throw refuse(optional ? "a whole number or null" : "a whole number");
    return *value;
}

}  // namespace

ModelConfig parse_config(std::string_view text, const std::string& file) {
    ModelConfig c = read_fields(parse_json(text, file), file);
    if (const auto problems = c.problems(); !problems.empty())
        throw UserError(file + ": " + problems.front());
    return c;
}

bool set_model_field(ModelConfig& config, std::string_view name, std::string_view value,
                     const std::string& source) {
    Json json = settable_fields(config);
    constexpr std::string_view inner = "rope_scaling.";
    const bool scaling = name.starts_with(inner);
    Json& object = scaling ? json["rope_scaling"] : json;
    const auto field = object.find(std::string(scaling ? name.substr(inner.size()) : name));
    if (field == object.end() || field->is_object()) return false;
    const std::string label = source + " " + std::string(name);
    *field = typed_value(*field, name == "q_lora_rank", value, label);
    if (config.mla()) {
        if (name == "num_key_value_heads" && *field != config.num_attention_heads)
            throw UserError(label, "",
                            "belongs to attention_kind gqa, which must be set before it");
        json.erase("num_key_value_heads");  // as many as heads, whatever their number becomes
    }
    config = read_fields(json, source);
    return true;
}

std::vector<std::string> model_fields() {
    std::vector<std::string> names;
    for (ModelField& field : model_field_values({})) names.push_back(std::move(field.name));
    return names;
}

std::vector<ModelField> model_field_values(const ModelConfig& config) {
    const auto text = [](const Json& value) {
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    const Json json = settable_fields(config);
    std::vector<ModelField> fields;
    for (const auto& [name, value] : json.items()) {
        if (!value.is_object()) {
            fields.push_back({name, text(value)});
            continue;
        }
        for (const auto& [inner, of_inner] : value.items())
            fields.push_back({name + "." + inner, text(of_inner)});
    }
    return fields;
}

ModelConfig read_config(const std::filesystem::path& file) {
    return parse_config(read_file(file, max_file_bytes), file.string());
}

std::string config_json(const ModelConfig& c) {
    nlohmann::ordered_json json;
    json["architectures"] = {c.model_type == "deepseek_v2" ? "DeepseekV2ForCausalLM"
                                                           : "DeepseekV3ForCausalLM"};
    json["model_type"] = c.model_type;
    json["attention_bias"] = false;
    if (!c.mla()) json["attention_kind"] = c.attention_kind;
    json["bos_token_id"] = c.bos_token_id;
    json["eos_token_id"] = c.eos_token_id;
    json["first_k_dense_replace"] = c.first_k_dense_replace;
    json["hidden_act"] = "silu";
    json["hidden_size"] = c.hidden_size;
    json["initializer_range"] = c.initializer_range;
    json["intermediate_size"] = c.intermediate_size;
    json["kv_lora_rank"] = c.kv_lora_rank;
    json["max_position_embeddings"] = c.max_position_embeddings;
    json["moe_intermediate_size"] = c.moe_intermediate_size;
    json["moe_layer_freq"] = c.moe_layer_freq;
    if (!c.mtp_chain()) json["mtp_kind"] = c.mtp_kind;
    json["n_group"] = c.n_group;
    json["n_routed_experts"] = c.n_routed_experts;
    json["n_shared_experts"] = c.n_shared_experts;
    json["norm_topk_prob"] = c.norm_topk_prob();
    json["num_attention_heads"] = c.num_attention_heads;
    json["num_experts_per_tok"] = c.num_experts_per_tok;
    json["num_hidden_layers"] = c.num_hidden_layers;
    json["num_key_value_heads"] = c.mla() ? c.num_attention_heads : c.num_key_value_heads;
    json["num_nextn_predict_layers"] = c.num_nextn_predict_layers;
    json["q_lora_rank"] = nullptr;
    if (c.q_lora_rank) json["q_lora_rank"] = *c.q_lora_rank;
    json["qk_nope_head_dim"] = c.qk_nope_head_dim;
    json["qk_rope_head_dim"] = c.qk_rope_head_dim;
    json["rms_norm_eps"] = c.rms_norm_eps;
    json["rope_interleave"] = true;
    json["rope_scaling"] = nullptr;
    if (c.rope_scaling != RopeScaling{}) json["rope_scaling"] = scaling_json(c.rope_scaling);
    json["rope_theta"] = c.rope_theta;
    json["routed_scaling_factor"] = c.routed_scaling_factor;
    json["scoring_func"] = c.scoring_func;
    json["tie_word_embeddings"] = c.tie_word_embeddings;
    json["topk_group"] = c.topk_group;
    json["topk_method"] = c.topk_method;
    json["torch_dtype"] = "float32";
    json["v_head_dim"] = c.v_head_dim;
    json["vocab_size"] = c.vocab_size;
    return json.dump(2) + "\n";
}

}  // namespace sf
