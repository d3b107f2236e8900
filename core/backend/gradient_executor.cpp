#include "core/backend/gradient_executor.h"

#include "core/backend/blocks.h"
#include "core/backend/thread_pool.h"
#include "core/error.h"
#include "core/ops/matmul.h"

#include <algorithm>

namespace sf {

namespace {

std::size_t at(NodeId id) {
    return static_cast<std::size_t>(id);
}

bool reads_input(const OpDef& def, std::size_t i) {
    return (def.reads >> std::min<std::size_t>(i, 31) & 1U) != 0;
}

}  // namespace

struct GradientExecutor::Plan {
    struct Target {
        std::int64_t offset = -1;  // in the arena; -1: a parameter's or none
        bool wanted = false, add = false;
    };
    struct Work {
        NodeId id = no_node;
        std::int64_t value = -1, saved = -1, gradient = -1;  // offsets in the arena
        bool differentiate = false;
        std::vector<Target> to;  // per input
    };
    Extent extent;
    std::vector<Seed> seeds;
    std::vector<NodeId> outputs;
    std::vector<bool> wanted;  // parameters whose gradient somebody wants
    bool steps = false;
    std::vector<Work> work;         // in build order
    std::vector<NodeId> untouched;  // wanted parameters that no loss depends on
};

GradientExecutor::GradientExecutor(std::shared_ptr<const Graph> graph,
                                   std::shared_ptr<ThreadPool> pool)
    : graph_(std::move(graph)),
      pool_(std::move(pool)),
      rope_(graph_->config),
      values_(at(graph_->size())),
      prepared_(at(graph_->size())),
      prepared_backward_(at(graph_->size())),
      packed_at_(at(graph_->size())),
      packed_backward_at_(at(graph_->size())) {}

GradientExecutor::~GradientExecutor() = default;

const std::vector<NodeId>& GradientExecutor::inputs_of(NodeId id) const {
    const Node& node = (*graph_)[id];
    return node.fused && !plan_->steps ? node.fused_inputs : node.inputs;
}

const OpDef& GradientExecutor::def_of(NodeId id) const {
    const Node& node = (*graph_)[id];
    return op_def(node.fused && !plan_->steps ? *node.fused : node.op);
}

void GradientExecutor::make_plan(const Request& r) {
    const Graph& g = *graph_;
    const auto n = at(g.size());
    plan_ = std::make_unique<Plan>();
    Plan& plan = *plan_;
    plan.extent = r.extent;
    plan.seeds = r.seeds;
    plan.outputs = r.outputs;
    plan.steps = r.steps;
    plan.wanted.assign(n, false);
    for (NodeId id = 0; id < g.size(); ++id) plan.wanted[at(id)] = r.gradients[at(id)] != nullptr;

    // Computed: what the outputs and losses are made from.
    std::vector<char> needed(n), reaches(n), depends(n);
    std::vector<NodeId> stack = r.outputs;
    for (const Seed& s : r.seeds) {
        stack.push_back(s.loss);
        reaches[at(s.loss)] = 1;
    }
    while (!stack.empty()) {
        const NodeId id = stack.back();
        stack.pop_back();
        if (needed[at(id)]) continue;
        needed[at(id)] = 1;
        const auto& in = inputs_of(id);
        stack.insert(stack.end(), in.begin(), in.end());
    }
    // Differentiated: what depends on a wanted parameter and leads to a loss.
    for (NodeId id = g.size() - 1; id >= 0; --id)
        if (reaches[at(id)] && g[id].op != Op::param && def_of(id).backward)
            for (NodeId in : inputs_of(id)) reaches[at(in)] = 1;
    for (NodeId id = 0; id < g.size(); ++id) {
        if (g[id].op == Op::param) {
            depends[at(id)] = plan.wanted[at(id)];
            continue;
        }
        if (!def_of(id).backward || g[id].dtype != DType::real) continue;
        for (NodeId in : inputs_of(id)) depends[at(id)] |= depends[at(in)];
    }
    const auto has_gradient = [&](NodeId id) {
        return needed[at(id)] && reaches[at(id)] && depends[at(id)];
    };

    // The last moment at which a value is read: forward of node u is moment u, its backward 2n - u.
    const auto end = static_cast<std::int64_t>(2 * n + 1);
    const auto back = [&](NodeId id) { return static_cast<std::int64_t>(2 * n) - id; };
    std::vector<std::int64_t> last(n, -1);
    const auto read = [&](NodeId id, std::int64_t moment) {
        last[at(id)] = std::max(last[at(id)], moment);
    };
    for (NodeId id = 0; id < g.size(); ++id) {
        if (!needed[at(id)] || g[id].op == Op::param) continue;
        read(id, id);
        const OpDef& def = def_of(id);
        const auto& in = inputs_of(id);
        for (std::size_t i = 0; i < in.size(); ++i) {
            read(in[i], id);
            if (has_gradient(id) && reads_input(def, i)) read(in[i], back(id));
        }
        if (has_gradient(id) && def.reads_output) read(id, back(id));
    }
    for (NodeId id : r.outputs) read(id, end);

    Blocks blocks;
    const auto real_bytes = [](std::int64_t count) {
        return count * static_cast<std::int64_t>(sizeof(Real));
    };
    const auto bytes = [&](NodeId id) {
        const auto count = g[id].shape(r.extent).size();
        return g[id].dtype == DType::real ? real_bytes(count)
                                          : count * static_cast<std::int64_t>(sizeof(std::int64_t));
    };
    std::vector<std::vector<NodeId>> dying(2 * n + 2);
    std::vector<std::int64_t> offset(n, -1), gradient(n, -1), saved_bytes(n, 0);
    std::vector<char> touched(n);
    const auto bury = [&](std::int64_t moment) {
        for (NodeId dead : dying[static_cast<std::size_t>(moment)])
            blocks.give(offset[at(dead)], bytes(dead));
    };
    std::vector<ConstView> shapes;
    for (NodeId id = 0; id < g.size(); ++id) {
        if (!needed[at(id)] || g[id].op == Op::param) continue;
        Plan::Work w;
        w.id = id;
        w.value = offset[at(id)] = blocks.take(bytes(id));
        w.differentiate = has_gradient(id);
        dying[static_cast<std::size_t>(last[at(id)])].push_back(id);
        if (w.differentiate && def_of(id).saved) {
            shapes.clear();
            for (NodeId in : inputs_of(id)) shapes.push_back({g[in].shape(r.extent)});
            saved_bytes[at(id)] = real_bytes(def_of(id).saved(g[id], shapes));
            w.saved = blocks.take(saved_bytes[at(id)]);
        }
        plan.work.push_back(std::move(w));
        bury(id);
    }
    for (const Seed& s : r.seeds)
        if (has_gradient(s.loss)) {
            gradient[at(s.loss)] = blocks.take(real_bytes(1));
            touched[at(s.loss)] = 1;
        }
    for (auto w = plan.work.rbegin(); w != plan.work.rend(); ++w) {
        const NodeId id = w->id;
        if (w->differentiate) {
            w->gradient = gradient[at(id)];
            for (NodeId in : inputs_of(id)) {
                Plan::Target t;
                t.wanted = has_gradient(in);
                if (t.wanted) {
                    t.add = touched[at(in)] != 0;
                    if (g[in].op != Op::param) {
                        if (!t.add) gradient[at(in)] = blocks.take(bytes(in));
                        t.offset = gradient[at(in)];
                    }
                    touched[at(in)] = 1;
                }
                w->to.push_back(t);
            }
            blocks.give(w->gradient, bytes(id));
            if (w->saved >= 0) blocks.give(w->saved, saved_bytes[at(id)]);
        }
        bury(back(id));
    }
    for (NodeId id = 0; id < g.size(); ++id)
        if (plan.wanted[at(id)] && !touched[at(id)]) plan.untouched.push_back(id);

    const auto size = static_cast<std::size_t>(blocks.size()) + 64;
    if (arena_.size() < size) {
        arena_.resize(size);
        const auto address = reinterpret_cast<std::uintptr_t>(arena_.data());
        base_ = arena_.data() + (64 - address % 64) % 64;
    }
}

void GradientExecutor::forward(const Request& r) {
    const Graph& g = *graph_;
    std::vector<ConstView> in;
    for (const Plan::Work& w : plan_->work) {
        const Node& node = g[w.id];
        MutView out{node.shape(r.extent), nullptr, nullptr};
        if (node.dtype == DType::real)
            out.real = reinterpret_cast<Real*>(base_ + w.value);
        else
            out.ints = reinterpret_cast<std::int64_t*>(base_ + w.value);
        if (node.op == Op::ids) {
            std::copy(r.ids.begin(), r.ids.end(), out.ints);
        } else {
            in.clear();
            for (NodeId i : inputs_of(w.id)) in.push_back(values_[at(i)]);
            const OpDef& def = def_of(w.id);
            if (def.prepare && packed_at_[at(w.id)] != version_) {
                def.prepare(node, in, prepared_[at(w.id)]);
                packed_at_[at(w.id)] = version_;
            }
            def.forward(
                {.node = node,
                 .extent = r.extent,
                 .in = in,
                 .out = out,
                 .rope = rope_,
                 .prepared = &prepared_[at(w.id)],
                 .pool = pool_.get(),
                 .scratch = &scratch_,
                 .saved = w.saved < 0 ? nullptr : reinterpret_cast<Real*>(base_ + w.saved)});
        }
        values_[at(w.id)] = {out.shape, out.real, out.ints};
    }
}

void GradientExecutor::backward(const Request& r) {
    const Graph& g = *graph_;
    std::vector<ConstView> in;
    std::vector<GradView> to;
    const auto gradient = [&](std::int64_t offset) {
        return reinterpret_cast<Real*>(base_ + offset);
    };
    for (NodeId id : plan_->untouched)
        std::fill_n(r.gradients[at(id)], g[id].shape(r.extent).size(), Real(0));
    for (const Plan::Work& w : plan_->work)
        for (const Seed& s : r.seeds)
            if (w.id == s.loss && w.differentiate)
                *gradient(w.gradient) = static_cast<Real>(s.weight);
    for (auto w = plan_->work.rbegin(); w != plan_->work.rend(); ++w) {
        if (!w->differentiate) continue;
        const Node& node = g[w->id];
        const OpDef& def = def_of(w->id);
        const auto& inputs = inputs_of(w->id);
        in.clear();
        to.clear();
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            in.push_back(values_[at(inputs[i])]);
            const Plan::Target& t = w->to[i];
            GradView view;
            if (t.wanted)
                view = {t.offset < 0 ? r.gradients[at(inputs[i])] : gradient(t.offset), t.add};
            to.push_back(view);
        }
        if (def.prepare_backward && packed_backward_at_[at(w->id)] != version_) {
            def.prepare_backward(node, in, prepared_backward_[at(w->id)]);
            packed_backward_at_[at(w->id)] = version_;
        }
        const Shape shape = node.shape(r.extent);
        if (r.on_gradient) r.on_gradient(w->id, shape, gradient(w->gradient));
        def.backward({.node = node,
                      .extent = r.extent,
                      .in = in,
                      .out = values_[at(w->id)],
                      .grad = gradient(w->gradient),
                      .to = to,
                      .rope = rope_,
                      .prepared = &prepared_backward_[at(w->id)],
                      .pool = pool_.get(),
                      .scratch = &scratch_,
                      .saved = w->saved < 0 ? nullptr : gradient(w->saved)});
    }
    if (!r.on_gradient) return;
    for (NodeId id = 0; id < g.size(); ++id)
        if (r.gradients[at(id)]) r.on_gradient(id, g[id].shape(r.extent), r.gradients[at(id)]);
}

void GradientExecutor::run(const Request& r, bool same_params) {
    std::vector<bool> wanted(r.gradients.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = r.gradients[i] != nullptr;
    const auto same_losses = [&] {
        return plan_->seeds.size() == r.seeds.size() &&
               std::equal(plan_->seeds.begin(), plan_->seeds.end(), r.seeds.begin(),
                          [](const Seed& a, const Seed& b) { return a.loss == b.loss; });
    };
    if (!plan_ || plan_->extent != r.extent || plan_->outputs != r.outputs ||
        plan_->steps != r.steps || plan_->wanted != wanted || !same_losses())
        make_plan(r);
    if (!same_params || version_ == 0) ++version_;
    rope_.reserve(r.extent.context());
    for (NodeId id = 0; id < graph_->size(); ++id)
        if ((*graph_)[id].op == Op::param) values_[at(id)] = r.params[at(id)];
    forward(r);
    backward(r);
}

}  // namespace sf
