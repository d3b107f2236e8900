#include "core/graph/op.h"
#include "core/ops/matmul.h"
#include "core/ops/rope.h"
#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>

// Every op's gradient against central differences, in double (this file is built with sf_core_f64
// only): for random inputs x and a random weight w on the output, d(sum w y)/dx.

namespace sf {
namespace {

static_assert(std::is_same_v<Real, double>);

constexpr Extent extent{2, 5, 0};
constexpr double step = 1e-5, tolerance = 1e-6;

Dim B() {
    Dim d;
    d.per_batch = true;
    return d;
}
Dim T(std::int64_t scale = 1, std::int64_t offset = 0) {
    Dim d;
    d.scale = scale;
    d.sym = Dim::Sym::tokens;
    d.offset = offset;
    return d;
}
Dim N(std::int64_t n) {
    Dim d;
    d.scale = n;
    return d;
}
Dim slots(std::int64_t k) {
    Dim d = T(k);
    d.per_batch = true;
    return d;
}

struct Input {
    std::vector<Dim> dims;
    // Integers instead of numbers.
    std::function<std::vector<std::int64_t>(std::int64_t size)> ints = {};
    bool positive = false;
};
struct Case {
    Op op;
    Attrs attrs;
    std::vector<Input> in;
    bool masked = false;  // input 0 holds scores: −inf above the diagonal
};

std::vector<std::int64_t> up_to(std::int64_t size, std::int64_t n) {
    std::vector<std::int64_t> v;
    for (std::int64_t i = 0; i < size; ++i)
        v.push_back(static_cast<std::int64_t>(random_bits(11, 2, static_cast<std::uint64_t>(i)) %
                                              static_cast<std::uint64_t>(n)));
    return v;
}
// Different experts for each token, expert 1 with no token at all.
std::vector<std::int64_t> choices(std::int64_t size, std::int64_t experts, std::int64_t k) {
    std::vector<std::int64_t> v;
    for (std::int64_t i = 0; i < size; ++i) {
        const auto e = (i / k * 3 + i % k * 2) % experts;
        v.push_back(e == 1 ? (i % k == 0 ? 5 : 4) : e);
    }
    return v;
}
std::vector<std::int64_t> sorted_slots(const std::vector<std::int64_t>& chosen) {
    std::vector<std::int64_t> order(chosen.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return chosen[static_cast<std::size_t>(a)] < chosen[static_cast<std::size_t>(b)];
    });
    return order;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    const auto with = [](auto set) {
        Attrs a;
        set(a);
        return a;
    };
    const Attrs none;
    list.push_back({Op::add, none, {{{B(), T(), N(6)}}, {{B(), T(), N(6)}}}});
    list.push_back({Op::concat, none, {{{B(), T(), N(3)}}, {{B(), T(), N(4)}}}});
    list.push_back({Op::swiglu, none, {{{B(), T(), N(6)}}, {{B(), T(), N(6)}}}});
    list.push_back({Op::softmax, none, {{{B(), T(), N(7)}}}});
    list.push_back({Op::take_rows, with([](Attrs& a) { a.shift = 2; }), {{{B(), T(), N(3)}}}});
    list.push_back({Op::embedding,
                    none,
                    {{{B(), T()}, [](std::int64_t n) { return up_to(n, 4); }}, {{N(4), N(3)}}}});
    list.push_back({Op::rms_norm,
                    with([](Attrs& a) {
                        a.begin = 2;
                        a.width = 5;
                        a.eps = 1e-3;
                    }),
                    {{{B(), T(), N(8)}}, {{N(5)}}}});
    for (const std::int64_t heads : {0, 2})
        list.push_back({Op::linear,
                        with([=](Attrs& a) { a.heads = heads; }),
                        {{{B(), T(), N(37)}}, {{N(34), N(37)}}}});
    for (const std::int64_t heads : {0, 3})
        list.push_back({Op::rope,
                        with([=](Attrs& a) {
                            a.heads = heads;
                            a.begin = 2;
                            a.rope = 4;
                        }),
                        {{heads > 0 ? std::vector<Dim>{B(), T(), N(3), N(7)}
                                    : std::vector<Dim>{B(), T(), N(7)}}}});
    list.push_back({Op::rope,
                    with([](Attrs& a) {
                        a.heads = 2;
                        a.begin = 3;
                        a.width = 2;
                        a.rope = 4;
                    }),
                    {{{B(), T(), N(2), N(8)}}}});
    list.push_back({Op::cache, none, {{{B(), T(), N(4)}}}});
    list.push_back({Op::cache, none, {{{B(), T(), N(2), N(4)}}}});

