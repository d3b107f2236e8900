#include "core/run/run_beside.h"

#include "core/error.h"
#include "core/io/trace_io.h"
#include "core/run/probe.h"
#include "core/run/runner.h"
#include "core/text/tokenizer.h"

#include <string>
#include <utility>
#include <vector>

namespace sf {

namespace {

using Rows = std::vector<std::vector<std::int64_t>>;

struct Question {
    Rows rows;
    std::shared_ptr<const Tokenizer> tokenizer;
    ModelPtr model;
    RunOptions options;
};

bool read_alike(const Question& q, const std::vector<std::int64_t>& row) {
    const auto& theirs = q.model->tokenizer;
    if (!q.tokenizer || !theirs || q.tokenizer == theirs) return true;
    for (const std::int64_t id : row)
        if (id >= theirs->vocab_size() || q.tokenizer->decode({id}) != theirs->decode({id}))
            return false;
    return true;
}

Rows rows_for(const Question& q) {
    Rows rows = q.rows;
    for (auto& row : rows)
        if (!read_alike(q, row)) row = q.model->encode(q.tokenizer->decode(row));
    return rows;
}

std::shared_ptr<RunBeside> beside(TracePtr trace) {
    auto result = std::make_shared<RunBeside>();
    result->timeline = std::make_shared<const Timeline>(*trace);
    result->trace = std::move(trace);
    return result;
}

Need probe_beside(const ModelPtr& model, const std::shared_ptr<const History>& history,
                  std::int64_t step) {
    const auto compute = [model, history, step](const Progress&) -> DerivedPtr {
        const TracePtr probe = history ? history->probe(step) : nullptr;
        if (!probe)
            throw UserError(model->name + ": nothing was kept at or before step " +
                            std::to_string(step) + " of its training");
        return beside(named_probe(probe, model->name));
    };
    return {{"probe at " + std::to_string(step), model.get()}, compute};
}

}  // namespace

Need run_beside(const Trace& own, const ModelPtr& model,
                const std::shared_ptr<const History>& history, std::int64_t train_step) {
    if (train_step >= 0) return probe_beside(model, history, train_step);
    Question q;
    for (std::int64_t b = 0; b < own.extent.batch; ++b) q.rows.push_back(own.sequence(b));
    q.tokenizer = own.tokenizer;
    q.model = model;
    q.options.attention = own.graph->attention;
    q.options.gradients = !own.loss.empty();
    const std::string name = "run beside, " + std::string(attention_name(q.options.attention)) +
                             (q.options.gradients ? ", gradients" : "") + ", " +
                             std::to_string(own.extent.batch) + " rows";
    return {key_of_text(name, own.ids, model.get()), [q](const Progress&) -> DerivedPtr {
                return beside(run_trace(q.model, rows_for(q), q.options));
            }};
}

}  // namespace sf
