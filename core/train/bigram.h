#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace sf {

// What counting pairs of tokens foretells, to measure a model against:
// p(b|a) = (n(a, b) + 20 p(b)) / (n(a) + 20), p(b) = (n(b) + 1) / (n + V).
class BigramModel {
public:
    BigramModel(std::span<const std::int64_t> tokens, std::int64_t vocab_size);
    // Mean loss in nats over all tokens of the rows but each one's first; NaN without any.
    double loss(const std::vector<std::vector<std::int64_t>>& rows) const;

private:
    std::uint64_t key(std::int64_t a, std::int64_t b) const {
        return static_cast<std::uint64_t>(a * vocab_size_ + b);
    }
    std::int64_t vocab_size_;
    double all_;                           // n + V
    std::vector<double> single_, before_;  // n(b), and n(a) of those that something follows
    std::unordered_map<std::uint64_t, double> pairs_;
};

}  // namespace sf
