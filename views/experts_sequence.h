#pragma once

#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/experts_scene.h"

#include <cstdint>
#include <string>
#include <vector>

// The page "sequence": where all tokens of a text go, what the limit saves, how even the load is.
namespace sf::experts {

std::vector<Parameter> sequence_parameters(const Frame& frame);

// What an expert would take that has room for so many tokens, in the order of the text (GShard,
// Lepikhin et al. 2020; Switch Transformer, Fedus et al. 2021): `room` = ceil(factor · T k / N).
struct Capacity {
    double factor = 1;
    std::int64_t room = 0;
    std::vector<std::vector<bool>> dropped;  // (tokens)(k)
    std::int64_t places = 0, tokens = 0;     // dropped places, tokens that lose at least one
};
Capacity capacity_of(const Scene& scene, double factor);

// The sequence-wise balance term (DeepSeek-V3, eqs. 17-20): f from the plain top-k of s, without b
// and without the limit.
struct BalanceTerm {
    std::vector<double> f, p;  // (experts)
    double sum = 0;            // Σ f P; 1 where all is even
    double alpha = 0;
};
BalanceTerm balance_of(const Scene& scene, double alpha);

struct Sequence {
    Scene scene;
    std::vector<std::int64_t> load;  // tokens of this sequence, by expert
    double mean = 0;                 // T k / N
    // Nodes that the tokens are sent to, each counted once a token: as routed, and as plain top-k
    // of the same s + b would.
    std::int64_t links = 0, links_free = 0;
    std::vector<std::int64_t> beyond;  // nodes that only the limit keeps the followed token from
    Capacity capacity;
    BalanceTerm balance;
    std::int64_t from = 0, to = 0;  // tokens that the ribbons show: those round the followed one

    std::int64_t copies() const { return scene.tokens * scene.rule.top_k; }
    bool many_nodes() const { return scene.rule.groups > 1; }
};
Sequence make_sequence(const Frame& frame, const View& view);

// Ribbons from tokens over nodes to experts, their loads as bars behind them.
void draw_flow(Canvas& canvas, const Sequence& q, const Rect& area);
// Beside them, each with the least height that it is worth drawing in; they return what they took.
double links_height(const Theme& theme);
double draw_links(Canvas& canvas, const Sequence& q, const Rect& area);
double capacity_height(const Theme& theme);
double draw_capacity(Canvas& canvas, const Sequence& q, const Rect& area);
double balance_height(const Theme& theme);
void draw_balance(Canvas& canvas, const Sequence& q, const Rect& area);  // takes all

std::string sequence_headline(const Sequence& q);
std::string sequence_facts(const Sequence& q);
std::string sequence_description(const Sequence& q);
std::vector<Invariant> sequence_checks(const Sequence& q);

}  // namespace sf::experts
