#include "views/attention_row.h"

#include "views/draw/shapes.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sf::online {

namespace {

constexpr std::int64_t few_tiles = 6;

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

std::string place_of(const Graph& g, int layer) {
    const auto layers = static_cast<int>(g.config.num_hidden_layers);
    if (layer >= layers) return "MTP " + std::to_string(layer - layers + 1);
    return "layer " + std::to_string(layer);
}

Nodes nodes_of(const Graph& g, NodeId probs) {
    Nodes n;
    n.probs = probs;
    n.scores = g[probs].inputs[0];
    for (const NodeId user : g.users(probs))
        if (g[user].op == Op::attend || g[user].op == Op::attend_latent) {
            n.out = user;
            n.values = g[user].inputs[1];
        }
    for (const NodeId user : g.users(n.scores)) {
        if (g[user].op == Op::online_m) n.m = user;
        if (g[user].op == Op::online_d) n.d = user;
        if (g[user].op == Op::online_o) n.o = user;
    }
    return n;
}

// Tiles that have arrived when keys come in the steps of the model's own tiles.
double arrived_by_cursor(const Frame& frame, const Row& r) {
    const auto all = static_cast<double>(r.tiles);
    if (frame.timeline == nullptr || frame.timeline->size() == 0) return all;
    const Step& step = (*frame.timeline)[std::clamp<std::int64_t>(frame.cursor.step, 0,
                                                                  frame.timeline->size() - 1)];
    if (step.node != r.nodes.probs || step.kind == Step::Kind::gradient) return all;
    const double within = std::clamp(frame.cursor.within, 0.0, 1.0);
    if (step.kind != Step::Kind::tile) return within * all;
    const auto begin = static_cast<double>(std::min(r.n, step.sub * attention_tile));
    const auto end = static_cast<double>(std::min(r.n, (step.sub + 1) * attention_tile));
    const double keys = begin + within * (end - begin);
    return keys >= static_cast<double>(r.n) ? all : keys / static_cast<double>(r.tile);
}

}  // namespace

Nodes attention_nodes(const Graph& graph, int layer) {
    NodeId first = no_node, best = no_node;
    for (NodeId id = 0; id < graph.size(); ++id) {
        if (graph[id].op != Op::causal_softmax) continue;
        if (first == no_node) first = id;
        if (graph[id].layer <= layer) best = id;
    }
    const NodeId probs = best == no_node ? first : best;
    return probs == no_node ? Nodes{} : nodes_of(graph, probs);
}

std::vector<std::string> order_names() {
    return {"forward", "backward", "smallest first", "largest first", "shuffled"};
}

std::int64_t tile_size(std::int64_t wanted, std::int64_t n) {
    if (wanted > 0) return std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(1, n));
    if (n > 4 * attention_tile) return attention_tile;
    return std::max<std::int64_t>(1, (n + few_tiles - 1) / few_tiles);
}

std::vector<std::int64_t> arrival(const std::string& order, const std::vector<Real>& scores,
                                  std::int64_t tile) {
    const auto n = static_cast<std::int64_t>(scores.size());
    std::vector<std::int64_t> tiles(at((n + tile - 1) / tile));
    std::iota(tiles.begin(), tiles.end(), 0);
    if (order == "backward") std::reverse(tiles.begin(), tiles.end());
    if (order == "shuffled") return shuffled_tiles(static_cast<std::int64_t>(tiles.size()));
    if (order == "smallest first" || order == "largest first") {
        std::vector<Real> largest(tiles.size(), -std::numeric_limits<Real>::infinity());
        for (std::int64_t i = 0; i < n; ++i)
            largest[at(i / tile)] = std::max(largest[at(i / tile)], scores[at(i)]);
        const bool up = order == "smallest first";
        std::stable_sort(tiles.begin(), tiles.end(), [&](std::int64_t a, std::int64_t b) {
            return up ? largest[at(a)] < largest[at(b)] : largest[at(a)] > largest[at(b)];
        });
    }
    return tiles;
}

