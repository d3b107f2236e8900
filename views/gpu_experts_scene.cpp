#include "views/gpu_experts.h"
#include "views/place.h"

#include <algorithm>
#include <numeric>

namespace sf::gpu {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

Stage stage_at(const ExpertsScene& s) {
    const Frame& f = *s.setup.frame;
    if (f.timeline == nullptr || f.timeline->size() == 0) return Stage::none;
    const Step& step =
        (*f.timeline)[std::clamp<std::int64_t>(f.cursor.step, 0, f.timeline->size() - 1)];
    if (step.kind == Step::Kind::gradient || step.node == no_node) return Stage::none;
    const std::string& name = s.setup.graph()[step.node].name;
    if (step.kind == Step::Kind::expert && step.layer == s.layer) {
        // An expert's rows go all the way.
        constexpr Stage way[] = {Stage::gather, Stage::gate_up, Stage::down, Stage::combine};
        return way[std::clamp(static_cast<int>(f.cursor.within * 4), 0, 3)];
    }
    if (name == s.prefix + "expert_slots" || name == s.prefix + "expert_in") return Stage::gather;
    for (const char* part : {"expert_gate", "expert_up", "expert_h"})
        if (name == s.prefix + part) return Stage::gate_up;
    if (name == s.prefix + "expert_out") return Stage::down;
    return step.node == s.node ? Stage::combine : Stage::none;
}

// The tile of the step's expert, else of the followed token's first choice.
std::int64_t followed_tile(const ExpertsScene& s) {
    const Frame& f = *s.setup.frame;
    std::int64_t row = s.place[at(s.token * s.work.chosen)];
    if (f.timeline != nullptr && f.timeline->size() > 0) {
        const Step& step =
            (*f.timeline)[std::clamp<std::int64_t>(f.cursor.step, 0, f.timeline->size() - 1)];
        if (step.kind == Step::Kind::expert && step.layer == s.layer &&
            step.sub < std::ssize(s.load))
            row = std::accumulate(s.load.begin(), s.load.begin() + step.sub, std::int64_t{0});
    }
    for (std::int64_t i = 0; i < std::ssize(s.tiles); ++i)
        if (row < s.tiles[at(i)].first + s.tiles[at(i)].rows) return i;
    return 0;
}

// Slots by expert, then by token.
void order_rows(ExpertsScene& s) {
    const auto& chosen = s.indices->ints;
    for (const std::int64_t e : chosen) ++s.load[at(e)];
    s.order.resize(chosen.size());
    std::iota(s.order.begin(), s.order.end(), 0);
    std::stable_sort(s.order.begin(), s.order.end(),
                     [&](std::int64_t a, std::int64_t b) { return chosen[at(a)] < chosen[at(b)]; });
    s.place.resize(chosen.size());
    for (std::int64_t r = 0; r < std::ssize(s.order); ++r) s.place[at(s.order[at(r)])] = r;
}

}  // namespace

std::int64_t ExpertsScene::groups(Stage of) const {
    const auto all = std::ssize(tiles);
    return of == Stage::gate_up ? all * column_tiles() : of == Stage::down ? all * out_tiles() : 0;
}

std::int64_t ExpertsScene::idle() const {
    return std::count(load.begin(), load.end(), 0);
}

std::string ExpertsScene::token_name(std::int64_t slot) const {
    const std::int64_t t = slot / work.chosen, each = work.tokens / trace().extent.batch;
    return quoted_token(trace(), t / each, t % each);
}

ExpertsScene make_experts_scene(const Frame& frame, const View& view) {
    ExpertsScene s;
    s.setup = make_setup(frame, view);
    s.missing = s.setup.missing;
    if (!s.missing.empty()) return s;
    const Graph& g = s.setup.graph();
    s.layer = experts_layer(g, s.setup.layer);
    s.node = experts_node(g, s.layer);
    const auto work = experts_work(g, s.node, frame.trace->extent);
    if (!work) {
        s.missing = "This model has no routed experts: every layer is dense.";
        return s;
    }
    s.work = *work;
    if (s.work.rows() < 1) {
        s.missing = "This text is too short for the layer to see a token.";
        return s;
    }
    s.prefix = layer_prefix(g.config, s.layer);
    s.indices = fitting_tensor(*frame.trace, s.prefix + "router_indices");
    if (s.indices == nullptr) {
        s.missing = "The choices of the router, " + s.prefix + "router_indices, were not kept.";
        return s;
    }
    s.gates = fitting_tensor(*frame.trace, s.prefix + "router_weights");
    s.h = fitting_tensor(*frame.trace, s.prefix + "expert_h");
    s.out = fitting_tensor(*frame.trace, s.prefix + "expert_out");
    s.sum = fitting_tensor(*frame.trace, g[s.node].name);
    s.own = product_tiles(s.setup.variant);
    s.pair = product_tiles(s.setup.variant, true);
    const std::int64_t rows = whole(frame, view, "rows");
    s.rows = rows > 0 ? rows : s.own.rows;
    s.load.resize(at(s.work.experts));
    order_rows(s);
    s.tiles = expert_tiles(s.load, s.rows);
    const std::int64_t each = s.work.tokens / frame.trace->extent.batch;
    const std::int64_t token =
        frame.cursor.token >= 0 ? std::min(frame.cursor.token, each - 1) : each - 1;
    const std::int64_t batch =
        std::clamp<std::int64_t>(frame.cursor.batch, 0, frame.trace->extent.batch - 1);
    s.token = batch * each + token;
    s.stage = stage_at(s);
    const std::int64_t tile = whole(frame, view, "expert_tile");
    s.tile = tile >= 0 ? std::min(tile, std::ssize(s.tiles) - 1) : followed_tile(s);
    return s;
}

std::vector<Parameter> experts_parameters(const Frame& frame) {
    std::vector<Parameter> all = setup_parameters(frame);
    double tiles = 1 << 16;
    if (frame.trace != nullptr) {
        const Graph& g = *frame.trace->graph;
        const auto work = experts_work(g, experts_node(g, experts_layer(g, layer_at_cursor(frame))),
                                       frame.trace->extent);
        if (work) tiles = static_cast<double>(std::max<std::int64_t>(1, work->rows()));
    }
    all.push_back({"rows",
                   Parameter::Type::integer,
                   0,
                   128,
                   {},
                   0.0,
                   "Rows of one tile, had the kernel another cut: small tiles waste less and read "
                   "the weights more often; 0 is the kernel's own number."});
    all.push_back({"expert_tile",
                   Parameter::Type::integer,
                   -1,
                   tiles - 1,
                   {},
                   -1.0,
                   "The tile of rows that is looked at, counted from expert 0 on; −1 is that of "
                   "the chosen token's first expert.",
                   true});
    return all;
}

}  // namespace sf::gpu