    const Attrs heads = with([](Attrs& a) {
        a.heads = 2;
        a.nope = 3;
        a.rope = 4;
        a.value = 5;
        a.scale = 0.7;
    });
    const Attrs inside = with([&](Attrs& a) {
        a = heads;
        a.value = 6;
    });
    const Input q{{B(), T(), N(2), N(7)}}, q_pe{{B(), T(), N(2), N(4)}}, kv{{B(), T(), N(2), N(8)}},
        k_pe{{B(), T(), N(4)}}, latent{{B(), T(), N(6)}}, q_latent{{B(), T(), N(2), N(6)}},
        kv_b{{N(16), N(6)}}, scores{{B(), N(2), T(), T()}};
    list.push_back({Op::scores, heads, {q, q_pe, kv, k_pe}, true});
    list.push_back({Op::attention, heads, {q, q_pe, kv, k_pe}});
    list.push_back({Op::scores_latent, inside, {q_latent, q_pe, latent, k_pe}, true});
    list.push_back({Op::attention_latent, inside, {q_latent, q_pe, latent, k_pe}});
    for (const std::int64_t groups : {1, 2, 4}) {
        Attrs a = heads;
        a.heads = 4;
        a.kv_heads = groups;
        const Input q4{{B(), T(), N(4), N(7)}}, q4_pe{{B(), T(), N(4), N(4)}},
            k{{B(), T(), N(groups), N(7)}}, v{{B(), T(), N(groups), N(5)}},
            scores4{{B(), N(4), T(), T()}};
        list.push_back({Op::scores, a, {q4, q4_pe, k}, true});
        list.push_back({Op::attention, a, {q4, q4_pe, k, v}});
        list.push_back({Op::online_o, a, {scores4, v}});
        list.push_back({Op::attend, a, {scores4, v}});
    }
    list.push_back({Op::causal_softmax, heads, {scores}});
    list.push_back({Op::online_m, heads, {scores}});
    list.push_back({Op::online_d, heads, {scores}});
    list.push_back({Op::online_o, heads, {scores, kv}});
    list.push_back({Op::online_o, inside, {scores, latent}});
    list.push_back({Op::attend, heads, {scores, kv}});
    list.push_back({Op::attend_latent, inside, {scores, latent}});
    list.push_back({Op::absorb_q, heads, {q, kv_b}});
    list.push_back({Op::expand_v, heads, {q_latent, kv_b}});

    Attrs r = with([](Attrs& a) {
        a.experts = 6;
        a.top_k = 2;
        a.groups = 2;
        a.kept_groups = 1;
        a.biased = true;
        a.scale = 2.5;
    });
    const auto chosen = [](std::int64_t n) { return choices(n, 6, 2); };
    const Input s{{B(), T(), N(6)}, {}, true}, indices{{B(), T(), N(2)}, chosen};
    for (const bool sigmoid : {true, false}) {
        r.sigmoid = r.normalise = sigmoid;
        list.push_back({Op::gate_scores, r, {{{B(), T(), N(6)}}}});
        list.push_back({Op::gate_weights, r, {s, indices}});
    }
    list.push_back({Op::add_bias, r, {s, {{N(6)}}}});
    list.push_back({Op::group_scores, r, {s}});
    r.biased = false;
    list.push_back({Op::group_scores, r, {s}});
    const Input order{{slots(2)}, [=](std::int64_t n) { return sorted_slots(chosen(n)); }};
    const Input load{{N(6)}, [=](std::int64_t) {
                         std::vector<std::int64_t> l(6);
                         for (const auto e : chosen(2 * extent.batch * extent.tokens))
                             ++l[static_cast<std::size_t>(e)];
                         return l;
                     }};
    list.push_back({Op::dispatch, r, {{{B(), T(), N(4)}}, order}});
    Case grouped{Op::grouped_linear, r, {{{slots(2), N(4)}}, load}};
    for (int e = 0; e < 6; ++e) grouped.in.push_back({{N(3), N(4)}});
    list.push_back(grouped);
    list.push_back({Op::combine, r, {{{slots(2), N(4)}}, order, {{B(), T(), N(2)}}}});
    Case fused{Op::experts, r, {{{B(), T(), N(4)}}, indices, {{B(), T(), N(2)}}}};
    for (int e = 0; e < 6; ++e) {
        fused.in.push_back({{N(3), N(4)}});
        fused.in.push_back({{N(3), N(4)}});
        fused.in.push_back({{N(4), N(3)}});
    }
    list.push_back(fused);

