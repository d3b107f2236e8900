#include "core/run/gradients.h"
#include "views/map_gradient.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace sf {

namespace {

// Of the terms' size. The way back ran forward again in other pieces: its states are those of the
// trace but for rounding, which is carried through all layers.
constexpr double rounding = 1e-4;

// What reaches a state of the stream: the gradient itself through an addition, and through a norm
// J^T g with y = x / rms(x) ⊙ γ; summed in double, with the sum of the terms' sizes.
struct Arriving {
    std::vector<double> sum, size;
    bool known = true;

    void add(const Tensor& gradient) {
        for (std::size_t i = 0; i < sum.size(); ++i) put(i, gradient.real[i]);
    }
    void add_through_norm(const Node& norm, const Tensor& x, const Tensor& gamma,
                          const Tensor& gradient) {
        const auto width = static_cast<std::size_t>(x.shape.cols());
        const auto n = static_cast<double>(width);
        for (std::size_t first = 0; first < sum.size(); first += width) {
            double squares = 0, dot = 0, dot_size = 0;
            for (std::size_t j = 0; j < width; ++j)
                squares += static_cast<double>(x.real[first + j]) * x.real[first + j];
            const double rms = std::sqrt(squares / n + norm.attrs.eps);
            for (std::size_t j = 0; j < width; ++j) {
                const double v = x.real[first + j];
                const double scaled = gamma.real[j] * gradient.real[first + j];
                dot += scaled * v;
                dot_size += std::abs(scaled) * (std::abs(v) + rms);
            }
            for (std::size_t j = 0; j < width; ++j) {
                const double v = x.real[first + j], pull = 1 / (rms * rms * rms * n);
                put(first + j, gamma.real[j] * gradient.real[first + j] / rms);
                sum[first + j] -= v * pull * dot;
                size[first + j] += (std::abs(v) + rms) * pull * dot_size;
            }
        }
    }

private:
    void put(std::size_t i, double v) {
        sum[i] += v;
        size[i] += std::abs(v);
    }
};

// False where a gradient comes by another way, or something was not kept.
bool gather(const MapContext& c, NodeId state, const std::vector<char>& reached, Arriving& all) {
    const Tensor* x = c.trace.find(state);
    if (x == nullptr || x->shape != c.trace.shape(state)) return false;
    all.sum.assign(x->real.size(), 0);
    all.size.assign(x->real.size(), 0);
    for (const NodeId user : c.graph.users(state)) {
        if (!reached[static_cast<std::size_t>(user)]) continue;
        const Node& node = c.graph[user];
        const Tensor* gradient = c.trace.gradient(user);
        if (gradient == nullptr || gradient->real.size() != x->real.size()) return false;
        if (node.op == Op::add) {
            all.add(*gradient);
        } else if (node.op == Op::rms_norm) {
            const Tensor* gamma = c.trace.find(node.inputs[1]);
            if (gamma == nullptr || node.attrs.begin != 0 || gamma->size() != x->shape.cols())
                return false;
            all.add_through_norm(node, *x, *gamma, *gradient);
        } else {
            return false;
        }
    }
    return true;
}

}  // namespace

Invariant gradient_adds_up(const MapContext& c) {
    const std::string name = "gradient of the stream = skip + branch";
    const auto reached = reached_by_loss(c.graph, c.trace.loss);
    Worst worst;
    std::set<NodeId> states;
    const auto check = [&](NodeId state) {
        const Tensor* gradient = c.trace.gradient(state);
        Arriving all;
        if (gradient == nullptr || states.contains(state) || !gather(c, state, reached, all))
            return;
        states.insert(state);
        for (std::size_t i = 0; i < all.sum.size(); ++i)
            worst.add(std::abs(gradient->real[i] - all.sum[i]), rounding * all.size[i] + 1e-36);
    };
    for (const MapBand& band : c.model.bands)
        if (band.add != no_node) {
            check(c.graph[band.add].inputs[0]);
            check(band.add);
        }
    if (states.empty()) return {name, true, "not in this trace"};
    return {name, worst.holds(),
            worst.figure() + " in " + std::to_string(states.size()) +
                (states.size() == 1 ? " state" : " states")};
}

}  // namespace sf
