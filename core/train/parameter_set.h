#pragma once

#include "core/graph/graph.h"
#include "core/model/weights.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sf {

// All parameters of a model in one stretch of memory, in checkpoint order, each beginning at a
// cache line: weights, gradients and moments share this layout. What is between parameters stays 0.
class ParameterLayout {
public:
    struct Entry {
        std::string name;
        Shape shape;
        std::size_t begin = 0, size = 0;
        bool router_bias = false;  // moved by the balance of loads, has no gradient
        bool decays = false;       // matrices do, norms do not
    };
    explicit ParameterLayout(const ModelConfig& config);
    const std::vector<Entry>& entries() const { return entries_; }
    const Entry& at(const std::string& name) const;  // throws ShapeError
    std::size_t size() const { return size_; }

private:
    std::vector<Entry> entries_;
    std::size_t size_ = 0;
};

// Numbers in that layout.
class ParameterSet {
public:
    explicit ParameterSet(std::shared_ptr<const ParameterLayout> layout);
    ParameterSet(const ParameterSet& other);
    ParameterSet& operator=(const ParameterSet&) = delete;  // assign keeps pointers valid
    const ParameterLayout& layout() const { return *layout_; }
    std::span<Real> all() { return {first_, layout_->size()}; }
    std::span<const Real> all() const { return {first_, layout_->size()}; }
    std::span<Real> operator[](const ParameterLayout::Entry& e) {
        return {first_ + e.begin, e.size};
    }
    std::span<const Real> operator[](const ParameterLayout::Entry& e) const {
        return {first_ + e.begin, e.size};
    }
    void assign(const Weights& weights);
    void assign(const ParameterSet& other);
    // A version that others may keep.
    WeightsPtr publish(std::int64_t trained_step) const;

private:
    std::shared_ptr<const ParameterLayout> layout_;
    std::vector<Real> memory_;
    Real* first_ = nullptr;
};

}  // namespace sf