    const Input ids{{B(), T()}, [](std::int64_t n) { return up_to(n, 9); }};
    for (const std::int64_t shift : {1, 2})
        list.push_back({Op::cross_entropy,
                        with([=](Attrs& a) { a.shift = shift; }),
                        {{{B(), T(1, shift == 2 ? -1 : 0), N(9)}}, ids}});
    list.push_back({Op::mean, none, {{{B(), T(1, -1)}}}});
    list.push_back({Op::score_share, r, {s}});
    list.push_back({Op::balance_loss, r, {{{B(), N(6)}}, {{B(), N(6)}}}});
    list.push_back({Op::balance_loss, r, {{{N(1), N(6)}}, {{B(), N(6)}}}});
    return list;
}

// An op with its inputs, run as often as one likes.
class Bench {
public:
    explicit Bench(const Case& c) : rope_(config()), def_(op_def(c.op)) {
        rope_.reserve(extent.context());
        Graph graph;
        for (std::size_t i = 0; i < c.in.size(); ++i) {
            Node n;
            n.op = Op::param;
            n.name = "in" + std::to_string(i);
            n.dims = c.in[i].dims;
            n.dtype = c.in[i].ints ? DType::i64 : DType::real;
            node_.inputs.push_back(graph.add(n));
            Tensor t(n.shape(extent), n.dtype);
            if (c.in[i].ints) t.ints = c.in[i].ints(t.size());
            for (std::size_t j = 0; j < t.real.size(); ++j)
                t.real[j] =
                    c.in[i].positive ? 0.1 + random_uniform(3, i, j) : random_normal(3, i, j);
            in.push_back(std::move(t));
        }
        node_.op = c.op;
        node_.name = "node";
        node_.attrs = c.attrs;
        node_.fused_inputs = node_.inputs;
        def_.shape(graph, node_);
        out = Tensor(node_.shape(extent), node_.dtype);
        masked_ = c.masked;
    }

    void forward() {
        const auto views = inputs();
        Prepared prepared;
        if (def_.prepare) def_.prepare(node_, views, prepared);
        if (def_.saved) saved_.resize(static_cast<std::size_t>(def_.saved(node_, views)));
        def_.forward({.node = node_,
                      .extent = extent,
                      .in = views,
                      .out = {out.shape, out.real.data(), nullptr},
                      .rope = rope_,
                      .prepared = &prepared,
                      .scratch = &scratch_,
                      .saved = saved_.empty() ? nullptr : saved_.data()});
    }
    void backward(const std::vector<Real>& weight, std::vector<std::vector<Real>>& gradients,
                  bool add) {
        const auto views = inputs();
        Prepared prepared;
        if (def_.prepare_backward) def_.prepare_backward(node_, views, prepared);
        std::vector<GradView> to;
        for (std::size_t i = 0; i < in.size(); ++i)
            to.push_back({in[i].real.empty() ? nullptr : gradients[i].data(), add});
        def_.backward({.node = node_,
                       .extent = extent,
                       .in = views,
                       .out = out.view(),
                       .grad = weight.data(),
                       .to = to,
                       .rope = rope_,
                       .prepared = &prepared,
                       .scratch = &scratch_,
                       .saved = saved_.empty() ? nullptr : saved_.data()});
    }
    double value(const std::vector<Real>& weight) {
        forward();
        double sum = 0;
        for (std::size_t i = 0; i < weight.size(); ++i)
            if (std::isfinite(out.real[i])) sum += weight[i] * out.real[i];
        return sum;
    }
    bool masked() const { return masked_; }