RowOrReason make_row(const Frame& frame, const Choice& choice) {
    RowOrReason result;
    Row& r = result.row;
    r.trace = frame.trace;
    const Graph& graph = *frame.trace->graph;
    r.nodes = attention_nodes(graph, layer_at_cursor(frame));
    if (r.nodes.probs == no_node) {
        result.reason = "This model has no softmax attention.";
        return result;
    }
    const Node& node = graph[r.nodes.scores];
    r.place = place_of(graph, graph[r.nodes.probs].layer);
    r.scale = node.attrs.scale;
    r.probs = frame.trace->find(r.nodes.probs);
    r.scores = frame.trace->find(r.nodes.scores);
    r.out = r.nodes.out == no_node ? nullptr : frame.trace->find(r.nodes.out);
    const Shape s = frame.trace->shape(r.nodes.scores);
    if (s.rank != 4 || s.size() == 0) {
        result.reason = "This run has no scores.";
        return result;
    }
    r.heads = s[1];
    r.queries = s[2];
    r.context = s[3];
    r.batch = std::clamp<std::int64_t>(frame.cursor.batch, 0, s[0] - 1);
    r.head = std::clamp<std::int64_t>(choice.head, 0, r.heads - 1);
    const std::int64_t wanted = choice.query >= 0 ? choice.query : frame.cursor.token;
    r.query = wanted < 0 ? r.queries - 1 : std::min(wanted, r.queries - 1);
    r.n = std::min(r.context, r.query + r.context - r.queries + 1);
    r.first = ((r.batch * r.heads + r.head) * r.queries + r.query) * r.context;
    if (r.scores == nullptr || r.scores->size() != s.size()) {
        result.reason = "The scores of this layer, " + node.name +
                        ", were not kept: the command “complete " + node.name + "” computes them.";
        return result;
    }
    const Values values = r.values_of(r.head);
    r.values = values.first;
    r.width = values.width;
    r.ld = values.ld;
    const double factor = choice.divide ? 1 : 1 / r.scale;
    for (std::int64_t i = 0; i < r.n; ++i)
        r.before.push_back(choice.divide ? r.scores->real[at(r.first + i)]
                                         : static_cast<Real>(r.scores->at(r.first + i) * factor));
    r.key = choice.key < 0 ? r.n - 1 : std::min(choice.key, r.n - 1);
    r.row = r.before;
    r.pushed = choice.push != 0;
    r.row[at(r.key)] += static_cast<Real>(choice.push);
    r.divided = choice.divide;
    r.as_run = r.divided && !r.pushed;
    r.half = choice.half;
    r.tile = tile_size(choice.tile, r.n);
    // The order of the tiles stays while a score is dragged.
    r.order = arrival(choice.order, r.before, r.tile);
    r.tiles = static_cast<std::int64_t>(r.order.size());
    r.shown = one_pass(r.softmax_row(), r.tile, r.order);
    r.three = three_pass(r.softmax_row());
    r.two = two_pass(r.softmax_row());
    if (r.pushed)
        r.unpushed = one_pass({r.before.data(), r.n, r.values, r.width, r.ld}, r.tile, r.order);
    if (r.half) r.halves = half_softmax(r.softmax_row(), r.tile, r.order);
    r.arrived = choice.arrived >= 0 ? static_cast<double>(std::min(choice.arrived, r.tiles))
                                    : arrived_by_cursor(frame, r);
    return result;
}

// In (B, S, G, nope + value) behind the keys, G heads of them, or (B, S, rank) for all heads.
Values Row::values_of(std::int64_t of_head) const {
    if (nodes.values == no_node) return {};
    const Tensor* kv = trace->find(nodes.values);
    const Attrs& a = (*trace->graph)[nodes.out].attrs;
    if (kv == nullptr || kv->dtype != DType::real) return {};
    const Shape& s = kv->shape;
    if (s.rank == 3 && s[2] == a.value)
        return {kv->real.data() + batch * s[1] * s[2], a.value, s[2]};
    if (s.rank != 4 || s[3] < a.value || s[2] < 1 || heads % s[2] != 0) return {};
    const std::int64_t shared = of_head / (heads / s[2]);  // heads may share their values
    return {kv->real.data() + (batch * s[1] * s[2] + shared) * s[3] + (s[3] - a.value), a.value,
            s[2] * s[3]};
}

std::int64_t Row::count(std::int64_t p) const {
    return std::min(tile, n - begin(p));
}

double Row::shrink(std::int64_t p) const {
    if (p <= 0 || half) return 1;
    return static_cast<double>(attention_exp(state(p - 1).m - state(p).m));
}

double Row::running_d(std::int64_t p) const {
    if (p < 0) return 0;
    return half ? static_cast<double>(halves[at(p)].d) : static_cast<double>(state(p).d);
}

double Row::running_o(std::int64_t p, std::int64_t c) const {
    if (p < 0) return 0;
    return half ? static_cast<double>(halves[at(p)].o[at(c)])
                : static_cast<double>(state(p).o[at(c)]);
}

double Row::weight(std::int64_t p, std::int64_t i) const {
    const Real a = row[at(begin(p) + i)];
    if (half) return static_cast<double>(half_exp(static_cast<float>(a)));
    return static_cast<double>(attention_exp(a - state(p).m));
}

double Row::result(std::int64_t c) const {
    if (half) return static_cast<double>(to_half(halves.back().o[at(c)] / halves.back().d));
    return static_cast<double>(shown.o[at(c)]);
}

std::int64_t Row::live() const {
    if (arrived <= 0) return -1;
    return std::min(tiles - 1, static_cast<std::int64_t>(std::ceil(arrived)) - 1);
}

std::int64_t Row::maximum_of() const {
    return std::min(tiles, static_cast<std::int64_t>(arrived + 1 - shrunk_at)) - 1;
}

std::int64_t Row::summed() const {
    return std::min(tiles, static_cast<std::int64_t>(arrived)) - 1;
}

int Row::rescales() const {
    int times = 0;
    for (std::int64_t p = 1; p < tiles; ++p) times += state(p - 1).m < state(p).m ? 1 : 0;
    return times;
}

bool Row::overflowed() const {
    if (!half) return false;
    if (!std::isfinite(halves.back().d)) return true;
    for (std::int64_t c = 0; c < width; ++c)
        if (!std::isfinite(result(c))) return true;
    return false;
}

// The trace keeps the states after each of the model's own tiles, in their natural order.
std::int64_t Row::state_index(std::int64_t p) const {
    if (!as_run || half || tile != attention_tile || nodes.m == no_node) return -1;
    for (std::int64_t j = 0; j <= p; ++j)
        if (order[at(j)] != j) return -1;
    const Shape s = trace->shape(nodes.m);
    return (((batch * heads) + head) * queries + query) * s[3] + p;
}

std::string Row::token(std::int64_t position) const {
    // Keys of earlier runs (a cache) have no text.
    const std::int64_t i = position - (context - queries);
    const std::int64_t index = batch * trace->extent.tokens + i;
    if (i < 0 || index >= static_cast<std::int64_t>(trace->tokens.size()))
        return "⟨" + std::to_string(position) + "⟩";
    return token_label(trace->tokens[at(index)]);
}

}  // namespace sf::online
