#include "core/run/scaling_loss.h"

#include "core/backend/executor.h"
#include "core/error.h"
#include "core/model/model.h"
#include "core/model/sampler.h"
#include "core/text/corpus_row.h"
#include "core/text/tokenizer.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

constexpr std::int64_t tokens_read = 4096, most_tokens = 4096, most_bands = 16;

struct Question {
    ModelConfig config;
    WeightsPtr weights;
    std::shared_ptr<const Tokenizer> tokenizer;
    std::vector<std::string> corpora;
    std::int64_t trained = 0, length = 0;
    double factor = 1;
};

void check(const Question& q) {
    if (!q.weights) throw UserError("a saved trace holds no weights to run with");
    if (!q.tokenizer) throw UserError("this model has no tokenizer that could read a text");
    if (q.corpora != corpus_kind_names())
        throw UserError("the text that this model was trained on is not at hand");
    if (q.trained < 2 || q.length <= q.trained)
        throw UserError("nothing lies beyond the trained length at this factor");
    if (q.length > most_tokens)
        throw UserError("rows of " + std::to_string(q.length) + " tokens are longer than the " +
                        std::to_string(most_tokens) + " that are measured");
}

// -ln p of each next token.
std::vector<double> losses(const ConstView& logits, const std::vector<std::int64_t>& ids) {
    const std::int64_t vocab = logits.shape.cols();
    std::vector<double> nll;
    for (std::size_t t = 0; t + 1 < ids.size(); ++t) {
        const Real* const row = logits.real + static_cast<std::int64_t>(t) * vocab;
        nll.push_back(log_sum_exp({row, static_cast<std::size_t>(vocab)}) -
                      static_cast<double>(row[ids[t + 1]]));
    }
    return nll;
}

DerivedPtr measure(const Question& q, const Progress& progress) {
    check(q);
    auto result = std::make_shared<ScalingLosses>();
    result->trained = q.trained;
    result->length = q.length;
    result->rows = std::clamp<std::int64_t>(tokens_read / q.length, 2, 16);
    result->text = "the generated corpus, held-out part";
    const std::int64_t bands = std::min(most_bands, q.length);
    for (std::int64_t b = 0; b < bands; ++b) result->begin.push_back(b * q.length / bands);

    const auto& types = scaling_methods();
    double done = 0;
    for (const std::string& type : types) {
        ScalingLosses::Method m{type, 0, 0, std::vector<double>(static_cast<std::size_t>(bands))};
        // Logits are all that is asked for.
        ModelConfig config = with_scaling(q.config, type, q.factor, q.trained);
        config.max_position_embeddings = std::max(config.max_position_embeddings, q.length);
        const auto graph = build_graph(config);
        Executor executor(graph, q.weights, 1);
        std::vector<double> counts(m.loss.size());
        double below = 0, above = 0;
        for (std::int64_t r = 0; r < result->rows; ++r) {
            if (!progress(done / static_cast<double>(result->rows) /
                          static_cast<double>(types.size())))
                return nullptr;
            const auto ids =
                corpus_row(CorpusMix(), 0, CorpusPart::held_out, static_cast<std::uint64_t>(r),
                           *q.tokenizer, q.config.eos_token_id, q.length + 1);
            Executor::Request request;
            request.extent = {1, q.length, 0};
            request.ids = {ids.data(), static_cast<std::size_t>(q.length)};
            request.outputs = {graph->logits()};
            executor.run(request);
            const auto nll = losses(executor.value(graph->logits()), ids);
            for (std::size_t t = 0; t < nll.size(); ++t) {
                const auto at = static_cast<std::int64_t>(t);
                const auto band = static_cast<std::size_t>(
                    std::upper_bound(result->begin.begin(), result->begin.end(), at) -
                    result->begin.begin() - 1);
                m.loss[band] += nll[t];
                counts[band] += 1;
                (at < q.trained ? m.within : m.beyond) += nll[t];
                (at < q.trained ? below : above) += 1;
            }
            done += 1;
        }
        for (std::size_t b = 0; b < m.loss.size(); ++b) m.loss[b] /= counts[b];
        m.within /= below;
        m.beyond /= above;
        result->methods.push_back(std::move(m));
    }
    return result;
}

}  // namespace

const std::vector<std::string>& scaling_methods() {
    static const std::vector<std::string> all{"none", "linear", "ntk", "yarn"};
    return all;
}

ModelConfig with_scaling(const ModelConfig& config, const std::string& type, double factor,
                         std::int64_t trained) {
    ModelConfig c = config;
    if (c.rope_scaling.type == "none") c.rope_scaling = RopeScaling{};
    c.rope_scaling.type = type;
    c.rope_scaling.factor = factor;
    c.rope_scaling.original_max_position_embeddings = trained;
    c.max_position_embeddings =
        static_cast<std::int64_t>(std::ceil(static_cast<double>(trained) * factor));
    return c;
}

Need scaling_losses(const Trace& trace, const std::vector<std::string>& corpora,
                    std::int64_t trained, double factor) {
    Question q;
    q.config = trace.graph->config;
    q.weights = trace.weights;
    q.tokenizer = trace.tokenizer;
    q.corpora = corpora;
    q.trained = trained;
    q.factor = factor;
    q.length = static_cast<std::int64_t>(std::ceil(static_cast<double>(trained) * factor));
    const std::string name =
        "loss beyond " + std::to_string(trained) + " tokens, factor " + std::to_string(factor);
    return {{name, q.weights.get()},
            [q](const Progress& progress) { return measure(q, progress); }};
}

}  // namespace sf
