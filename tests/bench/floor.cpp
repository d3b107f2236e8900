#include "tests/bench/floor.h"

#include "core/ops/matmul.h"
#include "core/random.h"

#include <Eigen/Core>
#include <algorithm>

namespace sf {

namespace {

// Products in the order of a pass; a linear's gradients come with it when `backward`.
struct List {
    const ModelConfig& c;
    bool backward;
    std::vector<Product> p;

    void add(Form form, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t times,
             double useful = 1) {
        if (m > 0 && n > 0 && k > 0 && times > 0) p.push_back({form, m, n, k, times, useful});
    }
    // y (rows, n) = x (rows, k) W^T; dx = dy W; dW = dy^T x.
    void linear(std::int64_t rows, std::int64_t n, std::int64_t k, std::int64_t times = 1) {
        add(Form::forward, rows, n, k, times);
        if (!backward) return;
        add(Form::input_gradient, rows, k, n, times);
        add(Form::weight_gradient, n, k, rows, times);
    }
    void block(std::int64_t rows, bool moe) {
        const std::int64_t D = c.hidden_size, H = c.num_attention_heads;
        const std::int64_t q_in = c.q_lora_rank.value_or(D);
        if (c.q_lora_rank) linear(rows, *c.q_lora_rank, D);
        linear(rows, H * c.qk_head_dim(), q_in);
        linear(rows, c.kv_lora_rank + c.qk_rope_head_dim, D);
        linear(rows, D, H * c.v_head_dim);
        if (!moe) {
            linear(rows, c.intermediate_size, D, 2);
            linear(rows, D, c.intermediate_size);
            return;
        }
        const std::int64_t I = c.moe_intermediate_size, slots = rows * c.num_experts_per_tok;
        const auto experts = std::min(slots, c.n_routed_experts), each = slots / experts;
        linear(rows, c.n_routed_experts, D);
        linear(each, I, D, 2 * experts);
        linear(each, D, I, experts);
        linear(rows, c.n_shared_experts * I, D, 2);
        linear(rows, D, c.n_shared_experts * I);
    }
    void attention(std::int64_t batch, std::int64_t tokens) {
        const auto H = c.num_attention_heads, k = c.qk_head_dim(), v = c.v_head_dim;
        linear(batch * tokens, H * (c.qk_nope_head_dim + v), c.kv_lora_rank);
        // Half of the keys on average: two blocks of rows see half and all of them.
        const auto half = tokens / 2, rest = tokens - half, heads = batch * H;
        const double useful = static_cast<double>(tokens * (tokens + 1)) /
                              static_cast<double>(2 * (half * half + rest * tokens));
        for (const auto& [rows, keys] : {std::pair{half, half}, std::pair{rest, tokens}}) {
            add(Form::forward, rows, keys, k, heads, useful);         // S = Q K^T
            add(Form::input_gradient, rows, v, keys, heads, useful);  // O = P V
            if (!backward) continue;
            add(Form::forward, rows, keys, k, heads, 0);               // S again
            add(Form::forward, rows, keys, v, heads, useful);          // dP = dO V^T
            add(Form::input_gradient, rows, k, keys, heads, useful);   // dQ = dS K
            add(Form::weight_gradient, keys, k, rows, heads, useful);  // dK = dS^T Q
            add(Form::weight_gradient, keys, v, rows, heads, useful);  // dV = P^T dO
        }
    }
    void model(std::int64_t batch, std::int64_t tokens) {
        for (std::int64_t l = 0; l < c.num_hidden_layers; ++l) {
            block(batch * tokens, c.is_moe(l));
            attention(batch, tokens);
        }
        linear(batch * tokens, c.vocab_size, c.hidden_size);
    }
    // Depth k has no input for the last k positions.
    void mtp(std::int64_t batch, std::int64_t tokens) {
        for (std::int64_t d = 1; d <= c.num_nextn_predict_layers; ++d) {
            const auto left = tokens - d;
            linear(batch * left, c.hidden_size, 2 * c.hidden_size);
            block(batch * left, c.is_moe(c.num_hidden_layers + d - 1));
            attention(batch, left);
            linear(batch * left, c.vocab_size, c.hidden_size);
        }
    }
};

}  // namespace

std::vector<Product> forward_products(const ModelConfig& c, std::int64_t batch,
                                      std::int64_t tokens) {
    List list{c, false, {}};
    list.model(batch, tokens);
    return list.p;
}

std::vector<Product> training_products(const ModelConfig& c, std::int64_t batch,
                                       std::int64_t tokens) {
    List list{c, true, {}};
    list.model(batch, tokens);
    list.mtp(batch, tokens);
    return list.p;
}

std::vector<Product> decode_products(const ModelConfig& c, std::int64_t context) {
    List list{c, false, {}};
    const auto H = c.num_attention_heads;
    for (std::int64_t l = 0; l < c.num_hidden_layers; ++l) {
        list.block(1, c.is_moe(l));
        list.add(Form::input_gradient, 1, c.kv_lora_rank, c.qk_nope_head_dim, H);
        list.add(Form::forward, 1, c.v_head_dim, c.kv_lora_rank, H);
        list.add(Form::forward, H, context, c.kv_lora_rank + c.qk_rope_head_dim, 1);
        list.add(Form::input_gradient, H, c.kv_lora_rank, context, 1);
    }
    list.linear(1, c.vocab_size, c.hidden_size);
    return list.p;
}

double product_flops(const std::vector<Product>& list, bool useful) {
    double f = 0;
    for (const Product& p : list)
        f += 2.0 * static_cast<double>(p.m * p.n) * static_cast<double>(p.k * p.times) *
             (useful ? p.useful : 1.0);
    return f;
}

double decode_bytes(const ModelConfig& c, std::int64_t context) {
    double numbers = static_cast<double>(context * cost(c).cache_floats_per_token);
    for (const Product& p : decode_products(c, 0))
        numbers += static_cast<double>(p.n * p.k * p.times);
    return numbers * sizeof(Real);
}

using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using View = Eigen::Map<Matrix>;
using Row = Eigen::Map<Eigen::Matrix<Real, Eigen::Dynamic, 1>>;

struct Products::Impl {
    // One product's operands; in cache all point to the same memory.
    struct Job {
        Product p;
        Real *x, *w, *packed, *y;
    };
    std::vector<Job> jobs;
    std::vector<Real> memory;
};

Products::Products(std::vector<Product> list, Operands operands) : impl_(std::make_unique<Impl>()) {
    constexpr std::int64_t line = 64 / sizeof(Real);
    const auto whole = [](std::int64_t n) { return (n + line - 1) / line * line; };
    struct Sizes {
        std::int64_t x = 0, w = 0, packed = 0, y = 0;
    };
    const auto sizes_of = [&](const Product& p) {
        return Sizes{whole(p.m * p.k), whole(p.n * p.k), whole(packed_size(p.k, p.n)),
                     whole(p.m * p.n)};
    };
    const bool streamed = operands == Operands::streamed;
    Sizes most;
    std::int64_t total = line;
    for (const Product& p : list) {
        const Sizes s = sizes_of(p);
        most = {std::max(most.x, s.x), std::max(most.w, s.w), std::max(most.packed, s.packed),
                std::max(most.y, s.y)};
        if (streamed) total += p.times * (s.x + s.w + s.packed + s.y);
    }
    if (!streamed) total += most.x + most.w + most.packed + most.y;
    impl_->memory.resize(static_cast<std::size_t>(total));
    std::vector<Real>& memory = impl_->memory;
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    const auto first = static_cast<std::size_t>((64 - address % 64) % 64 / sizeof(Real));
    // Random numbers, again and again, wherever the memory lies: hundreds of megabytes are filled
    // in no time.
    constexpr std::size_t period = 65'521;
    for (std::size_t i = first; i < memory.size(); ++i)
        memory[i] = i - first < period
                        ? static_cast<Real>(random_uniform(3, 3, i - first)) - Real(0.5)
                        : memory[i - period];
    Real* at = memory.data() + first;
    for (const Product& p : list) {
        const Sizes s = streamed ? sizes_of(p) : most;
        for (std::int64_t i = 0; i < p.times; ++i) {
            Impl::Job job{p, at, at + s.x, at + s.x + s.w, at + s.x + s.w + s.packed};
            if (p.form == Form::forward)
                pack_transposed(job.w, p.n, p.k, p.k, job.packed);
            else
                pack_straight(job.w, p.k, p.n, p.n, job.packed);
            if (streamed) at += s.x + s.w + s.packed + s.y;
            impl_->jobs.push_back(job);
        }
    }
}
Products::~Products() = default;
Products::Products(Products&&) noexcept = default;

void Products::eigen() {
    for (const auto& [p, xp, wp, packed, yp] : impl_->jobs) {
        View y(yp, p.m, p.n);
        if (p.form == Form::weight_gradient) {
            y.noalias() = View(xp, p.k, p.m).transpose() * View(wp, p.k, p.n);
        } else if (p.m == 1) {
            if (p.form == Form::forward)
                Row(yp, p.n).noalias() = View(wp, p.n, p.k) * Row(xp, p.k);
            else
                Row(yp, p.n).noalias() = View(wp, p.k, p.n).transpose() * Row(xp, p.k);
        } else if (p.form == Form::forward) {
            y.noalias() = View(xp, p.m, p.k) * View(wp, p.n, p.k).transpose();
        } else {
            y.noalias() = View(xp, p.m, p.k) * View(wp, p.k, p.n);
        }
    }
}

void Products::own() {
    for (const auto& [p, x, w, packed, y] : impl_->jobs)
        if (p.form == Form::weight_gradient)
            multiply_transposed(x, p.m, p.m, p.k, w, p.n, p.n, y, p.n, false);
        else
            multiply_panels(x, p.m, p.k, p.k, packed, p.n, y, p.n, false);
}

double Products::sum() const {
    double s = 0;
    for (const auto& job : impl_->jobs)
        for (std::int64_t i = 0; i < job.p.m * job.p.n; ++i)
            s += static_cast<double>(job.y[i]) * (1 + static_cast<double>(i % 7));
    return s;
}

}  // namespace sf
