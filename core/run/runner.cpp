#include "core/run/runner.h"

#include "core/backend/executor.h"
#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// Copies what a trace keeps. Within the budget: all of it; beyond it the largest inner values
// (those that the fused form never makes) are left out first.
class Recorder : public Observer {
public:
    Recorder(const std::shared_ptr<Trace>& trace, std::vector<char> wanted)
        : trace_(trace), wanted_(std::move(wanted)) {}
    bool wants(NodeId id) override { return wanted_[static_cast<std::size_t>(id)] != 0; }
    void value(NodeId id, const ConstView& v, double seconds) override {
        auto copy = std::make_shared<Tensor>(v.shape, v.dtype());
        if (v.real)
            std::copy_n(v.real, v.size(), copy->real.begin());
        else
            std::copy_n(v.ints, v.size(), copy->ints.begin());
        trace_->keep(id, std::move(copy), seconds);
    }

private:
    std::shared_ptr<Trace> trace_;
    std::vector<char> wanted_;
};

std::vector<char> choose_kept(const Graph& g, const Extent& extent, std::int64_t budget) {
    const auto n = static_cast<std::size_t>(g.size());
    std::vector<char> kept(n), main_path(n);
    const auto bytes = [&](NodeId id) {
        return g[id].shape(extent).size() * static_cast<std::int64_t>(g[id].dtype == DType::real
                                                                          ? sizeof(Real)
                                                                          : sizeof(std::int64_t));
    };
    std::vector<NodeId> order;
    std::int64_t total = 0;
    for (NodeId id = g.size() - 1; id >= 0; --id) {
        const Node& node = g[id];
        if (node.op == Op::param) continue;
        if (id == g.logits() || node.part == Part::lens || node.part == Part::head ||
            node.part == Part::mtp_head)
            main_path[static_cast<std::size_t>(id)] = 1;
        if (main_path[static_cast<std::size_t>(id)])
            for (NodeId in : node.fused ? node.fused_inputs : node.inputs)
                main_path[static_cast<std::size_t>(in)] = 1;
        kept[static_cast<std::size_t>(id)] = 1;
        total += bytes(id);
        order.push_back(id);
    }
    std::stable_sort(order.begin(), order.end(), [&](NodeId a, NodeId b) {
        const bool pa = main_path[static_cast<std::size_t>(a)],
                   pb = main_path[static_cast<std::size_t>(b)];
        return pa != pb ? pb : bytes(a) > bytes(b);
    });
    for (const NodeId id : order) {
        if (total <= budget || g[id].op == Op::ids || g[id].part == Part::head) continue;
        kept[static_cast<std::size_t>(id)] = 0;
        total -= bytes(id);
    }
    return kept;
}

std::vector<NodeEdit> resolve(const Graph& g, const Extent& extent,
                              const std::vector<Edit>& edits) {
    std::vector<NodeEdit> out;
    for (const Edit& e : edits) {
        const NodeId id = g.find(e.node);
        if (id == no_node) throw UserError("edit: there is no node \"" + e.node + "\"");
        if (e.index < 0 || e.index >= g[id].shape(extent).size())
            throw UserError("edit: index " + std::to_string(e.index) + " is outside " + e.node +
                            " " + to_string(g[id].shape(extent)));
        // Integers name experts, slots and ids: a value that names none would be followed anyway.
        if (g[id].dtype == DType::i64 || !std::isfinite(e.value))
            throw UserError("edit: " + e.node + " takes finite real values only");
        out.push_back({id, e.index, e.value});
    }
    return out;
}

void keep_edited_params(Trace& trace, const std::vector<NodeEdit>& edits) {
    for (const NodeEdit& e : edits) {
        if ((*trace.graph)[e.node].op != Op::param) continue;
        const Tensor* now = trace.find(e.node);
        if (now == nullptr) continue;
        auto copy = std::make_shared<Tensor>(*now);
        copy->real[static_cast<std::size_t>(e.index)] = static_cast<Real>(e.value);
        trace.keep(e.node, std::move(copy), 0);
    }
}

// Runs a recorded run again as far as the wanted nodes need it. What `from` holds and has not
// changed is taken as it is.
void run_again(const Trace& from, const std::shared_ptr<Trace>& into, std::vector<char> wanted,
               const std::vector<NodeEdit>& edits, const std::vector<char>& changed) {
    Recorder recorder(into, std::move(wanted));
    Executor executor(from.graph, from.weights, 1, from.backend);
    Executor::Request request;
    request.extent = from.extent;
    request.ids = from.ids;
    request.observer = &recorder;
    request.edits = edits;
    request.known = [&](NodeId id) -> const Tensor* {
        return (*from.graph)[id].op == Op::param || changed[static_cast<std::size_t>(id)]
                   ? nullptr
                   : from.find(id);
    };
    executor.run(request);
}

}  // namespace

