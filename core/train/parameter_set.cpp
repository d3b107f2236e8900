#include "core/train/parameter_set.h"

#include "core/error.h"

#include <algorithm>

namespace sf {

namespace {

constexpr std::size_t line = 64 / sizeof(Real);

}  // namespace

ParameterLayout::ParameterLayout(const ModelConfig& config) {
    for (const ParameterSpec& spec : parameters(config)) {
        Entry e;
        e.name = spec.name;
        e.shape = spec.shape;
        e.begin = size_;
        e.size = static_cast<std::size_t>(spec.shape.size());
        e.router_bias = spec.name.ends_with(".e_score_correction_bias");
        e.decays = spec.shape.rank >= 2;
        size_ += (e.size + line - 1) / line * line;
        entries_.push_back(std::move(e));
    }
}

const ParameterLayout::Entry& ParameterLayout::at(const std::string& name) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& e) { return e.name == name; });
    if (found == entries_.end()) throw ShapeError(name, "is no parameter of this model");
    return *found;
}

ParameterSet::ParameterSet(std::shared_ptr<const ParameterLayout> layout)
    : layout_(std::move(layout)), memory_(layout_->size() + line) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    first_ = memory_.data() + (64 - address % 64) % 64 / sizeof(Real);
}

ParameterSet::ParameterSet(const ParameterSet& other) : ParameterSet(other.layout_) {
    assign(other);
}

void ParameterSet::assign(const Weights& weights) {
    for (const auto& e : layout_->entries()) {
        const Tensor& t = weights.at(e.name);
        if (t.real.size() != e.size) throw ShapeError(e.name, "has another size");
        std::copy(t.real.begin(), t.real.end(), (*this)[e].begin());
    }
}

void ParameterSet::assign(const ParameterSet& other) {
    std::copy(other.all().begin(), other.all().end(), all().begin());
}

WeightsPtr ParameterSet::publish(std::int64_t trained_step) const {
    auto weights = std::make_shared<Weights>();
    weights->trained_step = trained_step;
    for (const auto& e : layout_->entries()) {
        auto t = std::make_shared<Tensor>(e.shape, DType::real);
        const auto values = (*this)[e];
        std::copy(values.begin(), values.end(), t->real.begin());
        weights->tensors.emplace(e.name, std::move(t));
    }
    return weights;
}

}  // namespace sf
