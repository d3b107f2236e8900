#include "views/experts_kinds.h"

#include "views/draw/number.h"
#include "views/experts_scene.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sf::experts {

namespace {

Need need_of(const Frame& frame) {
    return expert_use(*frame.trace, frame.history != nullptr ? frame.history->about.corpora
                                                             : std::vector<std::string>{});
}

// The one that tells most about the kind of text.
std::size_t telling_expert(const KindsScene& s) {
    std::size_t best = 0;
    double most = 0;
    for (std::size_t e = 0; e < static_cast<std::size_t>(s.experts); ++e) {
        double information = 0;
        for (std::size_t k = 0; k < s.kinds(); ++k)
            if (const double p = s.share(k, e); p > 0)
                information += p * std::log(p / s.mean_share(e));
        if (information > most) most = information, best = e;
    }
    return best;
}

}  // namespace

double KindsScene::share(std::size_t kind, std::size_t e) const {
    const auto all = static_cast<double>(counted->tokens[kind] * use.value->top_k);
    return all > 0 ? static_cast<double>(counted->loads[kind][e]) / all : 0;
}

double KindsScene::mean_share(std::size_t e) const {
    double sum = 0;
    for (std::size_t k = 0; k < kinds(); ++k) sum += share(k, e);
    return sum / static_cast<double>(kinds());
}

double KindsScene::taste(std::size_t kind, std::size_t e) const {
    const double mean = mean_share(e);
    return mean > 0 ? share(kind, e) / mean : std::numeric_limits<double>::quiet_NaN();
}

double KindsScene::information() const {
    double sum = 0;
    for (std::size_t e = 0; e < static_cast<std::size_t>(experts); ++e)
        for (std::size_t k = 0; k < kinds(); ++k)
            if (const double p = share(k, e); p > 0)
                sum += p * std::log(p / mean_share(e)) / static_cast<double>(kinds());
    return std::max(0.0, sum);
}

std::size_t KindsScene::favourite_kind(std::size_t e) const {
    std::size_t best = 0;
    for (std::size_t k = 1; k < kinds(); ++k)
        if (share(k, e) > share(best, e)) best = k;
    return best;
}

KindsScene make_kinds_scene(const Frame& frame, const View& view) {
    KindsScene s;
    s.frame = &frame;
    s.theme = frame.theme;
    if (frame.trace == nullptr) {
        s.missing = "Which expert works on which kind of text is counted with the model that runs.";
        return s;
    }
    const ModelConfig& c = frame.trace->graph->config;
    s.layer = shown_layer(frame, view);
    if (s.layer < 0) {
        s.missing = "Every layer of this model is dense: there are no experts to choose from.";
        return s;
    }
    s.prefix = layer_prefix(c, s.layer);
    s.title = layer_name(c, s.layer);
    s.experts = c.n_routed_experts;
    s.groups = c.topk_method == "greedy" ? 1 : c.n_group;
    s.relative = setting_text(frame, view, "cells") == "taste";
    s.use = result_of<ExpertUse>(frame, need_of(frame));
    if (s.use.value != nullptr)
        for (const ExpertUse::Layer& l : s.use.value->layers)
            if (l.name + "." == s.prefix) s.counted = &l;
    const auto expert = static_cast<std::int64_t>(setting_number(frame, view, "expert"));
    s.own_choice = expert < 0;
    s.expert = !s.own_choice          ? static_cast<std::size_t>(std::min(expert, s.experts - 1))
               : s.counted != nullptr ? telling_expert(s)
                                      : 0;
    return s;
}

std::vector<Need> kinds_needs(const Frame& frame, const View& view) {
    if (frame.trace == nullptr || shown_layer(frame, view) < 0) return {};
    return {need_of(frame)};
}

