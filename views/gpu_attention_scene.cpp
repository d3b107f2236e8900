#include "views/gpu_attention.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sf::gpu {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// A text that fills hardly one work group is cut finer, so that it shows how a long one is.
constexpr std::int64_t few = 5;
std::int64_t cut_of(std::int64_t wanted, std::int64_t own, std::int64_t n, std::int64_t share) {
    if (wanted > 0) return std::min(wanted, std::max<std::int64_t>(1, n * share));
    return n * share > 2 * own ? own : std::max<std::int64_t>(1, (n + few - 1) / few) * share;
}

void find_nodes(AttentionScene& s) {
    const Graph& g = s.setup.graph();
    s.node = attention_node(g, s.setup.layer);
    if (s.node == no_node) return;
    s.scores_node = g[g[s.node].inputs[0]].inputs[0];
    for (const NodeId user : g.users(s.scores_node)) {
        if (g[user].op == Op::online_m) s.m_node = user;
        if (g[user].op == Op::online_d) s.d_node = user;
        if (g[user].op == Op::online_o) s.o_node = user;
    }
}

const Tensor* kept(const Trace& trace, NodeId id) {
    return id == no_node ? nullptr : fitting_tensor(trace, (*trace.graph)[id].name);
}

std::vector<OnlineState> states_of(const AttentionScene& s, std::int64_t row, std::int64_t tiles,
                                   bool output = true) {
    const Tensor* values = output ? kept(s.trace(), s.in.v.node) : nullptr;
    const Real* const v = values == nullptr ? nullptr : values->real.data() + s.in.v.first;
    const std::int64_t n = std::min(s.work.context, tiles * s.cut.keys);
    return online_softmax(s.scores->real.data() + s.first + row * s.work.context, n, v,
                          v == nullptr ? 0 : s.in.v.width, s.in.v.stride, s.cut.keys);
}

// What the device left of the walk, where its tiles are those that are drawn; else null.
const OnlineRecord* told_by_device(const AttentionScene& s) {
    const DeviceReport::Run* run = s.setup.run(s.setup.part(s.node));
    if (run == nullptr) return nullptr;
    const OnlineRecord& r = run->online;
    const std::int64_t size = s.work.batch * s.work.heads * s.work.queries * s.tiles();
    const bool fits = r.keys == s.cut.keys && r.tiles == s.tiles() && std::ssize(r.m) == size &&
                      std::ssize(r.d) == size;
    return fits ? &r : nullptr;
}

// Its own m and d of a row, as far as the row sees keys.
void take(const AttentionScene& s, const OnlineRecord& r, std::int64_t row,
          std::vector<OnlineState>& states) {
    const std::int64_t from = ((s.batch * s.work.heads + s.head) * s.work.queries + row) * r.tiles;
    const std::int64_t last = (s.work.seen(row) - 1) / r.keys;
    for (std::int64_t j = 0; j < std::ssize(states); ++j) {
        states[at(j)].m = r.m[at(from + std::min(j, last))];
        states[at(j)].d = r.d[at(from + std::min(j, last))];
    }
}

// Where the walk is: by hand, by the steps of this layer's attention, else half way.
double wave_of(const AttentionScene& s, std::int64_t by_hand) {
    std::int64_t longest = 0;
    for (const Band& b : s.bands) longest = std::max(longest, b.walked);
    const auto all = static_cast<double>(longest);
    if (by_hand >= 0) return std::min(all, static_cast<double>(by_hand + 1));
    const Frame& f = *s.setup.frame;
    if (f.timeline != nullptr && f.timeline->size() > 0) {
        const Step& step =
            (*f.timeline)[std::clamp<std::int64_t>(f.cursor.step, 0, f.timeline->size() - 1)];
        const double within = std::clamp(f.cursor.within, 0.0, 1.0);
        const NodeId probs = s.setup.graph()[s.node].inputs[0];
        if (step.kind == Step::Kind::tile && step.node == probs) {
            const double keys = (static_cast<double>(step.sub) + within) * attention_tile;
            return std::min(all, keys / static_cast<double>(s.cut.keys));
        }
        if (step.kind == Step::Kind::operation && (step.node == probs || step.node == s.node))
            return within * all;
    }
    return std::ceil(all / 2);
}

}  // namespace

