#include "core/run/draft_run.h"

#include "core/error.h"
#include "core/model/sampler.h"
#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace sf {

namespace {

constexpr std::int64_t rounds_sampled = 4000;

void check(const Model& model) {
    if (!model.weights) throw UserError("a saved trace holds no weights to decode with");
    if (model.config.num_nextn_predict_layers < 1)
        throw UserError("this model has no MTP module to draft with");
}

SamplingOptions sampling(const DraftOptions& o, std::int64_t new_tokens) {
    SamplingOptions s;
    s.max_new = new_tokens;
    s.temperature = o.temperature;
    s.top_k = o.top_k;
    s.top_p = o.top_p;
    s.seed = o.seed;
    return s;
}

std::string options_text(const DraftOptions& o) {
    char text[160];
    std::snprintf(text, sizeof text,
                  " %lld drafts, T %.17g, top %lld %.17g, noise %.17g, seed %llu",
                  static_cast<long long>(o.drafts), o.temperature, static_cast<long long>(o.top_k),
                  o.top_p, o.damage, static_cast<unsigned long long>(o.seed));
    return text;
}

std::int64_t numbers(const std::vector<Round>& rounds) {
    std::int64_t n = 0;
    for (const Round& r : rounds) {
        n += std::ssize(r.next.probabilities);
        for (const Draft& d : r.drafts) n += std::ssize(d.q) + std::ssize(d.p);
    }
    return n;
}

// The first token of a round behind `known` tokens.
std::int64_t first_token(const Round& round) {
    return round.accepted() > 0 ? round.drafts.front().id : round.next.id;
}

std::shared_ptr<DraftRun> run_drafts(const ModelPtr& model, const std::vector<std::int64_t>& prompt,
                                     const DraftOptions& o) {
    check(*model);
    const std::int64_t room = model->config.max_position_embeddings - std::ssize(prompt) + 1;
    auto run = std::make_shared<DraftRun>();
    run->prompt = prompt;
    run->costs = round_costs(model->config, o.drafts);
    run->drafted = speculate(model, prompt, sampling(o, std::min(o.new_tokens, room)),
                             {o.drafts, false, o.damage});
    return run;
}

DerivedPtr sample_rounds(const ModelPtr& model, const std::vector<std::int64_t>& prefix,
                         DraftOptions o, const Progress& progress) {
    const std::int64_t known = std::ssize(prefix), room = model->config.max_position_embeddings;
    if (o.temperature <= 0) throw UserError("rounds differ at a temperature above 0 only");
    if (known > room) throw UserError("the context is full: there is no room for a round");
    o.drafts = std::min(o.drafts, room - known);
    const SamplingOptions options = sampling(o, 0);
    auto result = std::make_shared<RoundSample>();
    result->prefix = prefix;
    result->target =
        sampling_distribution(decode_logits(model, {prefix}, known, options.attention).real,
                              o.temperature, o.top_k, o.top_p);
    const auto vocab = result->target.size();
    result->counts.resize(vocab);
    result->order.resize(vocab);
    std::iota(result->order.begin(), result->order.end(), std::int64_t{0});
    std::stable_sort(result->order.begin(), result->order.end(),
                     [&](std::int64_t a, std::int64_t b) {
                         return result->target[static_cast<std::size_t>(a)] >
                                result->target[static_cast<std::size_t>(b)];
                     });

    Speculator speculator(model, options, known + o.drafts + 1, o.damage);
    speculator.start({prefix.begin(), prefix.end() - 1});
    // The token behind was drawn; the prefix has its own.
    speculator.truncate(known - 1);
    speculator.append(prefix.back());
    for (; result->rounds < rounds_sampled; ++result->rounds) {
        if (result->rounds % 32 == 0 &&
            !progress(static_cast<double>(result->rounds) / rounds_sampled))
            return nullptr;
        speculator.truncate(known);
        const Round round = speculator.round(o.drafts);
        ++result->counts[static_cast<std::size_t>(first_token(round))];
        if (round.accepted() > 0) ++result->accepted;
        if (result->rounds > 0 || round.drafts.empty()) continue;
        const Draft& d = round.drafts.front();
        for (std::size_t i = 0; i < vocab; ++i)
            result->overlap += static_cast<double>(std::min(d.p[i], d.q[i]));
    }
    return result;
}

}  // namespace