TracePtr run_trace(const ModelPtr& model, const std::vector<std::vector<std::int64_t>>& ids,
                   const RunOptions& options) {
    if (ids.empty()) throw UserError("ids: there is no sequence");
    for (const auto& row : ids) {
        model->check_ids(row, "ids");
        if (row.size() != ids.front().size())
            throw UserError("ids: the sequences differ in length (" +
                            std::to_string(ids.front().size()) + " and " +
                            std::to_string(row.size()) + "), a trace needs equal ones");
    }
    auto trace = std::make_shared<Trace>();
    trace->graph = options.gradients ? build_training_graph(model->config, options.attention)
                                     : build_graph(model->config, options.attention);
    trace->weights = model->weights;
    trace->tokenizer = model->tokenizer;
    trace->extent = {static_cast<std::int64_t>(ids.size()),
                     static_cast<std::int64_t>(ids.front().size()), 0};
    for (const auto& row : ids)
        for (const std::int64_t id : row) {
            trace->ids.push_back(id);
            trace->tokens.push_back(model->label(id));
        }
    trace->edits = options.edits;
    trace->model_name = model->name;
    trace->trained_step = model->weights->trained_step;

    const auto edits = resolve(*trace->graph, trace->extent, options.edits);
    std::vector<LossTerm> loss;
    if (options.gradients) loss = loss_terms(*trace->graph, trace->extent, options.loss);
    Recorder recorder(trace, choose_kept(*trace->graph, trace->extent, options.budget_bytes));
    Executor executor(trace->graph, model->weights, options.threads, options.backend);
    Executor::Request request;
    request.extent = trace->extent;
    request.ids = trace->ids;
    request.observer = &recorder;
    request.edits = edits;
    executor.run(request);
    if (options.backend && options.backend->given_up().empty()) trace->backend = options.backend;
    keep_edited_params(*trace, edits);
    if (options.gradients && edits.empty())
        record_gradients(*trace, std::move(loss), options.threads,
                         options.budget_bytes - trace->bytes());
    return trace;
}

TracePtr edit_trace(const Trace& base, const std::vector<Edit>& edits) {
    auto trace = std::make_shared<Trace>(base);
    trace->drop_gradients();
    trace->edits.insert(trace->edits.end(), edits.begin(), edits.end());
    const Graph& g = *base.graph;
    const auto fresh = resolve(g, base.extent, edits);
    const auto all = resolve(g, base.extent, trace->edits);

    // Everything that follows from an edited node, along both definitions of a composite.
    std::vector<char> changed(static_cast<std::size_t>(g.size()));
    for (const NodeEdit& e : fresh) changed[static_cast<std::size_t>(e.node)] = 1;
    for (NodeId id = 0; id < g.size(); ++id) {
        const auto touched = [&](const std::vector<NodeId>& in) {
            return std::any_of(in.begin(), in.end(),
                               [&](NodeId i) { return changed[static_cast<std::size_t>(i)] != 0; });
        };
        if (touched(g[id].inputs) || touched(g[id].fused_inputs))
            changed[static_cast<std::size_t>(id)] = 1;
    }
    std::vector<char> wanted(static_cast<std::size_t>(g.size()));
    for (NodeId id = 0; id < g.size(); ++id)
        wanted[static_cast<std::size_t>(id)] =
            changed[static_cast<std::size_t>(id)] && base.share(id) && g[id].op != Op::param;

    run_again(base, trace, std::move(wanted), all, changed);
    keep_edited_params(*trace, fresh);
    return trace;
}

std::shared_ptr<Model> model_of(const Trace& trace) {
    auto model = std::make_shared<Model>();
    model->name = trace.model_name;
    model->config = trace.graph->config;
    model->weights = trace.weights;
    model->tokenizer = trace.tokenizer;
    return model;
}

TensorPtr complete(const Trace& trace, NodeId id) {
    if (auto kept = trace.share(id)) return kept;
    if (!trace.weights) return nullptr;
    auto result = std::make_shared<Trace>(trace);
    std::vector<char> wanted(static_cast<std::size_t>(trace.graph->size()));
    wanted[static_cast<std::size_t>(id)] = 1;
    run_again(trace, result, std::move(wanted), resolve(*trace.graph, trace.extent, trace.edits),
              std::vector<char>(static_cast<std::size_t>(trace.graph->size())));
    return result->share(id);
}

}  // namespace sf