std::int64_t AttentionScene::keys_of(std::int64_t tile) const {
    return std::min(cut.keys, work.context - tile * cut.keys);
}

std::int64_t AttentionScene::live(const Band& b) const {
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(wave)) - 1, 0,
                                    b.walked - 1);
}

double AttentionScene::phase() const {
    if (done(band())) return 1;
    return wave <= 0 ? 0 : wave - (std::ceil(wave) - 1);
}

std::int64_t AttentionScene::walked() const {
    std::int64_t all = 0;
    for (const Band& b : bands) all += b.walked;
    return all;
}

OnlineState AttentionScene::state(std::int64_t of_row, std::int64_t tile) const {
    if (tile < 0) return online_start(0);
    if (of_row == row) return states[at(tile)];
    std::vector<OnlineState> all = states_of(*this, of_row, tile + 1, false);
    if (const OnlineRecord* r = told_by_device(*this)) take(*this, *r, of_row, all);
    return all.back();
}

double AttentionScene::m(std::int64_t tile) const {
    return tile < 0 ? -std::numeric_limits<double>::infinity()
                    : static_cast<double>(states[at(tile)].m);
}

double AttentionScene::d(std::int64_t tile) const {
    return tile < 0 ? 0 : static_cast<double>(states[at(tile)].d);
}

double AttentionScene::shrink(std::int64_t tile) const {
    return tile <= 0 ? 1 : std::exp(m(tile - 1) - m(tile));
}

std::vector<double> AttentionScene::o(std::int64_t of_row, std::int64_t tile) const {
    if (tile < 0) return std::vector<double>(at(work.value_width));
    if (cut.keys == attention_tile)
        if (const Tensor* t = kept(trace(), o_node)) {
            const std::int64_t from =
                (((batch * work.heads + head) * work.queries + of_row) * t->shape[3] + tile) *
                work.value_width;
            const auto begin = t->real.begin() + from;
            return {begin, begin + work.value_width};
        }
    const std::vector<OnlineState> other =
        of_row == row ? std::vector<OnlineState>{} : states_of(*this, of_row, tile + 1);
    const OnlineState& state = of_row == row ? states[at(tile)] : other.back();
    return {state.o.begin(), state.o.end()};
}

std::string AttentionScene::token(std::int64_t of_row) const {
    return quoted_token(trace(), batch, of_row);
}

