#include "core/run/rerouted_run.h"

#include "core/error.h"
#include "core/model/model.h"
#include "core/run/runner.h"

#include <memory>
#include <string>
#include <utility>

namespace sf {

ModelConfig rerouted(const ModelConfig& config, std::int64_t top_k, std::int64_t topk_group) {
    ModelConfig c = config;
    c.num_experts_per_tok = top_k;
    c.topk_group = topk_group;
    return c;
}

Need rerouted_run(const Trace& trace, std::int64_t top_k, std::int64_t topk_group) {
    const auto model = model_of(trace);
    model->config = rerouted(trace.graph->config, top_k, topk_group);
    RunOptions options;
    options.attention = trace.graph->attention;
    options.edits = trace.edits;
    const std::string what =
        "top " + std::to_string(top_k) + " in " + std::to_string(topk_group) + " groups" +
        (options.attention == AttentionMode::naive ? ", naive" : ", absorbed") + ", rows of " +
        std::to_string(trace.extent.tokens) +
        (options.edits.empty() ? "" : ", " + edits_text(options.edits));
    std::vector<std::vector<std::int64_t>> rows;
    for (std::int64_t b = 0; b < trace.extent.batch; ++b) rows.push_back(trace.sequence(b));
    const auto compute = [model, rows, options](const Progress&) -> DerivedPtr {
        if (!model->weights) throw UserError("a saved trace holds no weights to run with");
        if (const auto problems = model->config.problems(); !problems.empty())
            throw UserError(problems.front());
        auto result = std::make_shared<ReroutedRun>();
        result->run = run_trace(model, rows, options);
        return result;
    };
    return {key_of_text(what, trace.ids, trace.weights.get()), compute};
}

}  // namespace sf
