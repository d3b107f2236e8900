#include "views/experts_words.h"

#include "views/draw/number.h"
#include "views/experts_draw.h"
#include "views/place.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace sf::experts {

namespace {

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts)
        if (!part.empty()) text += (text.empty() ? "" : " · ") + part;
    return text;
}

std::string capital(std::string text) {
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

std::vector<std::int64_t> chosen_of(const Scene& s) {
    std::vector<std::int64_t> all;
    for (std::int64_t k = 0; k < s.rule.top_k; ++k) all.push_back(s.chosen(s.t, k));
    return all;
}

std::int64_t heaviest_place(const Scene& s) {
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < s.rule.top_k; ++k)
        if (s.gate(s.t, k) > s.gate(s.t, best)) best = k;
    return best;
}

// The experts that only the limit kept from working.
std::vector<std::int64_t> kept_out(const Scene& s) {
    std::vector<std::int64_t> out;
    for (const std::int64_t e : best_of(s.values(s.t), s.rule.top_k))
        if (s.place_of(s.t, e) < 0) out.push_back(e);
    return out;
}

// Who worked on the token before something was set; a bias that moves no choice moves no gate.
std::string choice_before(const Scene& s) {
    if (s.before == nullptr || (s.choices.kick == 0 && s.choices.off < 0 && !s.another)) return "";
    const Router r = router_of(*s.before, s.prefix);
    if (!r.missing.empty()) return "";
    const std::int64_t from = s.row(s.t) * s.own_rule.top_k;
    const auto first = r.indices->ints.begin() + from;
    const std::vector<std::int64_t> was(first, first + s.own_rule.top_k), now = chosen_of(s);
    if (!std::is_permutation(was.begin(), was.end(), now.begin(), now.end()))
        return "instead of " + listed(was);
    double moved = 0;
    for (std::size_t i = 0; i < was.size(); ++i) {
        const double gate = r.weights->at(from + static_cast<std::int64_t>(i));
        moved = std::max(moved, std::abs(s.gate(s.t, s.place_of(s.t, was[i])) - gate));
    }
    return moved <= 1e-5 * s.scale ? "the same experts, so the same gates" : "the same experts";
}

std::string by_hand(const Scene& s) {
    std::vector<std::string> parts;
    if (s.another)
        parts.push_back(
            s.rerun.value != nullptr
                ? "another rule than the model's: top-" + std::to_string(s.rule.top_k) +
                      (s.own_rule.groups > 1 ? " in " + counted(s.rule.kept, "node", "nodes") : "")
            : s.rerun.error.empty() ? "running it with another rule …"
                                    : "no other rule: " + s.rerun.error);
    const bool kick = s.choices.kick != 0, off = s.choices.off >= 0;
    if (!kick && !off) return joined(parts);
    if (s.another) {
        parts.push_back("kick and switch wait for the model's own rule");
    } else if (off && s.all_needed()) {
        parts.push_back("no expert can be off: each token needs all");
    } else if (kick && !off && !s.biased) {
        parts.push_back("this router has no bias to kick");
    } else if (!s.applied()) {
        parts.push_back(s.trace->weights == nullptr ? "a saved trace cannot be changed by hand"
                                                    : "running it with what was set by hand …");
    } else {
        if (off) parts.push_back("expert " + std::to_string(s.choices.off) + " is switched off");
        if (kick && s.biased)
            parts.push_back(s.expert_name() + " kicked by " +
                            std::string(s.choices.kick < 0 ? "" : "+") +
                            format_fixed(s.choices.kick, 2));
    }
    return joined(parts);
}

}  // namespace

std::string counted(std::int64_t n, const std::string& one, const std::string& many) {
    return format_count(n) + " " + (n == 1 ? one : many);
}

std::string listed(const std::vector<std::int64_t>& numbers) {
    std::string text;
    for (std::size_t i = 0; i < numbers.size(); ++i)
        text += (i == 0                    ? ""
                 : i + 1 == numbers.size() ? " and "
                                           : ", ") +
                std::to_string(numbers[i]);
    return text;
}

std::vector<std::string> place_words(const Scene& s) {
    const Rule& r = s.rule;
    return {capital(layer_name(s.config, s.layer)) +
                (s.dense_asked ? " (" + layer_name(s.config, s.choices.layer) + " is dense)" : ""),
            "top-" + std::to_string(r.top_k) + " of " + counted(r.experts, "expert", "experts") +
                (r.groups == 1 ? ""
                 : r.limited() ? " in at most " + std::to_string(r.kept) + " of " +
                                     counted(r.groups, "node", "nodes")
                               : " in any of " + counted(r.groups, "node", "nodes")),
            by_hand(s), changed_prediction(s)};
}

std::string token_headline(const Scene& s) {
    const auto chosen = chosen_of(s);
    const std::int64_t best = heaviest_place(s);
    std::string text = s.token_text(s.t) + " goes to " +
                       (chosen.size() == 1 ? "expert " : "experts ") + listed(chosen);
    if (s.rule.groups > 1 && s.rule.limited()) {
        auto nodes = s.kept_groups(s.t);
        std::sort(nodes.begin(), nodes.end());
        text += (nodes.size() == 1 ? " in node " : " in nodes ") + listed(nodes);
    }
    if (chosen.size() > 1)
        text += "; " + std::to_string(s.chosen(s.t, best)) + " weighs most, " +
                format_fixed(s.gate(s.t, best), 2);
    return text;
}

std::string token_facts(const Scene& s) {
    auto parts = place_words(s);
    parts.insert(parts.begin() + 1, s.token_text(s.t) + " at " + format_count(s.t));
    parts.insert(parts.end() - 1, choice_before(s));
    if (const auto out = kept_out(s); !out.empty())
        parts.push_back("without the limit also " + listed(out));
    return joined(parts);
}

std::string token_description(const Scene& s) {
    std::string text = "Token " + format_count(s.t) + " " + s.token_text(s.t) + " goes to ";
    for (std::int64_t k = 0; k < s.rule.top_k; ++k)
        text += (k == 0                  ? ""
                 : k + 1 == s.rule.top_k ? " and "
                                         : ", ") +
                std::string("expert ") + std::to_string(s.chosen(s.t, k)) + " (s " +
                format_fixed(s.s(s.t, s.chosen(s.t, k)), 3) + ", g " +
                format_fixed(s.gate(s.t, k), 3) + ")";
    double sum = 0;
    for (std::int64_t k = 0; k < s.rule.top_k; ++k) sum += s.gate(s.t, k);
    text += " of " + format_count(s.rule.experts) + " in " + layer_name(s.config, s.layer) +
            "; the gates sum to " + format_number(sum, 4) + ".";
    if (s.rule.groups > 1) {
        auto nodes = s.kept_groups(s.t);
        std::sort(nodes.begin(), nodes.end());
        text += " Of " + format_count(s.rule.groups) + " nodes it may reach " +
                format_count(s.rule.kept) + ": " + listed(nodes) + ".";
        if (const auto out = kept_out(s); !out.empty())
            text += " Without that limit it would also have gone to " + listed(out) + ".";
    }
    if (s.config.n_shared_experts > 0)
        text += " " +
                counted(s.config.n_shared_experts, "shared expert works", "shared experts work") +
                " on every token.";
    if (const std::string hand = by_hand(s); !hand.empty()) text += " " + capital(hand) + ".";
    if (const std::string was = choice_before(s); !was.empty()) text += " " + capital(was) + ".";
    if (const std::string then = changed_prediction(s); !then.empty())
        text += " " + capital(then) + ".";
    return text;
}

}  // namespace sf::experts
