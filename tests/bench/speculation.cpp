#include "tests/bench/speculation.h"

#include "core/run/runner.h"
#include "core/run/speculate.h"
#include "core/text/corpus.h"
#include "core/text/tokenizer.h"

#include <algorithm>

namespace sf {

std::vector<SpeculationTimes> speculation_times(const ModelPtr& model, const Effort& effort) {
    if (!model || !model->tokenizer || model->config.num_nextn_predict_layers < 1) return {};
    SamplingOptions options;
    options.max_new = 256;
    options.distributions = false;
    std::vector<std::vector<std::int64_t>> prompts;
    for (std::size_t kind = 0; kind < corpus_kinds().size(); ++kind) {
        auto ids = model->encode(corpus_document_of(kind, 0, CorpusPart::held_out, 0).text);
        ids.resize(std::min<std::size_t>(ids.size(), 24));
        prompts.push_back(std::move(ids));
    }

    struct Way {
        std::string name;
        SpeculationOptions options;
    };
    const std::vector<Way> ways{{"1 draft", {.drafts = 1}},
                                {"2 drafts", {.drafts = 2}},
                                {"3 drafts", {.drafts = 3}},
                                {"auto", {.drafts = 8, .adaptive = true}}};
    std::vector<SpeculationTimes> out(1);
    out.front().name = "plain";
    std::vector<std::function<void()>> candidates{[&] {
        for (const auto& prompt : prompts) generate(model, prompt, options);
    }};
    for (const Way& way : ways) {
        SpeculationTimes t;
        t.name = way.name;
        std::int64_t drafted = 0, accepted = 0, passes = 0;
        for (const auto& prompt : prompts) {
            const Speculated s = speculate(model, prompt, options, way.options);
            drafted += s.drafted;
            accepted += s.accepted;
            passes += s.passes;
        }
        t.acceptance = static_cast<double>(accepted) / static_cast<double>(drafted);
        t.tokens_per_pass = static_cast<double>(std::ssize(prompts) * options.max_new) /
                            static_cast<double>(passes);
        out.push_back(t);
        candidates.emplace_back([&] {
            for (const auto& prompt : prompts) speculate(model, prompt, options, way.options);
        });
    }
    const std::vector<Times> times = measure(candidates, effort);
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i].time = times[i];
        out[i].tokens = std::ssize(prompts) * options.max_new;
    }
    return out;
}

}  // namespace sf
