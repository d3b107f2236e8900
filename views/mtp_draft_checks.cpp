#include "views/draw/number.h"
#include "views/mtp_drafts.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>

// What must hold of decoding with drafts. The rules of acceptance stand here a second time, in
// double.
namespace sf::mtp {

namespace {

double at(const std::vector<Real>& p, std::int64_t id) {
    return static_cast<double>(p[static_cast<std::size_t>(id)]);
}

Invariant same_greedy_text(const DraftRun& run) {
    std::int64_t same = 0;
    const auto& drawn = run.drafted.text.drawn;
    const std::size_t n = std::min(drawn.size(), run.plain.size());
    for (std::size_t i = 0; i < n && drawn[i].id == run.plain[i]; ++i) ++same;
    const auto all = std::max(std::ssize(drawn), std::ssize(run.plain));
    return {"greedy with drafts = greedy without, token by token", same == all,
            format_count(same) + " of " + format_count(all) + " tokens"};
}

Invariant rule_of_acceptance(const Drafts& d) {
    Invariant check{d.is_greedy() ? "a draft is accepted where p is largest at it"
                                  : "a draft is accepted where u < min(1, p/q)",
                    true, ""};
    std::int64_t judged = 0, wrong = 0;
    for (const Round& round : d.rounds()) {
        bool going = true;
        for (const Draft& draft : round.drafts) {
            if (draft.p.empty() == going) ++wrong;  // judged as far as the first rejection
            if (draft.p.empty()) continue;
            ++judged;
            const double p = at(draft.p, draft.id), q = at(draft.q, draft.id);
            const auto others = std::count_if(draft.p.begin(), draft.p.end(), [&](Real x) {
                return draft.accepted ? static_cast<double>(x) > p : static_cast<double>(x) >= p;
            });
            // Itself among them; logits that differ may round to one probability.
            const bool likeliest = draft.accepted ? others == 0 : others == 1;
            if ((d.is_greedy() ? likeliest : draft.u * q < p) != draft.accepted) ++wrong;
            going = draft.accepted;
        }
    }
    check.holds = wrong == 0;
    check.figure = format_count(judged) + " judged, " + format_count(wrong) + " against the rule";
    return check;
}

// What follows a rejection comes from max(0, p - q) / Σ.
Invariant residuals(const Drafts& d) {
    Invariant check{"after a rejection the token is drawn from max(0, p − q), normalised", true,
                    ""};
    Worst worst;
    std::int64_t rejections = 0;
    for (const Round& round : d.rounds()) {
        if (round.accepted() == std::ssize(round.drafts)) continue;
        const Draft& draft = round.drafts[static_cast<std::size_t>(round.accepted())];
        ++rejections;
        double sum = 0;
        for (std::size_t i = 0; i < draft.p.size(); ++i)
            sum += std::max(0.0, static_cast<double>(draft.p[i]) - static_cast<double>(draft.q[i]));
        for (std::size_t i = 0; i < draft.p.size() && sum > 0; ++i) {
            const double p = static_cast<double>(draft.p[i]), q = static_cast<double>(draft.q[i]);
            worst.add(std::abs(std::max(0.0, p - q) / sum -
                               static_cast<double>(round.next.probabilities[i])),
                      // The rounding of the difference, enlarged by the division.
                      1e-6 + 2.4e-7 / sum);
        }
    }
    check.holds = worst.holds();
    check.figure = format_count(rejections) + (rejections == 1 ? " rejection" : " rejections") +
                   (rejections > 0 ? ", " + worst.figure() : "");
    return check;
}

// Every pass gives what was accepted and one token more.
Invariant tokens_counted(const DraftRun& run) {
    std::int64_t sum = 1;
    for (const Round& round : run.drafted.rounds) sum += round.accepted() + 1;
    const bool passes = run.drafted.passes == std::ssize(run.drafted.rounds) + 1;
    return {"new tokens = passes + accepted drafts",
            passes && sum == run.new_tokens() &&
                run.drafted.passes + run.drafted.accepted == run.new_tokens(),
            format_count(run.drafted.passes) + " + " + format_count(run.drafted.accepted) + " = " +
                format_count(run.new_tokens())};
}

// The target of the sample is a plain pass over the prefix; the round judged its first draft by
// what the cache gave.
Invariant judged_by_the_model(const Drafts& d, const RoundSample& sample) {
    Invariant check{"p of the shown round = a plain pass over the text so far", true, ""};
    const Round& round = d.shown();
    const std::vector<Real>& p =
        round.drafts.empty() ? round.next.probabilities : round.drafts.front().p;
    double worst = p.size() == sample.target.size() ? 0 : INFINITY;
    std::int64_t cut = 0;  // a tie where top-k or top-p cuts may fall to either side
    for (std::size_t i = 0; i < p.size() && i < sample.target.size(); ++i) {
        if ((p[i] > 0) != (sample.target[i] > 0)) ++cut;
        const double e =
            std::abs(static_cast<double>(p[i]) - static_cast<double>(sample.target[i]));
        if (!(e <= worst)) worst = std::isnan(e) ? INFINITY : e;
    }
    const bool cuts = d.options.top_k > 0 || d.options.top_p < 1;
    // Rounding of the logits, enlarged by a low temperature.
    const double allowed = 1e-4 * std::max(1.0, 1 / d.options.temperature);
    check.holds = worst <= allowed || (cuts && cut == 1);
    check.figure =
        "max error " + format_number(worst, 3) + ", tolerance " + format_number(allowed, 2);
    return check;
}

Invariant inside_band(const RoundSample& sample) {
    return {"first tokens of repeated rounds stay inside the DKW band (α = 10⁻⁶)",
            sample.deviation() <= sample.band(),
            "largest distance " + format_number(sample.deviation(), 3) + ", band " +
                format_number(sample.band(), 3) + ", " + format_count(sample.rounds) + " rounds"};
}

}  // namespace

std::vector<Invariant> checks(const Drafts& d) {
    std::vector<Invariant> all;
    if (!d.missing.empty()) return all;
    if (d.greedy.value != nullptr) all.push_back(same_greedy_text(*d.greedy.value));
    if (d.run.value != nullptr) {
        all.push_back(rule_of_acceptance(d));
        if (!d.is_greedy()) all.push_back(residuals(d));
        all.push_back(tokens_counted(*d.run.value));
    }
    if (d.sample.value != nullptr) {
        if (d.round >= 0) all.push_back(judged_by_the_model(d, *d.sample.value));
        all.push_back(inside_band(*d.sample.value));
    }
    return all;
}

}  // namespace sf::mtp
