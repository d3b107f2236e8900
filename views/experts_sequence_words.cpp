#include "views/draw/number.h"
#include "views/experts_sequence.h"
#include "views/experts_words.h"
#include "views/place.h"

#include <algorithm>

namespace sf::experts {

namespace {

std::int64_t busiest(const Sequence& q) {
    return std::max_element(q.load.begin(), q.load.end()) - q.load.begin();
}

double over_the_mean(const Sequence& q) {
    return static_cast<double>(q.load[static_cast<std::size_t>(busiest(q))]) / q.mean;
}

}  // namespace

std::string sequence_headline(const Sequence& q) {
    const Scene& s = q.scene;
    const std::string tokens = counted(s.tokens, "token", "tokens");
    const std::string take = s.tokens == 1 ? " takes " : " take ";
    if (!q.many_nodes())
        return tokens + ", " + counted(q.copies(), "place", "places") + ": expert " +
               std::to_string(busiest(q)) + " has " + format_number(over_the_mean(q), 3) +
               " times the mean, and none is dropped";
    if (!s.rule.limited())
        return tokens + take + counted(q.links, "link", "links") +
               " to nodes: without a limit that is plain top-k";
    if (q.links_free <= q.links)
        return tokens + take + counted(q.links, "link", "links") + " to nodes, each at most " +
               std::to_string(s.rule.kept);
    return "With at most " + counted(s.rule.kept, "node", "nodes") + " a token, " + tokens + take +
           counted(q.links, "link", "links") + " instead of " + format_count(q.links_free);
}

std::string sequence_facts(const Sequence& q) {
    auto parts = place_words(q.scene);
    parts.insert(parts.begin() + 2,
                 "busiest: expert " + std::to_string(busiest(q)) + " with " +
                     counted(q.load[static_cast<std::size_t>(busiest(q))], "token", "tokens") +
                     ", " + format_number(over_the_mean(q), 3) + " × the mean");
    if (q.many_nodes()) {
        auto nodes = q.scene.kept_groups(q.scene.t);
        std::sort(nodes.begin(), nodes.end());
        parts.insert(
            parts.begin() + 3,
            q.scene.token_text(q.scene.t) + " may reach " +
                (nodes.size() == 1 ? "node " : "nodes ") + listed(nodes) +
                (q.beyond.empty() ? "" : ", dashed: without the limit also " + listed(q.beyond)));
    }
    if (q.to - q.from < q.scene.tokens)
        parts.insert(parts.begin() + 3,
                     "ribbons of tokens " + format_count(q.from) + " to " + format_count(q.to - 1));
    std::string text;
    for (const std::string& part : parts)
        if (!part.empty()) text += (text.empty() ? "" : " · ") + part;
    return text;
}

std::string sequence_description(const Sequence& q) {
    const Scene& s = q.scene;
    std::string text =
        counted(s.tokens, "token takes ", "tokens take ") + counted(q.copies(), "place", "places") +
        " among " + counted(s.rule.experts, "expert", "experts") + " of " +
        layer_name(s.config, s.layer) + ", none dropped; expert " + std::to_string(busiest(q)) +
        " has the most, " + format_count(q.load[static_cast<std::size_t>(busiest(q))]) +
        ", the mean is " + format_number(q.mean, 4) + ".";
    if (q.many_nodes())
        text += " " + counted(q.links, "link", "links") + " to " +
                counted(s.rule.groups, "node", "nodes") + ", each node counted once a token; " +
                (s.rule.limited()
                     ? "plain top-k of the same s + b would take " + format_count(q.links_free)
                     : "no limit holds") +
                ".";
    text += " The sequence-wise balance Σ f P is " + format_number(q.balance.sum, 4) +
            ", times α = " + format_number(q.balance.alpha, 2) + " that is " +
            format_number(q.balance.alpha * q.balance.sum, 3) + ". With a capacity of " +
            format_number(q.capacity.factor, 3) + " times the mean, " +
            counted(q.capacity.places, "place", "places") + " would be dropped.";
    return text;
}

}  // namespace sf::experts