    std::vector<Tensor> in;
    Tensor out;

private:
    static ModelConfig config() {
        ModelConfig c;
        c.qk_rope_head_dim = 4;
        return c;
    }
    std::vector<ConstView> inputs() const {
        std::vector<ConstView> views;
        for (const Tensor& t : in) views.push_back(t.view());
        return views;
    }
    RopeTable rope_;
    const OpDef& def_;
    Node node_;
    Scratch scratch_;
    std::vector<Real> saved_;
    bool masked_ = false;
};

// No gradient passes through what is counted, chosen or given.
const std::set<Op> without_gradient{
    Op::ids,           Op::state,       Op::param,        Op::shift_ids,    Op::group_choice,
    Op::expert_choice, Op::expert_load, Op::expert_slots, Op::top_fraction, Op::choice_fraction,
};
// Not differentiated on purpose: fractions f count tokens.
bool constant_input(Op op, std::size_t i) {
    return op == Op::balance_loss && i == 0;
}

TEST(Gradients, every_op_has_a_case_or_passes_none) {
    std::set<Op> tested;
    for (const Case& c : cases()) tested.insert(c.op);
    for (const OpDef& def : op_table()) {
        EXPECT_EQ(def.backward == nullptr, without_gradient.count(def.op) > 0) << def.name;
        EXPECT_EQ(tested.count(def.op) > 0, def.backward != nullptr)
            << def.name << " needs a case in this table";
    }
}

TEST(Gradients, agree_with_central_differences) {
    for (const Case& c : cases()) {
        const std::string name = op_def(c.op).name;
        SCOPED_TRACE(name);
        Bench bench(c);
        bench.forward();
        std::vector<Real> weight(bench.out.real.size());
        for (std::size_t i = 0; i < weight.size(); ++i) {
            weight[i] = random_normal(5, 5, i);
            if (!std::isfinite(bench.out.real[i])) weight[i] = 0;  // masked
        }
        // Written over, then added to what is there: both must give the same.
        std::vector<std::vector<Real>> fresh, added;
        for (std::size_t i = 0; i < bench.in.size(); ++i) {
            fresh.emplace_back(bench.in[i].real.size(), std::nan(""));
            added.emplace_back(bench.in[i].real.size(), 0.25);
        }
        bench.backward(weight, fresh, false);
        bench.backward(weight, added, true);
        double scale = 0;
        for (std::size_t i = 0; i < fresh.size(); ++i)
            for (const Real g : fresh[i])
                if (!constant_input(c.op, i)) scale = std::max(scale, std::abs(g));
        EXPECT_GT(scale, 1e-3);
        std::int64_t compared = 0;
        for (std::size_t i = 0; i < fresh.size(); ++i) {
            if (constant_input(c.op, i)) continue;
            for (std::size_t j = 0; j < fresh[i].size(); ++j) {
                Real& x = bench.in[i].real[j];
                const Real kept = x;
                x = kept + step;
                const double above = bench.value(weight);
                x = kept - step;
                const double below = bench.value(weight);
                x = kept;
                const double numeric = (above - below) / (2 * step);
                ASSERT_NEAR(fresh[i][j], numeric, tolerance * scale)
                    << "input " << i << ", value " << j;
                ASSERT_NEAR(added[i][j] - 0.25, fresh[i][j], 1e-12 * (1 + scale))
                    << "input " << i << ", value " << j << ", added";
                ++compared;
            }
        }
        EXPECT_GT(compared, 0);
    }
}

// The test would notice: a gradient that is off by one part in ten thousand is outside tolerance.
TEST(Gradients, the_tolerance_is_tight) {
    Case c = cases().front();
    Bench bench(c);
    bench.forward();
    std::vector<Real> weight(bench.out.real.size(), 1.0);
    std::vector<std::vector<Real>> g;
    for (const Tensor& t : bench.in) g.emplace_back(t.real.size(), std::nan(""));
    bench.backward(weight, g, false);
    EXPECT_NEAR(g[0][0], 1.0, tolerance);
    EXPECT_GT(std::abs(g[0][0] * (1 + 1e-4) - 1.0), tolerance);
}

}  // namespace
}  // namespace sf
