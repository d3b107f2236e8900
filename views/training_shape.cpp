#include "views/training_shape.h"

#include "views/draw/number.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sf::training {

namespace {

constexpr double cache_bytes_each = 4;  // the program's cache holds 32-bit numbers
constexpr std::int64_t most_context = 131072;

const ModelConfig& config_of(const Frame& frame) {
    static const ModelConfig none;
    if (frame.trace != nullptr) return frame.trace->graph->config;
    return frame.history != nullptr ? frame.history->config() : none;
}

std::string count_text(double v) {
    return v < 1e5 ? format_count(std::llround(v)) : format_short(v);
}
std::string bytes_text(double v) {
    return format_bytes(std::llround(v));
}
std::string short_text(double v) {
    return v < 1000 ? format_number(v, 3) : format_short(v);
}

CostParts without_mtp(CostParts p) {
    p.mtp = 0;
    return p;
}

// In the order in which they are drawn; parts that neither shape has are left out.
std::vector<CostPart> parts_of(const Theme& t, const CostParts& a, const CostParts& b) {
    struct Kind {
        const char* name;
        Meaning meaning;
        double CostParts::*part;
    };
    static constexpr std::array kinds{
        Kind{"embedding and head", Meaning::embedding, &CostParts::vocabulary},
        Kind{"attention", Meaning::query, &CostParts::attention},
        Kind{"scores and values of the context", Meaning::value, &CostParts::context},
        Kind{"always on: dense, shared", Meaning::shared_expert, &CostParts::always_on},
        Kind{"routed experts", Meaning::routed_expert, &CostParts::routed},
        Kind{"norms", Meaning::norm, &CostParts::norms},
        Kind{"MTP", Meaning::mtp, &CostParts::mtp}};
    std::vector<CostPart> parts;
    for (const Kind& k : kinds)
        if (a.*k.part > 0 || b.*k.part > 0)
            parts.push_back(
                {k.name, t.meaning(k.meaning), hatch_of(k.meaning), a.*k.part, b.*k.part});
    return parts;
}

std::vector<CostPart> cache_parts(const Theme& t, const Proposal& s, double tokens) {
    const bool mla = s.present.mla(), after_mla = s.proposed.mla();
    const auto bytes = [&](const ModelConfig& c, std::size_t part) {
        return static_cast<double>(c.num_hidden_layers * cache_widths(c)[part]) * tokens *
               cache_bytes_each;
    };
    const ModelConfig& after = s.problems.empty() ? s.proposed : s.present;
    std::vector<CostPart> parts;
    const auto add = [&](const char* name, Meaning m, bool of_mla, std::size_t i) {
        const double x = mla == of_mla ? bytes(s.present, i) : 0;
        const double y = (s.problems.empty() ? after_mla : mla) == of_mla ? bytes(after, i) : 0;
        if (x > 0 || y > 0) parts.push_back({name, t.meaning(m), Hatch::diagonal, x, y});
    };
    add("latent", Meaning::latent, true, 0);
    add("rope key", Meaning::position, true, 1);
    add("keys", Meaning::key, false, 0);
    add("values", Meaning::value, false, 1);
    return parts;
}

CostRow spent(const std::string& title, const std::string& help, std::string (*text)(double),
              std::vector<CostPart> parts) {
    CostRow row{title, help, 0, 0, text, std::move(parts)};
    for (const CostPart& p : row.parts) {
        row.before += p.before;
        row.after += p.after;
    }
    return row;
}

}  // namespace

const std::vector<ShapeField>& shape_fields() {
    using C = ModelConfig;
    static const std::vector<ShapeField> all{
        {"num_hidden_layers", "layers", &C::num_hidden_layers, 1, 12, "Layers of the main model."},
        {"hidden_size", "hidden size", &C::hidden_size, 8, 256, "Width of the residual stream, d."},
        {"num_attention_heads", "heads", &C::num_attention_heads, 1, 16, "Attention heads."},
        {"kv_lora_rank", "latent rank", &C::kv_lora_rank, 1, 128,
         "Width of the latent that is cached, d_c (attention kind mla)."},
        {"num_key_value_heads", "key-value heads", &C::num_key_value_heads, 1, 16,
         "Groups of heads with keys and values of their own (attention kind gqa)."},
        {"qk_rope_head_dim", "rope width", &C::qk_rope_head_dim, 2, 64,
         "Columns of a key that turn with its position, an even number."},
        {"n_routed_experts", "experts", &C::n_routed_experts, 0, 64,
         "Routed experts of a layer; 0: all layers are dense."},
        {"num_experts_per_tok", "top-k", &C::num_experts_per_tok, 1, 16,
         "Experts that work on a token."},
        {"n_group", "groups", &C::n_group, 1, 16, "Groups of experts, the nodes they lie on."},
        {"topk_group", "kept groups", &C::topk_group, 1, 16, "Groups that a token may reach."},
        {"moe_intermediate_size", "expert width", &C::moe_intermediate_size, 1, 256,
         "Hidden width of one expert."},
        {"num_nextn_predict_layers", "MTP modules", &C::num_nextn_predict_layers, 0, 4,
         "Modules that predict further tokens."}};
    return all;
}

