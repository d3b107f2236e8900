#pragma once

#include "core/config.h"
#include "core/real.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace sf {

// How a product's operands lie in memory, all row-major.
enum class Form : std::uint8_t {
    forward,          // y (m, n) = x (m, k) W^T, W (n, k)
    input_gradient,   // y (m, n) = x (m, k) W,   W (k, n)
    weight_gradient,  // y (m, n) = x^T W, x (k, m), W (k, n)
};

// One product, `times` of it with operands of their own. `useful`: the share of its multiplications
// that has a use: blocks of attention reach above the diagonal, and backward makes scores again.
struct Product {
    Form form;
    std::int64_t m, n, k, times;
    double useful = 1;
};

// The matrix products of a forward pass of (batch, tokens) without MTP modules, of one training
// step (MTP modules; forward and backward), and of one decoded token with `context` cached,
// attention absorbed. Experts are evenly loaded groups. Attention is over the causal half in two
// blocks of rows; its backward has five products (FlashAttention, Dao et al. 2022, algorithm 4).
std::vector<Product> forward_products(const ModelConfig& c, std::int64_t batch,
                                      std::int64_t tokens);
std::vector<Product> training_products(const ModelConfig& c, std::int64_t batch,
                                       std::int64_t tokens);
std::vector<Product> decode_products(const ModelConfig& c, std::int64_t context);

// 2 m n k of all of them, of the useful share alone when asked for.
double product_flops(const std::vector<Product>& list, bool useful);
// What one decoded token has to read: the weights that it multiplies by and the latent cache.
double decode_bytes(const ModelConfig& c, std::int64_t context);

// Where the operands lie: each at a place of its own (from memory, as in a model), or all at the
// same place (the lower floor: nothing is read from afar).
enum class Operands : std::uint8_t { streamed, cached };

// Does nothing but these products.
class Products {
public:
    Products(std::vector<Product> list, Operands operands);
    ~Products();
    Products(Products&&) noexcept;
    // Eigen, one thread.
    void eigen();
    // The core's kernel on right operands that were packed beforehand.
    void own();
    // Sum over all results since the last product, so that a test can compare the two.
    double sum() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
