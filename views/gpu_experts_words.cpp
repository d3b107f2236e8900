#include "views/draw/number.h"
#include "views/gpu_experts.h"
#include "views/place.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>

// The cut in words, and what must hold of it.
namespace sf::gpu {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

double useful(const ExpertsScene& s) {
    return static_cast<double>(s.work.rows()) / static_cast<double>(s.computed());
}

bool output_set(const ExpertsScene& s) {
    const auto& edits = s.trace().edits;
    return std::any_of(edits.begin(), edits.end(),
                       [&](const Edit& e) { return e.node == s.setup.graph()[s.node].name; });
}

Invariant rows_add_up(const ExpertsScene& s) {
    std::int64_t rows = 0;
    for (const ExpertTile& tile : s.tiles) rows += tile.rows;
    const std::int64_t want = s.work.tokens * s.work.chosen;
    return {"rows of all tiles = tokens × k", rows == want,
            format_count(rows) + " and " + format_count(s.work.tokens) + " × " +
                format_count(s.work.chosen)};
}

// Each row lies in one tile, which belongs to the expert that the router chose for it.
Invariant rows_once(const ExpertsScene& s) {
    std::vector<int> tiles(s.order.size());
    std::int64_t strangers = 0;
    for (const ExpertTile& tile : s.tiles)
        for (std::int64_t r = tile.first; r < tile.first + tile.rows; ++r) {
            if (r < 0 || r >= std::ssize(tiles)) {
                ++strangers;
                continue;
            }
            ++tiles[at(r)];
            if (s.indices->ints[at(s.order[at(r)])] != tile.expert) ++strangers;
        }
    const auto once = std::count(tiles.begin(), tiles.end(), 1);
    return {"every row in exactly one tile, that of its expert",
            once == std::ssize(tiles) && strangers == 0,
            format_count(once) + " of " + counted(std::ssize(tiles), "row") + ", " +
                counted(strangers, "stranger")};
}

Invariant none_idle(const ExpertsScene& s) {
    std::int64_t empty = 0, too_many = 0;
    for (const ExpertTile& tile : s.tiles) {
        const bool known = tile.expert >= 0 && tile.expert < std::ssize(s.load);
        if (!known || s.load[at(tile.expert)] == 0 || tile.rows < 1) ++empty;
        if (tile.rows > s.rows) ++too_many;
    }
    return {"no tile without rows, none with more than it holds", empty == 0 && too_many == 0,
            counted(empty, "empty tile") + ", " + counted(s.idle(), "expert") + " without tokens"};
}

Invariant load_as_recorded(const ExpertsScene& s) {
    Invariant check{"rows of each expert = the trace's load", true, "not kept: not measured"};
    const Tensor* load = fitting_tensor(s.trace(), s.prefix + "expert_load");
    if (load == nullptr) return check;
    std::int64_t differ = 0;
    for (std::int64_t e = 0; e < std::ssize(s.load); ++e)
        differ += load->ints[at(e)] != s.load[at(e)];
    return {check.name, differ == 0, counted(differ, "expert") + " differ"};
}

// What each token would gather: its own rows times its gates.
Invariant gathered(const ExpertsScene& s) {
    Invariant check{"a token's k rows times their gates = its output", true, ""};
    if (s.out == nullptr || s.gates == nullptr || s.sum == nullptr) {
        check.figure = "not kept: not measured";
        return check;
    }
    if (output_set(s)) {
        check.figure = "set by hand: not measured";
        return check;
    }
    const std::int64_t D = s.work.hidden, k = s.work.chosen;
    double largest = 0;
    for (std::int64_t i = 0; i < s.out->size(); ++i)
        largest = std::max(largest, std::abs(s.out->at(i)));
    Worst worst;
    for (std::int64_t t = 0; t < s.work.tokens; ++t)
        for (std::int64_t c = 0; c < D; ++c) {
            double sum = 0;
            for (std::int64_t j = 0; j < k; ++j)
                sum += s.gates->at(t * k + j) * s.out->at(s.place[at(t * k + j)] * D + c);
            worst.add(std::abs(sum - s.sum->at(t * D + c)), 1e-4 * (1 + largest));
        }
    check.holds = worst.holds();
    check.figure = worst.figure();
    return check;
}

}  // namespace

std::string experts_headline(const ExpertsScene& s) {
    const double share = useful(s);
    if (share > 0.995) return "Every row that is computed is somebody's";
    return format_count(s.work.rows()) + " rows of tokens, " + format_count(s.computed()) +
           " computed: tiles of " + format_count(s.rows) + " leave " + format_percent(1 - share) +
           " empty";
}

std::vector<std::string> experts_facts(const ExpertsScene& s) {
    const std::string kernel = std::string("kernel (") + name_of(s.setup.variant) + ")";
    const std::int64_t idle = s.idle();
    return {layer_title(s.setup, s.layer),
            counted(s.work.tokens, "token") + " × " + std::to_string(s.work.chosen) + " of " +
                counted(s.work.experts, "expert"),
            counted(std::ssize(s.tiles), "tile") + " of " + counted(s.rows, "row"),
            s.as_run() ? "as the " + kernel + " cuts"
                       : "the " + kernel + " cuts " + format_count(s.own.rows),
            idle > 0 ? counted(idle, "expert") + " without tokens: no work group" : ""};
}

std::string experts_description(const ExpertsScene& s) {
    if (!s.missing.empty()) return s.missing;
    const ExpertTile& tile = s.live();
    return experts_headline(s) + ". In " + layer_name(s.setup.graph().config, s.layer) + " " +
           counted(s.work.tokens, "token") + " go to " + std::to_string(s.work.chosen) + " of " +
           counted(s.work.experts, "expert") + " each: " + counted(s.work.rows(), "row") +
           ", ordered by expert and cut into " + counted(std::ssize(s.tiles), "tile") +
           " of at most " + counted(s.rows, "row") + "; " + counted(s.idle(), "expert") +
           " without tokens have no work group. Gate, up and SwiGLU take " +
           counted(s.groups(Stage::gate_up), "work group") + ", down " +
           counted(s.groups(Stage::down), "work group") + ". The tile that is looked at holds " +
           counted(tile.rows, "row") + " of expert " + std::to_string(tile.expert) +
           ". At the end each token gathers its " + std::to_string(s.work.chosen) +
           " rows itself, times their gates: nobody writes where another writes.";
}

std::vector<Invariant> experts_checks(const ExpertsScene& s) {
    if (!s.missing.empty()) return {};
    std::vector<Invariant> list{rows_add_up(s), rows_once(s), none_idle(s), load_as_recorded(s),
                                gathered(s)};
    const NodeId shared = shared_node(s.setup.graph(), s.node);
    for (const NodeId id : {s.node, shared})
        if (const DeviceReport::Part* part = s.setup.part(id)) add_agreement(*part, list);
    return list;
}

}  // namespace sf::gpu
