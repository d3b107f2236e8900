#include "tests/bench/floor.h"

#include "core/ops/matmul.h"
#include "core/random.h"

#include <Eigen/Core>

namespace sf {

namespace {

void add_block(std::vector<Product>& p, const ModelConfig& c, std::int64_t rows, bool moe) {
    const std::int64_t D = c.hidden_size, H = c.num_attention_heads;
    const std::int64_t q_in = c.q_lora_rank.value_or(D);
    if (c.q_lora_rank) p.push_back({rows, *c.q_lora_rank, D, 1});
    p.push_back({rows, H * c.qk_head_dim(), q_in, 1});
    p.push_back({rows, c.kv_lora_rank + c.qk_rope_head_dim, D, 1});
    p.push_back({rows, D, H * c.v_head_dim, 1});
    if (!moe) {
        p.push_back({rows, c.intermediate_size, D, 2});
        p.push_back({rows, D, c.intermediate_size, 1});
        return;
    }
    const std::int64_t I = c.moe_intermediate_size, slots = rows * c.num_experts_per_tok;
    const auto experts = std::min(slots, c.n_routed_experts), each = slots / experts;
    p.push_back({rows, c.n_routed_experts, D, 1});
    p.push_back({each, I, D, 2 * experts});
    p.push_back({each, D, I, experts});
    p.push_back({rows, c.n_shared_experts * I, D, 2});
    p.push_back({rows, D, c.n_shared_experts * I, 1});
}

}  // namespace

std::vector<Product> forward_products(const ModelConfig& c, std::int64_t batch,
                                      std::int64_t tokens) {
    std::vector<Product> p;
    const auto rows = batch * tokens, H = c.num_attention_heads;
    for (std::int64_t l = 0; l < c.num_hidden_layers; ++l) {
        add_block(p, c, rows, c.is_moe(l));
        p.push_back({rows, H * (c.qk_nope_head_dim + c.v_head_dim), c.kv_lora_rank, 1});
        // Half of the keys on average: two blocks of rows see half and all of them.
        for (const auto keys : {tokens / 2, tokens}) {
            p.push_back({tokens / 2, keys, c.qk_head_dim(), batch * H});
            p.push_back({tokens / 2, c.v_head_dim, keys, batch * H});
        }
    }
    p.push_back({rows, c.vocab_size, c.hidden_size, 1});
    return p;
}

std::vector<Product> decode_products(const ModelConfig& c, std::int64_t context) {
    std::vector<Product> p;
    const auto H = c.num_attention_heads;
    for (std::int64_t l = 0; l < c.num_hidden_layers; ++l) {
        add_block(p, c, 1, c.is_moe(l));
        p.push_back({1, c.kv_lora_rank, c.qk_nope_head_dim, H});
        p.push_back({1, c.v_head_dim, c.kv_lora_rank, H});
        p.push_back({H, context, c.kv_lora_rank + c.qk_rope_head_dim, 1});
        p.push_back({H, c.kv_lora_rank, context, 1});
    }
    p.push_back({1, c.vocab_size, c.hidden_size, 1});
    return p;
}

using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Products::Impl {
    struct Operands {
        Matrix x, y;
        std::vector<Matrix> w;
        std::vector<PackedMatrix> packed;
    };
    std::vector<Product> list;
    std::vector<Operands> operands;
};

Products::Products(std::vector<Product> list) : impl_(std::make_unique<Impl>()) {
    for (const Product& p : list) {
        Impl::Operands o;
        const auto fill = [](std::int64_t rows, std::int64_t cols) {
            Matrix m(rows, cols);
            for (std::int64_t i = 0; i < m.size(); ++i)
                m.data()[i] =
                    static_cast<Real>(random_uniform(3, 3, static_cast<std::uint64_t>(i)));
            return m;
        };
        o.x = fill(p.m, p.k);
        o.y = Matrix(p.m, p.n);
        for (std::int64_t i = 0; i < p.times; ++i) {
            o.w.push_back(fill(p.n, p.k));
            o.packed.push_back(PackedMatrix::transposed(o.w.back().data(), p.n, p.k, p.k));
        }
        impl_->operands.push_back(std::move(o));
    }
    impl_->list = std::move(list);
}
Products::~Products() = default;

void Products::eigen() {
    for (auto& o : impl_->operands)
        for (const Matrix& w : o.w) {
            if (o.x.rows() == 1)
                o.y.row(0).transpose().noalias() = w * o.x.row(0).transpose();
            else
                o.y.noalias() = o.x * w.transpose();
        }
}

void Products::own() {
    for (auto& o : impl_->operands)
        for (const PackedMatrix& w : o.packed)
            multiply(o.x.data(), o.x.rows(), o.x.cols(), w, o.y.data(), o.y.cols());
}

double Products::flops() const {
    double f = 0;
    for (const Product& p : impl_->list)
        f += 2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k) *
             static_cast<double>(p.times);
    return f;
}

}  // namespace sf
