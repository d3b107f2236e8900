#include "core/error.h"
#include "core/model/sampler.h"
#include "core/random.h"
#include "core/run/decoder.h"
#include "core/run/runner.h"

#include <algorithm>

namespace sf {

void check_room(const Model& model, const std::vector<std::int64_t>& prompt, std::int64_t max_new) {
    model.check_ids(prompt, "prompt");
    // The last token drawn is never read.
    if (std::ssize(prompt) + max_new - 1 > model.config.max_position_embeddings)
        throw UserError("--max-new: " + std::to_string(prompt.size()) +
                        " tokens of the prompt and " + std::to_string(max_new) +
                        " new ones are more than the context of " +
                        std::to_string(model.config.max_position_embeddings));
}

Drawn sample(std::span<const Real> logits, const SamplingOptions& options, std::string_view stream,
             std::uint64_t index) {
    Drawn d;
    const bool greedy = options.temperature == 0;
    if (!greedy || options.distributions)
        d.probabilities =
            sampling_distribution(logits, options.temperature, options.top_k, options.top_p);
    if (greedy) {
        d.id = argmax(logits);
    } else {
        d.u = random_uniform(options.seed, stream_of(stream), index);
        d.id = draw(d.probabilities, d.u);
    }
    return d;
}

Generated generate(const ModelPtr& model, const std::vector<std::int64_t>& prompt,
                   const SamplingOptions& options,
                   const std::function<bool(const Drawn&)>& on_token) {
    check_room(*model, prompt, options.max_new);
    Generated out;
    out.prompt_ids = prompt;
    if (options.max_new <= 0) return out;
    Decoder decoder(*model, build_graph(model->config, options.attention),
                    {model->config, std::ssize(prompt) + options.max_new}, options.threads, {},
                    options.backend);
    decoder.run(prompt);
    for (std::int64_t n = 0; n < options.max_new; ++n) {
        Drawn d = sample(decoder.logits(), options, "sample", static_cast<std::uint64_t>(n));
        const std::int64_t id = d.id;
        out.drawn.push_back(std::move(d));
        if (on_token && !on_token(out.drawn.back())) break;
        if (options.stop_at_eos && id == model->config.eos_token_id) break;
        if (n + 1 < options.max_new) decoder.run({&id, 1});
    }
    out.cache_bytes = decoder.bytes();
    return out;
}

Tensor decode_logits(const ModelPtr& model, const std::vector<std::vector<std::int64_t>>& ids,
                     std::int64_t prefill, AttentionMode attention, int threads,
                     BackendPtr backend) {
    const auto batch = static_cast<std::int64_t>(ids.size());
    const auto tokens = ids.empty() ? 0 : static_cast<std::int64_t>(ids.front().size());
    for (const auto& row : ids) {
        model->check_ids(row, "ids");
        if (static_cast<std::int64_t>(row.size()) != tokens)
            throw UserError("ids: the sequences differ in length");
    }
    if (prefill < 1 || prefill > tokens)
        throw UserError("--decode: a prefill of " + std::to_string(prefill) +
                        " tokens needs 1 to " + std::to_string(tokens));
    const auto steps = tokens - prefill + 1, vocab = model->config.vocab_size;
    Tensor out({batch, steps, vocab}, DType::real);
    Decoder decoder(*model, build_graph(model->config, attention), {model->config, tokens}, threads,
                    {}, std::move(backend));
    for (std::int64_t b = 0; b < batch; ++b) {
        const auto& row = ids[static_cast<std::size_t>(b)];
        decoder.truncate(0);
        decoder.run({row.data(), static_cast<std::size_t>(prefill)});
        for (std::int64_t s = 0;; ++s) {
            const auto logits = decoder.logits();
            std::copy(logits.begin(), logits.end(), out.real.begin() + (b * steps + s) * vocab);
            if (s + 1 == steps) break;
            decoder.run({row.data() + prefill + s, 1});
        }
    }
    return out;
}

}  // namespace sf
