#pragma once

#include "core/run/derived.h"
#include "core/run/speculate.h"
#include "core/run/trace.h"

#include <cstdint>
#include <vector>

namespace sf {

// How a text is gone on with by drafts of the model's MTP modules.
struct DraftOptions {
    std::int64_t drafts = 2;  // of a round
    std::int64_t new_tokens = 24;
    double temperature = 0;  // 0: greedy
    std::int64_t top_k = 0;  // 0: off
    double top_p = 1;        // 1: off
    double damage = 0;       // 0..1, share of noise in the drafts' distribution
    std::uint64_t seed = 0;
};

// A text gone on with twice by the same options: with drafts and, a pass of the main model a token,
// without.
struct DraftRun : DerivedValue {
    std::vector<std::int64_t> prompt;
    Speculated drafted;
    std::vector<std::int64_t> plain;  // new tokens
    std::vector<double> costs;        // of rounds of 0, 1, ... drafts, see round_costs

    // New tokens for the work of one plain pass.
    double tokens_per_work() const;

    // The round that is asked for; below 0 the first in which a draft was rejected, else the first.
    // -1 where there is none.
    std::int64_t pick(std::int64_t round) const;
    std::int64_t new_tokens() const { return std::ssize(drafted.text.drawn); }
    // New tokens before a round: the one behind the prompt, then what each round added.
    std::int64_t before(std::size_t round) const;
    // What stands there before a round; the last token is drawn and not yet read.
    std::vector<std::int64_t> known(std::size_t round) const;
    std::int64_t bytes() const override;
};
// As many new tokens as the context has room for, at most those asked for. Fails with a sentence
// when the model has no MTP module or the trace no weights.
Need draft_run(const Trace& trace, std::int64_t batch, const DraftOptions& options);

// How far an empirical distribution function of n draws may be from the true one anywhere, but for
// a chance of alpha (Dvoretzky-Kiefer-Wolfowitz, with Massart's constant).
double dkw_band(std::int64_t n, double alpha);

// Many rounds from one prefix, each drafted, judged and rolled back anew: the first token that they
// give, against the main model's own distribution behind that prefix.
struct RoundSample : DerivedValue {
    static constexpr double alpha = 1e-6;
    std::vector<std::int64_t> prefix;
    std::int64_t rounds = 0;
    std::vector<std::int64_t> counts;  // (vocab), of the first token of a round
    std::vector<Real> target;          // (vocab), of a plain pass over the prefix
    std::vector<std::int64_t> order;  // (vocab), the likeliest first: of the distribution functions
    std::int64_t accepted = 0;        // rounds whose first draft was
    double overlap = 0;               // Σ min(p, q) of the first draft: the chance that it is

    double band() const { return dkw_band(rounds, alpha); }
    double deviation() const;  // of the two distribution functions, the largest
    std::int64_t bytes() const override;
};
// From where that round of draft_run begins (`round` as DraftRun::pick). The temperature must be
// above 0.
Need round_sample(const Trace& trace, std::int64_t batch, const DraftOptions& options,
                  std::int64_t round);

}  // namespace sf
