#pragma once

#include "core/config.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace sf {

// y (m, n) = x (m, k) W^T, `times` of them with weights (or keys) of their own.
struct Product {
    std::int64_t m, n, k, times;
};

// The matrix products of a forward pass of (batch, tokens), experts as evenly loaded groups,
// attention over the causal half; and those of one decoded token with `context` cached, attention
// absorbed.
std::vector<Product> forward_products(const ModelConfig& c, std::int64_t batch,
                                      std::int64_t tokens);
std::vector<Product> decode_products(const ModelConfig& c, std::int64_t context);

// Does nothing but these products, every operand at a place of its own (streamed, as in the model).
class Products {
public:
    explicit Products(std::vector<Product> list);
    ~Products();
    void eigen();
    void own();
    double flops() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