std::vector<Parameter> shape_parameters(const Frame& frame) {
    using T = Parameter::Type;
    const ModelConfig& c = config_of(frame);
    std::vector<Parameter> all;
    for (const ShapeField& f : shape_fields()) {
        const std::int64_t own = c.*f.member;
        const std::int64_t high = own <= f.high ? f.high : 2 * own;
        all.push_back({f.name,
                       T::integer,
                       static_cast<double>(std::min(f.low, own)),
                       static_cast<double>(high),
                       {},
                       static_cast<double>(own),
                       f.help});
    }
    all.push_back({"attention_kind",
                   T::choice,
                   0,
                   0,
                   {"mla", "gqa"},
                   c.attention_kind,
                   "Keys and values out of one latent (mla), or of groups of heads (gqa; as many "
                   "groups as heads: multi-head)."});
    const double own_context = static_cast<double>(c.max_position_embeddings);
    all.push_back({"flops_context",
                   T::integer,
                   1,
                   std::max(own_context, static_cast<double>(most_context)),
                   {},
                   own_context,
                   "Tokens in the context at which FLOPs are counted."});
    all.back().log = true;
    all.push_back({"rebuild",
                   T::toggle,
                   0,
                   1,
                   {},
                   false,
                   "Builds what the sliders say at once, untrained; a run that has taken steps is "
                   "left alone."});
    return all;
}

bool has_shape(const Frame& frame) {
    return frame.trace != nullptr || frame.history != nullptr;
}

std::string Proposal::command() const {
    std::string line = "train-shape";
    for (const auto& [name, value] : changes) line += " " + name + "=" + value;
    return line;
}

Proposal make_shape(const Frame& frame, const View& view) {
    Proposal s;
    s.present = s.proposed = config_of(frame);
    for (const ShapeField& f : shape_fields()) {
        std::int64_t value = std::llround(setting_number(frame, view, f.name));
        if (f.member == &ModelConfig::qk_rope_head_dim)
            value = std::max<std::int64_t>(2, value / 2 * 2);
        if (value == s.present.*f.member) continue;
        s.proposed.*f.member = value;
        s.changes.emplace_back(f.name, std::to_string(value));
    }
    const std::string kind = setting_text(frame, view, "attention_kind");
    if (kind != s.present.attention_kind) {
        s.proposed.attention_kind = kind;
        s.changes.emplace_back("attention_kind", kind);
    }
    s.context = setting_number(frame, view, "flops_context");
    s.rebuild = setting_bool(frame, view, "rebuild");
    s.problems = s.proposed.problems();
    s.before = shape_cost(s.present, s.context);
    s.after = s.problems.empty() ? shape_cost(s.proposed, s.context) : s.before;
    s.too_large = s.after.size.parameters > most_trained_parameters;
    return s;
}

std::vector<CostRow> cost_rows(const Theme& t, const Proposal& s) {
    const ShapeCost &a = s.before, &b = s.after;
    const auto room = static_cast<double>(s.present.max_position_embeddings);
    const std::string full = format_count(s.present.max_position_embeddings) + " tokens";
    const std::string context = "in a context of " + format_count(std::llround(s.context));
    std::vector<CostRow> rows{
        spent("parameters", "", count_text, parts_of(t, a.parameters, b.parameters)),
        spent("active parameters", "touched by a token", count_text,
              parts_of(t, a.active, b.active)),
        spent("FLOPs of a token, forward", context, short_text,
              parts_of(t, without_mtp(a.flops), without_mtp(b.flops))),
        spent("cache of a token", "32-bit numbers", bytes_text, cache_parts(t, s, 1)),
        spent("cache of a full context", full, bytes_text, cache_parts(t, s, room))};
    const auto one = [&](const char* title, const char* help, Meaning meaning, double before,
                         double after) {
        if (before > 0 || after > 0)
            rows.push_back(spent(title, help, short_text,
                                 {{"", t.meaning(meaning), hatch_of(meaning), before, after}}));
    };
    one("FLOPs of its MTP modules", "while it is trained", Meaning::mtp, a.flops.mtp, b.flops.mtp);
    one("groups (nodes) that a token reaches", "of a layer, expected when balanced",
        Meaning::routed_expert, a.nodes, b.nodes);
    one("numbers sent between nodes for a token", "all layers, there and back",
        Meaning::routed_expert, a.sent, b.sent);
    return rows;
}

std::string difference_text(const CostRow& r) {
    const double d = r.after - r.before;
    if (d == 0) return "the same";
    const std::string sign = d > 0 ? "+" : "−";
    std::string text = sign + r.text(std::abs(d));
    if (r.before > 0) {
        const double part = d / r.before;
        text += part >= 9.995 ? "  ×" + format_number(r.after / r.before, 3)
                              : "  " + sign + format_percent(std::abs(part));
    }
    return text;
}

std::string shape_headline(const Theme& t, const Proposal& s) {
    if (!s.problems.empty()) return "This shape cannot be: " + s.problems.front();
    const std::vector<CostRow> rows = cost_rows(t, s);
    if (s.changes.empty())
        return count_text(rows[0].before) + " parameters, " + count_text(rows[1].before) +
               " at work on a token: drag another shape";
    const auto part = [](const CostRow& r) {
        if (r.after == r.before) return std::string("the same");
        const double by = r.before > 0 ? r.after / r.before - 1 : 0;
        return (by > 0 ? "+" : "−") + format_percent(std::abs(by));
    };
    return "Another shape: parameters " + part(rows[0]) + ", FLOPs of a token " + part(rows[2]) +
           ", cache of a token " + part(rows[3]);
}

std::string shape_description(const Theme& t, const Proposal& s) {
    std::string text = shape_headline(t, s) + ".";
    if (!s.problems.empty()) return text;
    for (const CostRow& r : cost_rows(t, s))
        text += " " + r.title + (r.help.empty() ? "" : " (" + r.help + ")") + ": " +
                r.text(r.before) +
                (s.changes.empty() ? "" : " now, " + r.text(r.after) + " proposed") + ".";
    return text;
}

}  // namespace sf::training
