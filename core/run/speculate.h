#pragma once

#include "core/run/decoder.h"
#include "core/run/runner.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sf {

// A token that an MTP module proposed, and what the main model said of it.
struct Draft {
    std::int64_t id = 0;
    std::vector<Real> q;  // (vocab), the module's distribution, that it was drawn from
    std::vector<Real> p;  // (vocab), the main model's at that place; empty when it was not reached
    double u = 0;         // accepted when u < p(id) / q(id); 0 when greedy
    bool accepted = false;
};

// One pass of the main model over the drafts.
struct Round {
    std::vector<Draft> drafts;
    Drawn next;  // behind the accepted ones: from the residual after a rejection, else from p
    std::int64_t accepted() const;
};

// What a rejection draws from: max(0, p - q), normalised; p where nothing is left of it (Leviathan
// et al. 2023, "Fast inference from transformers via speculative decoding", algorithm 1).
std::vector<Real> residual(std::span<const Real> p, std::span<const Real> q);

// Decoding with drafts of the model's own MTP modules (DeepSeek-V3, section 2.2; algorithm 1 of
// Leviathan et al.): the modules propose, one pass of the main model over its latent cache judges
// all proposals, what follows a rejection is rolled back out of every cache. The text has exactly
// the distribution of decoding without drafts, greedy text is the same token by token.
// Draft j is module j's; beyond the last module that one is applied again, to its own hidden state.
// Parallel modules (ModelConfig::mtp_kind) all start from the main model's hidden state and know
// no draft before theirs: text stays the same, fewer drafts hold.
class Speculator {
public:
    // Throws UserError for a model without MTP modules or a prompt that does not fit. `capacity`:
    // tokens that can be read. `damage` 0..1: so much of every draft's distribution is noise, the
    // same for each token of the vocabulary; text stays what it is, drafts are accepted less often.
    Speculator(const ModelPtr& model, const SamplingOptions& options, std::int64_t capacity,
               double damage = 0);

    // Reads the prompt and draws the token behind it.
    Drawn start(const std::vector<std::int64_t>& prompt);
    // Drafts so many tokens, judges them and keeps what holds. 0 drafts: plain decoding.
    Round round(std::int64_t drafts);
    // Forgets the tokens from there on. The last one that stays is the one read next.
    void truncate(std::int64_t tokens);
    // Puts a token there by hand, to be read next. The one before it is read now.
    void append(std::int64_t id);

    const std::vector<std::int64_t>& tokens() const { return tokens_; }  // prompt and text
    std::int64_t cache_bytes() const { return main_.bytes(); }

private:
    struct Module {
        std::unique_ptr<Decoder> decoder;
        std::vector<Real> hidden;  // (length, hidden_size) of its own depth
    };
    Module& module(std::int64_t k);
    std::vector<Real> distribution(std::span<const Real> logits) const;
    double uniform(const char* what, std::uint64_t index) const;
    Draft draft(std::int64_t j);
    void add_noise(Drawn& draft) const;
    Drawn draw_next(std::span<const Real> logits);
    // What the caches keep when so many tokens are certain; modules hold nothing from `end` on.
    void keep(std::int64_t certain, std::int64_t end);

    ModelPtr model_;
    SamplingOptions options_;
    double damage_ = 0;
    Decoder main_;
    std::vector<Real> hidden_;  // h^0 of what the main model has read, (length, hidden_size)
    std::vector<Module> modules_;
    std::int64_t capacity_;
    std::vector<std::int64_t> tokens_;
    std::uint64_t drawn_ = 0, drafted_ = 0;  // count the random numbers used
};

struct SpeculationOptions {
    std::int64_t drafts = 1;  // of a round; adaptive: at most
    bool adaptive = false;    // as many as pay by the acceptance so far
    double damage = 0;        // 0..1, as the Speculator's
};

struct Speculated {
    Generated text;
    std::vector<Round> rounds;
    std::int64_t drafted = 0;  // proposed
    std::int64_t judged = 0;   // of those, up to a round's first rejection
    std::int64_t accepted = 0;
    std::int64_t passes = 0;    // of the main model, the one over the prompt included
    double acceptance() const;  // of those proposed
};

// As `generate`, with drafts.
Speculated speculate(const ModelPtr& model, const std::vector<std::int64_t>& prompt,
                     const SamplingOptions& options, const SpeculationOptions& speculation,
                     const std::function<bool(const Drawn&)>& on_token = {});

// What a round costs beside a plain pass, 0 .. most drafts of it: by the weights that it reads,
// which is what a pass over a few tokens waits for. An expert is read when one of the tokens
// chooses it, each taken to choose on its own.
std::vector<double> round_costs(const ModelConfig& config, std::int64_t most);

// How many drafts give the most tokens for the time, when draft j + 1 of a round is accepted with
// probability accept[j], those before it accepted, and a round of n costs cost[n]: the most of
// (1 + a_1 + a_1 a_2 + ...) / cost[n] over 1 <= n <= accept.size() (Leviathan et al., theorem 3.8,
// with a rate for each place).
std::int64_t drafts_that_pay(std::span<const double> accept, std::span<const double> cost);

}  // namespace sf
