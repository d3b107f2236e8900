#include "core/run/writing.h"

#include "core/backend/executor.h"
#include "core/error.h"
#include "core/model/sampler.h"
#include "core/run/decoder.h"
#include "core/run/runner.h"

#include <algorithm>
#include <memory>

namespace sf {

namespace {

// Two logits nearer than this may change places with the order of summation.
constexpr double rounding = 1e-3;

std::vector<std::int64_t> continuation(Decoder& decoder, const ModelConfig& config,
                                       const std::vector<std::int64_t>& prompt) {
    std::vector<std::int64_t> ids;
    const std::int64_t room = config.max_position_embeddings - std::ssize(prompt) + 1;
    const std::int64_t most = std::min(most_written, room);
    if (prompt.empty() || most < 1) return ids;
    decoder.truncate(0);
    decoder.run(prompt);
    while (true) {
        ids.push_back(argmax(decoder.logits()));
        if (ids.back() == config.eos_token_id || std::ssize(ids) >= most) return ids;
        decoder.run({&ids.back(), 1});
    }
}

// How many of the written tokens a pass over the whole text does not choose.
std::int64_t chosen_otherwise(const Model& model, const std::shared_ptr<const Graph>& graph,
                              const std::vector<std::int64_t>& prompt,
                              const std::vector<std::int64_t>& written) {
    if (written.empty()) return 0;
    std::vector<std::int64_t> ids = prompt;
    ids.insert(ids.end(), written.begin(), written.end() - 1);
    Executor executor(graph, model.weights, 1);
    Executor::Request request;
    request.extent = {1, std::ssize(ids), 0};
    request.ids = ids;
    request.outputs = {graph->logits()};
    executor.run(request);
    const ConstView logits = executor.value(graph->logits());
    const std::int64_t vocab = logits.shape.cols();
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < std::ssize(written); ++i) {
        const Real* const row = logits.real + (std::ssize(prompt) - 1 + i) * vocab;
        const Real best = *std::max_element(row, row + vocab);
        const Real own = row[written[static_cast<std::size_t>(i)]];
        if (!(static_cast<double>(best - own) <= rounding)) ++count;
    }
    return count;
}

DerivedPtr write_now(const Model& model, const std::vector<Beginning>& beginnings,
                     const Progress& progress) {
    if (!model.weights) throw UserError("a saved trace holds no weights to write with");
    auto result = std::make_shared<WrittenNow>();
    bool wanted = true;
    result->written =
        write_on(model, beginnings, [&](double done) { return wanted = progress(done * 0.9); });
    if (!wanted) return nullptr;
    const auto graph = build_graph(model.config);
    for (std::size_t i = 0; i < beginnings.size(); ++i) {
        result->tokens += std::ssize(result->written[i]);
        result->otherwise +=
            chosen_otherwise(model, graph, beginnings[i].prompt, result->written[i]);
    }
    return result;
}

}  // namespace

Written write_on(const Model& model, const std::vector<Beginning>& beginnings,
                 const Progress& progress) {
    Written all(beginnings.size());
    std::int64_t longest = 0;
    for (const Beginning& b : beginnings) longest = std::max(longest, std::ssize(b.prompt));
    if (longest == 0) return all;
    const std::int64_t room =
        std::min(longest + most_written, model.config.max_position_embeddings);
    Decoder decoder(model, build_graph(model.config, AttentionMode::absorbed), {model.config, room},
                    1);
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (progress && !progress(static_cast<double>(i) / static_cast<double>(all.size())))
            return all;
        if (std::ssize(beginnings[i].prompt) <= model.config.max_position_embeddings)
            all[i] = continuation(decoder, model.config, beginnings[i].prompt);
    }
    return all;
}

Need written_now(const Trace& trace, const std::vector<Beginning>& beginnings) {
    const ModelPtr model = model_of(trace);
    std::string name = "writes on";
    for (const Beginning& b : beginnings)
        name = key_of_text(name + ", " + b.kind, b.prompt, nullptr).name;
    return {{name, trace.weights.get()}, [model, beginnings](const Progress& progress) {
                return write_now(*model, beginnings, progress);
            }};
}

}  // namespace sf
