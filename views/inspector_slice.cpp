#include "views/inspector_slice.h"

#include "core/graph/op.h"
#include "views/draw/shapes.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace sf::inspector {

namespace {

std::string_view last_word(std::string_view name) {
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

// (batch, heads, queries, ...): the head comes before the token.
bool heads_first(Op op) {
    return op == Op::scores || op == Op::scores_latent || op == Op::causal_softmax ||
           op == Op::online_m || op == Op::online_d || op == Op::online_o;
}

Axis feature_axis(const Node& node) {
    switch (node.op) {
        case Op::gate_scores:
        case Op::add_bias:
            return Axis::expert;
        case Op::group_scores:
            return Axis::group;
        case Op::group_choice:
        case Op::expert_choice:
        case Op::gate_weights:
            return Axis::choice;
        case Op::softmax:
            return Axis::vocabulary;
        default:
            break;
    }
    const auto word = last_word(node.name);
    if (word == "router_logits") return Axis::expert;
    if (word == "logits" || word == "lens") return Axis::vocabulary;
    if (node.op == Op::param && node.name.find("e_score_correction_bias") != std::string::npos)
        return Axis::expert;
    return Axis::feature;
}

Axis param_rows(const Node& node) {
    if (node.name.find("embed_tokens") != std::string::npos ||
        node.name.find("lm_head") != std::string::npos)
        return Axis::vocabulary;
    if (node.name.find("mlp.gate.weight") != std::string::npos) return Axis::expert;
    return Axis::output;
}

// What the columns of one row (of one head) are made of.
std::vector<Segment> parts(const ModelConfig& c, const Node& node) {
    const auto word = last_word(node.name);
    const auto two = [](std::int64_t a, const char* la, Meaning ma, std::int64_t b, const char* lb,
                        Meaning mb) {
        return std::vector<Segment>{{0, a, la, ma, false}, {a, a + b, lb, mb, false}};
    };
    if (word == "q")
        return two(c.qk_nope_head_dim, "q^{C}", Meaning::query, c.qk_rope_head_dim, "q^{R}, raw",
                   Meaning::position);
    if (word == "kv")
        return two(c.qk_nope_head_dim, "k^{C}", Meaning::key, c.v_head_dim, "v^{C}",
                   Meaning::value);
    if (word == "kv_a")
        return two(c.kv_lora_rank, "c^{KV}, raw", Meaning::latent, c.qk_rope_head_dim, "k^{R}, raw",
                   Meaning::position);
    if (word == "k" || word == "k_rotated" || word == "cache_k")
        return two(c.qk_nope_head_dim, "k^{C}", Meaning::key, c.qk_rope_head_dim,
                   word == "k" ? "k^{R}, raw" : "k^{R}", Meaning::position);
    if (word == "concat")
        return two(c.hidden_size, "embedding", Meaning::embedding, c.hidden_size, "previous depth",
                   Meaning::mtp);
    return {};
}

std::string number(std::int64_t i) {
    return std::to_string(i);
}

std::string token_at(const Trace& trace, std::int64_t batch, std::int64_t position) {
    const auto t = position - trace.extent.past;
    const auto i = static_cast<std::size_t>(batch * trace.extent.tokens + t);
    if (t < 0 || t >= trace.extent.tokens || i >= trace.tokens.size()) return "…";
    return token_label(trace.tokens[i]);
}

// The expert and the token of a row that experts work on: "E3 ␣cat".
std::string slot_label(const Trace& trace, const Slice& s, std::int64_t i) {
    const Tensor* slots = trace.find(s.prefix + "expert_slots");
    const Tensor* indices = trace.find(s.prefix + "router_indices");
    if (!slots || !indices || i >= slots->size()) return number(i);
    const std::int64_t slot = slots->ints[static_cast<std::size_t>(i)];
    const std::int64_t k = indices->shape.cols(), tokens = indices->shape[1];
    if (slot < 0 || slot >= indices->size()) return number(i);
    const auto expert = indices->ints[static_cast<std::size_t>(slot)];
    return "E" + number(expert) + " " + token_at(trace, slot / k / tokens, slot / k % tokens);
}

std::string label(const Trace& trace, const Slice& s, Axis axis, std::int64_t i) {
    switch (axis) {
        case Axis::token:
            return token_at(trace, s.batch, s.past + i);
        case Axis::key:
            return token_at(trace, s.batch, i);
        case Axis::expert:
            return "E" + number(i);
        case Axis::group:
            return "G" + number(i);
        case Axis::choice:
            return number(i + 1);
        case Axis::slot:
            return slot_label(trace, s, i);
        case Axis::head_feature:
            return number(s.head_width > 0 ? i % s.head_width : i);
        default:
            return number(i);
    }
}

std::string words(const Trace& trace, const Slice& s, Axis axis, std::int64_t i) {
    const auto quoted = [&](const char* what) {
        return std::string(what) + number(i) + " “" + label(trace, s, axis, i) + "”";
    };
    switch (axis) {
        case Axis::none:
            return "";
        case Axis::token:
            return quoted(s.causal ? "query " : "token ");
        case Axis::key:
            return quoted("key ");
        case Axis::feature:
            return "feature " + number(i);
        case Axis::head_feature:
            return "head " + number(i / std::max<std::int64_t>(1, s.head_width)) + ", feature " +
                   label(trace, s, axis, i);
        case Axis::expert:
            return "expert " + number(i);
        case Axis::group:
            return "group " + number(i);
        case Axis::choice:
            return "choice " + number(i + 1);
        case Axis::vocabulary:
            return "id " + number(i) + " “" + token_label(trace.label(i)) + "”";
        case Axis::output:
            return "output " + number(i);
        case Axis::input:
            return "input " + number(i);
        case Axis::slot:
            return quoted("slot ");
        case Axis::tile:
            return "tile " + number(i);
    }
    return "";
}

void slice_heads_first(const Shape& shape, Slice& s, const Node& node, const Choice& choice) {
    s.heads = shape[1];
    s.head = std::clamp<std::int64_t>(choice.head, 0, std::max<std::int64_t>(0, s.heads - 1));
    s.rows = shape[2];
    s.row_axis = Axis::token;
    const std::int64_t row = shape.size() / std::max<std::int64_t>(1, shape[0] * shape[1] * s.rows);
    s.row_stride = row;
    s.first = (s.batch * s.heads + s.head) * s.rows * row;
    s.cols = shape[3];
    s.col_axis = Axis::tile;
    if (shape.rank == 5) {
        s.tiles = shape[3];
        s.tile = choice.tile < 0 ? s.tiles - 1 : std::min(choice.tile, s.tiles - 1);
        s.first += s.tile * shape[4];
        s.cols = shape[4];
        s.col_axis = Axis::feature;
    } else if (node.op == Op::scores || node.op == Op::scores_latent ||
               node.op == Op::causal_softmax) {
        s.col_axis = Axis::key;
        s.causal = s.square = true;
    }
}

void slice_heads_last(const Trace& trace, const Shape& shape, Slice& s, const Node& node,
                      const Choice& choice) {
    s.heads = shape[2];
    const std::int64_t width = shape[3];
    s.rows = shape[1];
    s.row_axis = Axis::token;
    s.row_stride = s.heads * width;
    s.first = s.batch * s.rows * s.row_stride;
    const auto inside = parts(trace.graph->config, node);
    const Meaning own = meaning_of(*trace.graph, trace.graph->find(node.name));
    if (choice.head >= 0) {
        s.head = std::min(choice.head, s.heads - 1);
        s.first += s.head * width;
        s.cols = width;
        s.col_axis = Axis::feature;
        s.segments = inside;
        return;
    }
    s.head_width = width;
    s.cols = s.heads * width;
    s.col_axis = Axis::head_feature;
    for (std::int64_t h = 0; h < s.heads; ++h) {
        s.segments.push_back({h * width, (h + 1) * width, "head " + number(h), own, true});
        for (Segment part : inside) {
            part.begin += h * width;
            part.end += h * width;
            part.label.clear();
            s.segments.push_back(part);
        }
    }
}

}  // namespace

const char* plural(Axis axis) {
    static constexpr std::array<const char*, 13> names{
        "",        "tokens", "keys",    "features",   "heads × features",
        "experts", "groups", "choices", "vocabulary", "outputs",
        "inputs",  "slots",  "tiles"};
    return names[static_cast<std::size_t>(axis)];
}

std::optional<std::pair<std::int64_t, std::int64_t>> Slice::place(std::int64_t i) const {
    const std::int64_t rest = i - first;
    if (rest < 0) return std::nullopt;
    std::int64_t r = 0, c = rest;
    if (row_stride > 0) {
        r = rest / row_stride;
        c = rest % row_stride;
    }
    if (col_stride > 1) {
        if (c % col_stride != 0) return std::nullopt;
        c /= col_stride;
    }
    if (r >= rows || c >= cols) return std::nullopt;
    return std::pair{r, c};
}

Slice make_slice(const Trace& trace, NodeId id, const Choice& choice) {
    const Node& node = (*trace.graph)[id];
    const Shape shape = trace.shape(id);
    const bool shares =
        node.op == Op::score_share || node.op == Op::top_fraction || node.op == Op::choice_fraction;
    Slice s;
    s.past = trace.extent.past;
    s.prefix = node.name.substr(0, node.name.rfind('.') + 1);
    const bool batched = node.op != Op::param && shape.rank >= 2 && !node.dims.empty() &&
                         node.dims[0].per_batch && node.dims[0].sym == Dim::Sym::one;
    if (batched) {
        s.batches = shape[0];
        s.batch =
            std::clamp<std::int64_t>(choice.batch, 0, std::max<std::int64_t>(0, shape[0] - 1));
    }
    s.cols = shape.cols();
    s.col_axis = feature_axis(node);
    switch (shape.rank) {
        case 0:
            s.cols = 1;
            break;
        case 1:
            if (node.op == Op::expert_load) s.col_axis = Axis::expert;
            if (node.op == Op::expert_slots) s.col_axis = Axis::slot;
            break;
        case 2:
            if (batched) {  // ids
                s.col_axis = Axis::token;
                s.first = s.batch * s.cols;
            } else {
                s.rows = shape[0];
                s.row_stride = s.cols;
                s.row_axis = node.op == Op::param ? param_rows(node) : Axis::slot;
                if (shares) s.row_axis = Axis::none;
                if (node.op == Op::param)
                    s.col_axis = s.row_axis == Axis::output ? Axis::input : Axis::feature;
            }
            break;
        case 3:
            s.rows = shape[1];
            s.row_axis = Axis::token;
            s.row_stride = s.cols;
            s.first = s.batch * s.rows * s.cols;
            s.segments = parts(trace.graph->config, node);
            if (node.op == Op::cache) s.row_axis = Axis::key;
            break;
        default:
            if (heads_first(node.op))
                slice_heads_first(shape, s, node, choice);
            else
                slice_heads_last(trace, shape, s, node, choice);
    }
    if (shares) s.col_axis = Axis::expert;
    return s;
}

Choice choice_of(const Trace& trace, NodeId id, std::int64_t index, Choice otherwise) {
    const Node& node = (*trace.graph)[id];
    const Shape shape = trace.shape(id);
    if (shape.rank < 4 || index < 0 || index >= shape.size()) return otherwise;
    std::array<std::int64_t, Shape::max_rank> at{};
    for (int i = shape.rank - 1; i >= 0; --i) {
        at[static_cast<std::size_t>(i)] = index % shape[i];
        index /= shape[i];
    }
    if (heads_first(node.op)) {
        otherwise.head = at[1];
        if (shape.rank == 5) otherwise.tile = at[3];
    } else if (otherwise.head >= 0) {
        otherwise.head = at[2];
    }
    return otherwise;
}

std::string row_label(const Trace& trace, const Slice& slice, std::int64_t row) {
    return slice.row_axis == Axis::none ? "" : label(trace, slice, slice.row_axis, row);
}

std::string col_label(const Trace& trace, const Slice& slice, std::int64_t col) {
    return label(trace, slice, slice.col_axis, col);
}

std::string cell_words(const Trace& trace, const Slice& slice, std::int64_t row, std::int64_t col) {
    std::string text = words(trace, slice, slice.row_axis, row);
    const bool one_head = slice.head >= 0;
    if (one_head) text += (text.empty() ? "" : ", ") + ("head " + number(slice.head));
    if (slice.tile >= 0) text += ", tile " + number(slice.tile);
    const std::string second = words(trace, slice, slice.col_axis, col);
    return text + (text.empty() || second.empty() ? "" : ", ") + second;
}

std::string coordinates_text(const Shape& shape, std::int64_t index) {
    std::array<std::int64_t, Shape::max_rank> at{};
    for (int i = shape.rank - 1; i >= 0; --i) {
        at[static_cast<std::size_t>(i)] = index % shape[i];
        index /= shape[i];
    }
    std::string text = "[";
    for (int i = 0; i < shape.rank; ++i)
        text += (i > 0 ? ", " : "") + number(at[static_cast<std::size_t>(i)]);
    return text + "]";
}

Meaning meaning_of(const Graph& graph, NodeId id) {
    const Node& node = graph[id];
    if (node.op == Op::param)
        return graph.users(id).empty() ? Meaning::residual : meaning_of(graph, graph.users(id)[0]);
    if (node.part == Part::mtp_input) return Meaning::mtp;
    if (node.part == Part::head || node.part == Part::lens || node.part == Part::mtp_head)
        return Meaning::head;
    if (node.part == Part::embed) return Meaning::embedding;
    if (node.part == Part::attn_norm || node.part == Part::ffn_norm) return Meaning::norm;
    if (node.part == Part::attn_add || node.part == Part::ffn_add) return Meaning::residual;
    const auto word = last_word(node.name);
    const auto is = [&](std::initializer_list<std::string_view> words_of) {
        return std::find(words_of.begin(), words_of.end(), word) != words_of.end();
    };
    if (node.part == Part::attn) {
        if (is({"q_pe", "k_pe", "cache_k_pe"})) return Meaning::position;
        if (is({"kv_a", "kv_latent", "cache_latent", "attn_latent"})) return Meaning::latent;
        if (is({"kv", "k", "k_rotated", "cache_k"})) return Meaning::key;
        if (is({"v", "cache_v", "heads", "online_o", "attn_out"})) return Meaning::value;
        return Meaning::query;
    }
    if (word.starts_with("shared_")) return Meaning::shared_expert;
    if (word.starts_with("router_") || word.starts_with("expert_") || word.starts_with("group_") ||
        word == "routed_out")
        return Meaning::routed_expert;
    return Meaning::residual;
}

std::string short_name(const Node& node) {
    std::string name = node.name;
    if (node.op == Op::param && name.ends_with(".weight")) name.resize(name.size() - 7);
    const auto dot = name.rfind('.');
    if (dot == std::string::npos) return name;
    const std::string word = name.substr(dot + 1);
    const auto experts = name.find(".experts.");
    if (node.op != Op::param || experts == std::string::npos) return word;
    const auto begin = experts + std::string_view(".experts.").size();
    return "E" + name.substr(begin, dot - begin) + " " + word;
}

std::string place_name(const Graph& graph, const Node& node) {
    if (node.op == Op::param || node.layer < 0) return "";
    const auto layers = static_cast<int>(graph.config.num_hidden_layers);
    return node.layer < layers ? "layer " + std::to_string(node.layer)
                               : "MTP " + std::to_string(node.layer - layers + 1);
}

}  // namespace sf::inspector