std::string kinds_headline(const KindsScene& s) {
    if (s.counted == nullptr)
        return "Who works on what: the experts of " + s.title + " by kind of text";
    const std::size_t kind = s.favourite_kind(s.expert);
    const std::string& name = s.use.value->kinds[kind];
    const double taste = s.taste(kind, s.expert);
    if (!std::isfinite(taste))
        return "No token of any kind of text goes to expert " + std::to_string(s.expert);
    return "Nobody assigned them, yet experts have their subjects: expert " +
           std::to_string(s.expert) + " works " + format_number(taste, 2) + " times as often on “" +
           name + "” as on the mean of all kinds";
}

std::string kinds_facts(const KindsScene& s) {
    if (s.counted == nullptr) return s.title;
    const double most = std::log(static_cast<double>(s.kinds()));
    const auto read =
        std::accumulate(s.counted->tokens.begin(), s.counted->tokens.end(), std::int64_t{0});
    return s.title + " · " + format_count(read) + " tokens of " +
           format_count(std::accumulate(s.use.value->documents.begin(),
                                        s.use.value->documents.end(), std::int64_t{0})) +
           " held-out documents · which expert is chosen tells " +
           format_number(s.information(), 2) + " of the " + format_number(most, 3) +
           " nats of the kind of text";
}

std::string kinds_description(const KindsScene& s) {
    if (!s.missing.empty()) return s.missing;
    if (s.counted == nullptr)
        return "The experts of " + s.title + " by kind of text: " +
               (s.use.error.empty() ? "the corpus is being read." : s.use.error + ".");
    std::string text = "In " + s.title + ",";
    for (std::size_t k = 0; k < s.kinds(); ++k) {
        std::size_t best = 0;
        for (std::size_t e = 1; e < static_cast<std::size_t>(s.experts); ++e)
            if (s.share(k, e) > s.share(k, best)) best = e;
        text += (k == 0               ? " "
                 : k + 1 == s.kinds() ? " and "
                                      : ", ") +
                s.use.value->kinds[k] + " goes most to expert " + std::to_string(best) + " (" +
                format_percent(s.share(k, best)) + ")";
    }
    const auto& own = s.counted->favourites[s.expert];
    text += ".";
    if (!own.empty())
        text += " Expert " + std::to_string(s.expert) + " is given “" + own.front().token +
                "” with the largest gate, " + format_number(own.front().gate, 3) + ", and " +
                format_count(own.front().given) + " of the " + format_count(own.front().seen) +
                " times that it was read.";
    return text;
}

std::vector<Invariant> kinds_checks(const KindsScene& s) {
    if (s.counted == nullptr) return {};
    std::int64_t wrong = 0, tokens = 0, choices = 0;
    for (std::size_t k = 0; k < s.kinds(); ++k) {
        const auto& row = s.counted->loads[k];
        const auto sum = std::accumulate(row.begin(), row.end(), std::int64_t{0});
        wrong += sum == s.counted->tokens[k] * s.use.value->top_k ? 0 : 1;
        tokens += s.counted->tokens[k];
        choices += sum;
    }
    const std::string figure = format_count(choices) + " choices of " + format_count(tokens) +
                               " tokens, " + format_count(s.use.value->top_k) + " each";
    double furthest = 0;
    for (std::size_t k = 0; k < s.kinds(); ++k) {
        double sum = 0;
        for (std::size_t e = 0; e < static_cast<std::size_t>(s.experts); ++e) sum += s.share(k, e);
        if (s.counted->tokens[k] > 0) furthest = std::max(furthest, std::abs(sum - 1));
    }
    std::int64_t often = 0, of = 0;
    double largest = 0;
    for (const auto& own : s.counted->favourites)
        for (const auto& f : own) {
            often += f.given > f.seen || f.given < 1 ? 1 : 0;
            largest = std::max(largest, f.gate);
            ++of;
        }
    return {{"Σ over experts = tokens × k in each row of kinds", wrong == 0, figure},
            {"the shares of each row sum to 1", furthest <= 1e-9,
             "max error " + format_number(furthest, 2)},
            {"no token is given to an expert more often than it was read", often == 0,
             format_count(often) + " of " + format_count(of) + " differ; largest gate " +
                 format_number(largest, 3)}};
}

}  // namespace sf::experts
