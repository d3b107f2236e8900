#include "views/map_model.h"

#include <algorithm>
#include <string_view>

namespace sf {

namespace {

struct Row {
    std::string_view suffix;  // of the node's name, below its layer
    const char* block;
    Meaning meaning;
    const char* brief = nullptr;  // null: the same
};

// Which operations share a box. A node that is not here gets a box of its own.
constexpr Row attention_rows[] = {
    {"attn_in", "Norm", Meaning::norm},
    {"q_a", "Queries", Meaning::query},
    {"q_latent", "Queries", Meaning::query},
    {"q", "Queries", Meaning::query},
    {"q_absorbed", "Queries", Meaning::query},
    {"q_pe", "RoPE query", Meaning::position, "RoPE q"},
    {"kv_a", "Latent KV", Meaning::latent, "Latent"},
    {"kv_latent", "Latent KV", Meaning::latent},
    {"cache_latent", "Latent KV", Meaning::latent},
    {"k_pe", "RoPE key", Meaning::position, "RoPE k"},
    {"cache_k_pe", "RoPE key", Meaning::position},
    {"kv", "Keys, values", Meaning::key, "K, V"},
    {"k", "Keys", Meaning::key},
    {"k_rotated", "Keys", Meaning::key},
    {"cache_k", "Keys", Meaning::key},
    {"v", "Values", Meaning::value},
    {"cache_v", "Values", Meaning::value},
    {"scores", "Scores", Meaning::query},
    {"attn_probs", "Softmax", Meaning::query, "Attn"},
    {"online_m", "Softmax", Meaning::query, "Attn"},
    {"online_d", "Softmax", Meaning::query, "Attn"},
    {"online_o", "Softmax", Meaning::query, "Attn"},
    {"attn_latent", "Heads", Meaning::value},
    {"heads", "Heads", Meaning::value},
    {"attn_out", "Output", Meaning::residual},
};
constexpr Row ffn_rows[] = {
    {"ffn_in", "Norm", Meaning::norm},
    {"gate", "Gate", Meaning::residual},
    {"up", "Up", Meaning::residual},
    {"h", "SwiGLU", Meaning::residual},
    {"ffn_out", "Output", Meaning::residual},
    {"router_logits", "Router", Meaning::routed_expert},
    {"router_scores", "Router", Meaning::routed_expert},
    {"router_biased", "Router", Meaning::routed_expert},
    {"group_scores", "Groups", Meaning::routed_expert},
    {"router_groups", "Groups", Meaning::routed_expert},
    {"router_indices", "Choice", Meaning::routed_expert},
    {"router_weights", "Choice", Meaning::routed_expert},
    {"expert_load", "Load", Meaning::routed_expert},
    {"expert_slots", "Load", Meaning::routed_expert},
    {"expert_in", "Experts", Meaning::routed_expert},
    {"expert_gate", "Experts", Meaning::routed_expert},
    {"expert_up", "Experts", Meaning::routed_expert},
    {"expert_h", "Experts", Meaning::routed_expert},
    {"expert_out", "Experts", Meaning::routed_expert},
    {"routed_out", "Experts", Meaning::routed_expert},
    {"balance_p", "Balance", Meaning::routed_expert},
    {"balance_f", "Balance", Meaning::routed_expert},
    {"balance_loss", "Balance", Meaning::routed_expert},
    {"aux_f", "Balance", Meaning::routed_expert},
    {"aux_loss", "Balance", Meaning::routed_expert},
    {"shared_gate", "Shared expert", Meaning::shared_expert, "Shared"},
    {"shared_up", "Shared expert", Meaning::shared_expert},
    {"shared_h", "Shared expert", Meaning::shared_expert},
    {"shared_out", "Shared expert", Meaning::shared_expert},
};
constexpr Row input_rows[] = {
    {"ids", "Tokens", Meaning::embedding},
    {"embed", "Embedding", Meaning::embedding, "Embed"},
};
constexpr Row head_rows[] = {
    {"final_norm", "Final norm", Meaning::norm, "Norm"},
    {"logits", "Head", Meaning::head, "Head"},
    {"probs", "Next token", Meaning::head, "Next"},
    {"nll", "Loss", Meaning::head},
    {"loss", "Loss", Meaning::head},
};
constexpr Row mtp_input_rows[] = {
    {"ids", "Tokens ahead", Meaning::mtp},
    {"embed", "Embedding, shared", Meaning::embedding, "Embed"},
    {"enorm", "Embedding, shared", Meaning::embedding},
    {"previous", "Previous depth", Meaning::mtp},
    {"hnorm", "Previous depth", Meaning::mtp},
    {"concat", "Joined", Meaning::mtp},
    {"input", "Joined", Meaning::mtp},
};
constexpr Row mtp_head_rows[] = {
    {"norm", "Module norm", Meaning::norm}, {"logits", "Head, shared", Meaning::head, "Head"},
    {"probs", "Prediction", Meaning::mtp},  {"nll", "Loss", Meaning::mtp},
    {"loss", "Loss", Meaning::mtp},
};

template <std::size_t n>
const Row* look_up(const Row (&rows)[n], std::string_view suffix) {
    for (const Row& row : rows)
        if (row.suffix == suffix) return &row;
    return nullptr;
}

const Row* row_of(MapBand::Kind kind, std::string_view suffix) {
    switch (kind) {
        case MapBand::Kind::input:
            return look_up(input_rows, suffix);
        case MapBand::Kind::attention:
            return look_up(attention_rows, suffix);
        case MapBand::Kind::ffn:
            return look_up(ffn_rows, suffix);
        case MapBand::Kind::head:
            return look_up(head_rows, suffix);
        case MapBand::Kind::mtp_input:
            return look_up(mtp_input_rows, suffix);
        case MapBand::Kind::mtp_head:
            return look_up(mtp_head_rows, suffix);
    }
    return nullptr;
}

bool kind_of(const Node& node, int layers, MapBand::Kind& kind) {
    switch (node.part) {
        case Part::embed:
            kind = MapBand::Kind::input;
            return true;
        case Part::attn_norm:
        case Part::attn:
        case Part::attn_add:
            kind = MapBand::Kind::attention;
            return true;
        case Part::ffn_norm:
        case Part::ffn:
        case Part::ffn_add:
            kind = MapBand::Kind::ffn;
            return true;
        case Part::head:
            kind = MapBand::Kind::head;
            return true;
        case Part::mtp_input:
            kind = MapBand::Kind::mtp_input;
            return true;
        case Part::mtp_head:
            kind = MapBand::Kind::mtp_head;
            return true;
        case Part::loss:  // of predictions, and what balances the experts
            kind = node.op != Op::cross_entropy && node.op != Op::mean ? MapBand::Kind::ffn
                   : node.layer < layers                               ? MapBand::Kind::head
                                                                       : MapBand::Kind::mtp_head;
            return true;
        case Part::lens:
        case Part::weight:
            return false;
    }
    return false;
}

void put(MapBand& band, const Graph& graph, NodeId id) {
    const Node& node = graph[id];
    const std::string_view name = node.name;
    const std::string_view suffix = name.substr(name.rfind('.') + 1);
    const Row* row = row_of(band.kind, suffix);
    std::string title = row ? row->block : node.title;
    if (node.op == Op::expert_load) band.experts = true;
    if (band.kind == MapBand::Kind::ffn && band.experts && suffix == "ffn_out") title = "Sum";
    if (title == "Shared expert" && graph.config.n_shared_experts > 1) title = "Shared experts";
    if (graph.config.num_nextn_predict_layers > 0 && (title == "Head" || title == "Embedding"))
        title += ", shared";
    for (MapBlock& block : band.blocks)
        if (block.title == title) {
            block.nodes.push_back(id);
            return;
        }
    const std::string brief = row && row->brief ? row->brief : title;
    band.blocks.push_back({title, brief, row ? row->meaning : Meaning::residual, {id}, 0});
}

// Edges between boxes, and columns: as early as the inputs allow, then as late as the users do.
void connect(MapBand& band, const Graph& graph) {
    for (std::size_t to = 0; to < band.blocks.size(); ++to)
        for (const NodeId id : band.blocks[to].nodes)
            for (const NodeId input : graph[id].inputs) {
                const int from = band.find(input);
                if (from < 0 || from == static_cast<int>(to)) continue;
                const auto same = [&](const MapBand::Edge& e) {
                    return e.from == from && e.to == static_cast<int>(to);
                };
                if (std::none_of(band.edges.begin(), band.edges.end(), same))
                    band.edges.push_back({from, static_cast<int>(to)});
            }
    const auto column = [&](int b) -> int& {
        return band.blocks[static_cast<std::size_t>(b)].column;
    };
    for (std::size_t pass = 0; pass < band.blocks.size(); ++pass)
        for (const auto& e : band.edges) column(e.to) = std::max(column(e.to), column(e.from) + 1);
    for (const MapBlock& b : band.blocks) band.columns = std::max(band.columns, b.column + 1);
    for (std::size_t pass = 0; pass < band.blocks.size(); ++pass)
        for (int b = 0; b < static_cast<int>(band.blocks.size()); ++b) {
            int latest = band.columns;
            for (const auto& e : band.edges)
                if (e.from == b) latest = std::min(latest, column(e.to));
            if (latest < band.columns) column(b) = latest - 1;
        }
}

}  // namespace

int MapBand::find(NodeId id) const {
    for (std::size_t i = 0; i < blocks.size(); ++i)
        if (std::find(blocks[i].nodes.begin(), blocks[i].nodes.end(), id) != blocks[i].nodes.end())
            return static_cast<int>(i);
    return -1;
}

MapModel::MapModel(const Graph& graph) {
    layers = static_cast<int>(graph.config.num_hidden_layers);
    modules = static_cast<int>(graph.config.num_nextn_predict_layers);
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Node& node = graph[id];
        MapBand::Kind kind{};
        if (node.op == Op::param || !kind_of(node, layers, kind)) continue;
        if (bands.empty() || bands.back().kind != kind || bands.back().layer != node.layer) {
            bands.emplace_back();
            bands.back().kind = kind;
            bands.back().layer = node.layer;
        }
        if (node.part == Part::attn_add || node.part == Part::ffn_add)
            bands.back().add = id;
        else
            put(bands.back(), graph, id);
    }
    for (MapBand& band : bands) connect(band, graph);
}

int MapModel::band_of(NodeId id) const {
    for (std::size_t i = 0; i < bands.size(); ++i)
        if (bands[i].holds(id)) return static_cast<int>(i);
    return -1;
}

const MapBand* MapModel::find(MapBand::Kind kind, int layer) const {
    for (const MapBand& band : bands)
        if (band.kind == kind && band.layer == layer) return &band;
    return nullptr;
}

}  // namespace sf