AttentionScene make_attention_scene(const Frame& frame, const View& view) {
    AttentionScene s;
    s.setup = make_setup(frame, view);
    s.missing = s.setup.missing;
    if (!s.missing.empty()) return s;
    find_nodes(s);
    const Graph& g = s.setup.graph();
    const auto work = attention_work(g, s.node, frame.trace->extent);
    if (!work || work->queries < 1) {
        s.missing = "This layer has no attention.";
        return s;
    }
    s.work = *work;
    s.own = attention_tiles(s.setup.variant, work->key_width, work->value_width);
    s.cut = s.own;
    s.cut.queries =
        cut_of(whole(frame, view, "queries"), s.own.queries, work->queries, work->share);
    s.cut.keys = cut_of(whole(frame, view, "keys"), s.own.keys, work->context, 1);
    s.batch = std::clamp<std::int64_t>(frame.cursor.batch, 0, work->batch - 1);
    s.head = std::clamp<std::int64_t>(whole(frame, view, "head"), 0, work->heads - 1);
    s.in = head_inputs(g, s.node, frame.trace->extent, s.batch, s.head);
    s.first = (s.batch * work->heads + s.head) * work->queries * work->context;
    for (std::int64_t i = 0; i < work->groups(s.cut); ++i)
        if (const auto t = work->tokens(i, s.head % work->share, s.cut); t.count > 0)
            s.bands.push_back({i, t.first, t.count, work->walked(i, s.cut)});
    s.scores = kept(*frame.trace, s.scores_node);
    if (s.scores == nullptr) {
        s.missing = "The scores of this layer, " + g[s.scores_node].name +
                    ", were not kept: the command “complete " + g[s.scores_node].name +
                    "” computes them.";
        return s;
    }
    const std::int64_t followed = frame.cursor.token >= 0
                                      ? std::min(frame.cursor.token, work->queries - 1)
                                      : work->queries - 1;
    const std::int64_t group = whole(frame, view, "group");
    while (s.bands[at(s.group)].first + s.bands[at(s.group)].rows <= followed) ++s.group;
    if (group >= 0) s.group = std::min(group, std::ssize(s.bands) - 1);
    const Band& band = s.band();
    const std::int64_t wanted = whole(frame, view, "row"), last = band.first + band.rows - 1;
    s.row = wanted >= band.first && wanted <= last       ? wanted
            : followed >= band.first && followed <= last ? followed
                                                         : last;
    s.states = states_of(s, s.row, band.walked);
    if (const OnlineRecord* told = told_by_device(s)) {
        take(s, *told, s.row, s.states);
        s.told = true;
    }
    s.wave = wave_of(s, whole(frame, view, "tile"));
    return s;
}

std::vector<Parameter> attention_parameters(const Frame& frame) {
    double heads = 1024, queries = 1 << 20, context = 1 << 20, rows = 1 << 20;
    if (frame.trace != nullptr) {
        const Graph& g = *frame.trace->graph;
        const auto work =
            attention_work(g, attention_node(g, layer_at_cursor(frame)), frame.trace->extent);
        if (work) {
            heads = static_cast<double>(work->heads);
            queries = static_cast<double>(work->queries);
            rows = static_cast<double>(work->rows());
            context = static_cast<double>(work->context);
        }
    }
    queries = std::max(1.0, queries);
    rows = std::max(1.0, rows);
    context = std::max(1.0, context);
    std::vector<Parameter> all = setup_parameters(frame);
    const auto add = [&](const char* name, double min, double max, double standard,
                         const char* help) -> Parameter& {
        all.push_back(
            {name, Parameter::Type::integer, min, max, {}, standard, help, false, false, {}});
        return all.back();
    };
    add("head", 0, heads - 1, 0, "Which attention head is looked at; all do the same at once.");
    add("group", -1, queries - 1, -1,
        "The work group that is looked at; −1 is the one of the chosen token.")
        .handle = true;
    add("tile", -1, context - 1, -1,
        "How many tiles the groups have walked before this one; −1 follows the steps of the "
        "timeline, elsewhere half of the way.")
        .handle = true;
    add("row", -1, queries - 1, -1,
        "The query row whose m, d and o are told; −1 is the chosen token, or the group's last.")
        .handle = true;
    add("queries", 0, rows, 0,
        "Query rows of one work group, of all heads that share keys; 0 is the kernel's own number, "
        "of a short text a fifth.");
    add("keys", 0, context, 0,
        "Keys of one tile; 0 is the kernel's own number, of a short text a fifth; all of them is "
        "the plain softmax.")
        .plain = context;
    return all;
}

TileMove move_of(const AttentionScene& s) {
    const auto part = [](double u, double from, double to) {
        const double x = std::clamp((u - from) / (to - from), 0.0, 1.0);
        return x * x * (3 - 2 * x);
    };
    const double u = s.phase();
    return {part(u, 0, 0.4), part(u, 0.4, 0.65), part(u, 0.65, 1)};
}

}  // namespace sf::gpu
