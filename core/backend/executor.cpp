#include "core/backend/executor.h"

#include "core/backend/blocks.h"
#include "core/backend/thread_pool.h"
#include "core/error.h"
#include "core/ops/matmul.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>

namespace sf {

namespace {

constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();
// The plan is made for a context rounded up to this, so that decoding plans once in a while, and
// for as many tokens as this at least, so that it serves a draft as well as what judges several.
constexpr std::int64_t context_step = 64, few_tokens = 8;

std::int64_t planned_tokens(const Extent& e) {
    return e.batch == 1 ? std::max(e.tokens, few_tokens) : e.tokens;
}

}  // namespace

struct Executor::Work {
    NodeId id;
    bool fused;
    bool wanted;
    std::int64_t offset;       // -1: its value lies on the device alone
    bool device, keep;         // computed there; read there later
    std::vector<NodeId> last;  // inputs that nothing later reads
};

struct Executor::Plan {
    Extent room;  // what the memory is planned for
    std::vector<NodeId> outputs;
    bool special = false;  // made for an observer, edits or known values: not used again
    std::vector<Work> work;
};

struct Executor::PackedWeights {
    std::vector<const Real*> sources;
    Prepared prepared;
};

Executor::Executor(std::shared_ptr<const Graph> graph, WeightsPtr weights, int threads,
                   BackendPtr backend)
    : graph_(std::move(graph)),
      weights_(std::move(weights)),
      backend_(std::move(backend)),
      pool_(std::make_unique<ThreadPool>(threads)),
      rope_(graph_->config),
      values_(static_cast<std::size_t>(graph_->size())),
      packed_(2 * static_cast<std::size_t>(graph_->size())) {}

Executor::~Executor() = default;

void Executor::make_plan(const Request& r, bool device) {
    const Graph& g = *graph_;
    const auto n = static_cast<std::size_t>(g.size());
    auto plan = std::make_unique<Plan>();
    plan->room = r.extent;
    plan->room.tokens = planned_tokens(r.extent);
    plan->room.past += (context_step - plan->room.context() % context_step) % context_step;
    plan->outputs = r.outputs;
    plan->special = r.observer || !r.edits.empty() || r.known;

    // A composite goes step by step when one of its inner values is edited.
    std::vector<char> edited(n), inner_edit(n), plain(n), needed(n), wanted(n), given(n);
    for (const NodeEdit& e : r.edits) edited[static_cast<std::size_t>(e.node)] = 1;
    if (!r.edits.empty())
        for (NodeId id = 0; id < g.size(); ++id) {
            if (!g[id].fused) continue;
            const auto& outside = g[id].fused_inputs;
            std::vector<NodeId> stack = g[id].inputs;
            while (!stack.empty()) {
                const NodeId inner = stack.back();
                stack.pop_back();
                if (std::find(outside.begin(), outside.end(), inner) != outside.end()) continue;
                if (edited[static_cast<std::size_t>(inner)])
                    plain[static_cast<std::size_t>(id)] = 1;
                stack.insert(stack.end(), g[inner].inputs.begin(), g[inner].inputs.end());
            }
        }
    const auto inputs_of = [&](NodeId id) -> const std::vector<NodeId>& {
        const Node& node = g[id];
        return node.fused && !plain[static_cast<std::size_t>(id)] ? node.fused_inputs : node.inputs;
    };

    std::vector<NodeId> stack = r.outputs;
    if (r.observer)
        for (NodeId id = 0; id < g.size(); ++id)
            if (g[id].op != Op::param && r.observer->wants(id)) {
                wanted[static_cast<std::size_t>(id)] = 1;
                stack.push_back(id);
            }
    while (!stack.empty()) {
        const NodeId id = stack.back();
        stack.pop_back();
        if (needed[static_cast<std::size_t>(id)]) continue;
        needed[static_cast<std::size_t>(id)] = 1;
        if (r.known && r.known(id)) {
            given[static_cast<std::size_t>(id)] = 1;
            continue;
        }
        const auto& in = inputs_of(id);
        stack.insert(stack.end(), in.begin(), in.end());
    }

    // What is set by hand is set here; an edited weight is not the device's.
    const auto op_of = [&](NodeId id) {
        return g[id].fused && !plain[static_cast<std::size_t>(id)] ? *g[id].fused : g[id].op;
    };
    std::vector<char> there(n), keep(n), here(wanted);
    std::vector<std::int64_t> last_use(n, -1);
    for (NodeId id = 0; id < g.size(); ++id) {
        const auto i = static_cast<std::size_t>(id);
        if (!needed[i] || given[i] || g[id].op == Op::param) continue;
        const auto& in = inputs_of(id);
        there[i] = device && !edited[i] && backend_->takes(g, id, op_of(id), plan->room) &&
                   std::none_of(in.begin(), in.end(), [&](NodeId x) {
                       return g[x].op == Op::param && edited[static_cast<std::size_t>(x)];
                   });
        for (NodeId x : in) {
            last_use[static_cast<std::size_t>(x)] = id;
            (there[i] ? keep : here)[static_cast<std::size_t>(x)] = 1;
        }
    }
    for (NodeId id : r.outputs) {
        last_use[static_cast<std::size_t>(id)] = unbounded;
        here[static_cast<std::size_t>(id)] = 1;
    }

    Blocks blocks;
    std::vector<std::int64_t> offset(n, -1);
    std::vector<std::vector<NodeId>> dying(n);
    const auto bytes = [&](NodeId id) {
        return g[id].shape(plan->room).size() *
               static_cast<std::int64_t>(g[id].dtype == DType::real ? sizeof(Real)
                                                                    : sizeof(std::int64_t));
    };
    for (NodeId id = 0; id < g.size(); ++id) {
        const auto i = static_cast<std::size_t>(id);
        if (!needed[i] || g[id].op == Op::param) continue;
        if (!given[i]) {
            if (!there[i] || here[i]) offset[i] = blocks.take(bytes(id));
            std::vector<NodeId> last;
            if (there[i])
                for (NodeId x : inputs_of(id))
                    if (last_use[static_cast<std::size_t>(x)] == id) last.push_back(x);
            plan->work.push_back({id, g[id].fused && !plain[i], wanted[i] != 0, offset[i],
                                  there[i] != 0, keep[i] != 0, std::move(last)});
            const auto end = last_use[i] < 0 ? id : last_use[i];
            if (offset[i] >= 0 && end != unbounded)
                dying[static_cast<std::size_t>(end)].push_back(id);
        }
        for (NodeId dead : dying[i])
            blocks.give(offset[static_cast<std::size_t>(dead)], bytes(dead));
    }
    if (arena_.size() < static_cast<std::size_t>(blocks.size()) + 64) {
        arena_.resize(static_cast<std::size_t>(blocks.size()) + 64);
        const auto address = reinterpret_cast<std::uintptr_t>(arena_.data());
        base_ = arena_.data() + (64 - address % 64) % 64;
    }
    plan_ = std::move(plan);
}

void Executor::set_params(const Request& r) {
    const bool stale = !edited_params_.empty() || plan_ == nullptr;
    edited_params_.clear();
    if (!stale && r.edits.empty()) return;
    if (weights_)
        for (NodeId id = 0; id < graph_->size(); ++id)
            if ((*graph_)[id].op == Op::param)
                values_[static_cast<std::size_t>(id)] = weights_->at((*graph_)[id].name).view();
    edited_params_.reserve(r.edits.size());
    std::map<NodeId, std::size_t> copies;
    for (const NodeEdit& e : r.edits) {
        if ((*graph_)[e.node].op != Op::param || !weights_) continue;
        const auto [it, inserted] = copies.emplace(e.node, edited_params_.size());
        if (inserted) edited_params_.push_back(weights_->at((*graph_)[e.node].name));
        Tensor& copy = edited_params_[it->second];
        copy.real[static_cast<std::size_t>(e.index)] = static_cast<Real>(e.value);
        values_[static_cast<std::size_t>(e.node)] = copy.view();
    }
}

const Prepared* Executor::prepare(const Node& node, NodeId id, bool fused,
                                  std::span<const ConstView> in) {
    const OpDef& def = op_def(fused ? *node.fused : node.op);
    if (def.prepare == nullptr) return nullptr;
    auto& slot = packed_[2 * static_cast<std::size_t>(id) + (fused ? 1 : 0)];
    const auto& ids = fused ? node.fused_inputs : node.inputs;
    const auto is_weight = [&](std::size_t i) { return (*graph_)[ids[i]].op == Op::param; };
    if (slot) {
        std::size_t k = 0;
        bool same = true;
        for (std::size_t i = 0; i < in.size() && same; ++i)
            if (is_weight(i)) same = slot->sources[k++] == in[i].real;
        // An edited copy may lie where an earlier one lay: edited weights are packed anew.
        if (same && edited_params_.empty()) return &slot->prepared;
    }
    slot = std::make_unique<PackedWeights>();
    for (std::size_t i = 0; i < in.size(); ++i)
        if (is_weight(i)) slot->sources.push_back(edited_params_.empty() ? in[i].real : nullptr);
    def.prepare(node, in, slot->prepared);
    return &slot->prepared;
}

void Executor::run(const Request& r) {
    if (backend_) {
        try {
            if (const auto device = backend_->begin(weights_)) return run_with(r, device.get());
        } catch (const DeviceError& e) {
            backend_->give_up(e.what());
            if (r.cache) r.cache->truncate(r.extent.past);
        }
        backend_ = nullptr;
        plan_ = nullptr;
    }
    run_with(r, nullptr);
}

void Executor::compute(const Request& r, const Work& w, const MutView& out, DeviceRun* device) {
    const Graph& g = *graph_;
    const Node& node = g[w.id];
    const auto& ids = w.fused ? node.fused_inputs : node.inputs;
    inputs_.clear();
    for (NodeId in : ids) {
        inputs_.push_back(values_[static_cast<std::size_t>(in)]);
        // Tensors without elements have no memory.
        if (!w.device && !inputs_.back().real && !inputs_.back().ints &&
            g[in].shape(r.extent).size() > 0)
            throw UserError("trace: " + node.name + " needs " + g[in].name +
                            ", which is not there (a trace from a file has no weights)");
    }
    const Op op = w.fused ? *node.fused : node.op;
    if (w.device)
        return device->compute({.graph = g,
                                .id = w.id,
                                .op = op,
                                .extent = r.extent,
                                .inputs = ids,
                                .in = inputs_,
                                .out = out,
                                .keep = w.keep,
                                .last = w.last});
    op_def(op).forward({.node = node,
                        .extent = r.extent,
                        .in = inputs_,
                        .out = out,
                        .rope = rope_,
                        .prepared = prepare(node, w.id, w.fused, inputs_),
                        .pool = pool_.get(),
                        .scratch = &scratch_});
}

void Executor::run_with(const Request& r, DeviceRun* device) {
    const Graph& g = *graph_;
    set_params(r);
    const Extent& e = r.extent;
    const bool fits = plan_ && !plan_->special && !r.observer && r.edits.empty() && !r.known &&
                      plan_->outputs == r.outputs && plan_->room.batch == e.batch &&
                      plan_->room.tokens == planned_tokens(e) &&
                      e.context() <= plan_->room.context() &&
                      e.context() + context_step + few_tokens > plan_->room.context();
    if (!fits) make_plan(r, device != nullptr);
    rope_.reserve(e.context());

    if (r.known)
        for (NodeId id = 0; id < g.size(); ++id)
            if (const Tensor* t = r.known(id)) values_[static_cast<std::size_t>(id)] = t->view();

    for (const Work& w : plan_->work) {
        const Node& node = g[w.id];
        MutView out{node.shape(e), nullptr, nullptr};
        if (w.offset >= 0) {
            if (node.dtype == DType::real)
                out.real = reinterpret_cast<Real*>(base_ + w.offset);
            else
                out.ints = reinterpret_cast<std::int64_t*>(base_ + w.offset);
        }

        using Clock = std::chrono::steady_clock;
        const auto start = r.observer ? Clock::now() : Clock::time_point{};
        if (node.op == Op::ids) {
            std::copy(r.ids.begin(), r.ids.end(), out.ints);
        } else if (node.op == Op::state) {
            std::copy(r.state.begin(), r.state.end(), out.real);
        } else if (node.op == Op::cache && r.cache) {
            // The cache's own rows, past and new.
            const ConstView& rows = values_[static_cast<std::size_t>(node.inputs[0])];
            out.real = r.cache->layer(node.layer)
                           .append(static_cast<std::size_t>(node.attrs.begin), rows.real, e.tokens);
        } else {
            compute(r, w, out, device);
        }
        for (const NodeEdit& edit : r.edits)
            if (edit.node == w.id) {
                if (out.real)
                    out.real[edit.index] = static_cast<Real>(edit.value);
                else
                    out.ints[edit.index] = static_cast<std::int64_t>(edit.value);
            }
        ConstView& value = values_[static_cast<std::size_t>(w.id)];
        value = {out.shape, out.real, out.ints};
        if (w.wanted)
            r.observer->value(w.id, value,
                              std::chrono::duration<double>(Clock::now() - start).count());
    }
    if (r.cache) r.cache->advance(e.tokens);
}

}  // namespace sf