double DraftRun::tokens_per_work() const {
    double work = 1;  // the pass over the prompt
    for (const Round& round : drafted.rounds) work += costs[round.drafts.size()];
    return static_cast<double>(new_tokens()) / work;
}

std::int64_t DraftRun::pick(std::int64_t round) const {
    const auto& all = drafted.rounds;
    if (round >= 0) return std::min(round, std::ssize(all) - 1);
    const auto rejected = std::find_if(
        all.begin(), all.end(), [](const Round& r) { return r.accepted() < std::ssize(r.drafts); });
    return all.empty() ? -1 : rejected == all.end() ? 0 : rejected - all.begin();
}

std::int64_t DraftRun::before(std::size_t round) const {
    std::int64_t n = 1;
    for (std::size_t r = 0; r < round; ++r) n += drafted.rounds[r].accepted() + 1;
    return n;
}

std::vector<std::int64_t> DraftRun::known(std::size_t round) const {
    std::vector<std::int64_t> ids = prompt;
    for (std::int64_t i = 0; i < before(round); ++i)
        ids.push_back(drafted.text.drawn[static_cast<std::size_t>(i)].id);
    return ids;
}

std::int64_t DraftRun::bytes() const {
    std::int64_t n = numbers(drafted.rounds);
    for (const Drawn& d : drafted.text.drawn) n += std::ssize(d.probabilities);
    return n * static_cast<std::int64_t>(sizeof(Real));
}

Need draft_run(const Trace& trace, std::int64_t batch, const DraftOptions& o) {
    const ModelPtr model = model_of(trace);
    const auto prompt = trace.sequence(batch);
    const auto compute = [model, prompt, o](const Progress&) -> DerivedPtr {
        auto run = run_drafts(model, prompt, o);
        for (const Drawn& d : generate(model, prompt, sampling(o, run->new_tokens())).drawn)
            run->plain.push_back(d.id);
        return run;
    };
    return {key_of_text("draft run of " + std::to_string(o.new_tokens) + options_text(o), prompt,
                        model->weights.get()),
            compute};
}

double dkw_band(std::int64_t n, double alpha) {
    return std::sqrt(std::log(2 / alpha) / (2 * static_cast<double>(std::max<std::int64_t>(1, n))));
}

double RoundSample::deviation() const {
    double seen = 0, wanted = 0, worst = 0;
    for (const std::int64_t id : order) {
        seen += static_cast<double>(counts[static_cast<std::size_t>(id)]);
        wanted += static_cast<double>(target[static_cast<std::size_t>(id)]);
        worst = std::max(worst, std::abs(seen / static_cast<double>(rounds) - wanted));
    }
    return worst;
}

std::int64_t RoundSample::bytes() const {
    return std::ssize(counts) * static_cast<std::int64_t>(2 * sizeof(std::int64_t) + sizeof(Real));
}

Need round_sample(const Trace& trace, std::int64_t batch, const DraftOptions& o,
                  std::int64_t round) {
    const ModelPtr model = model_of(trace);
    const auto prompt = trace.sequence(batch);
    const auto compute = [model, prompt, o, round](const Progress& progress) -> DerivedPtr {
        const auto run = run_drafts(model, prompt, o);
        const auto from = static_cast<std::size_t>(std::max<std::int64_t>(0, run->pick(round)));
        return sample_rounds(model, run->known(from), o, progress);
    };
    return {key_of_text("rounds like round " + std::to_string(round) + " of " +
                            std::to_string(o.new_tokens) + options_text(o),
                        prompt, model->weights.get()),
            compute};
}

}  // namespace sf
