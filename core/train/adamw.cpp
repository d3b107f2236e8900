#include "core/train/adamw.h"

#include <cmath>

namespace sf {

void adamw_update(const AdamW& a, double scale, std::span<Real> w, std::span<const Real> g,
                  std::span<Real> m, std::span<Real> v) {
    const auto step = static_cast<double>(a.step);
    // lr m^ / (sqrt(v^) + eps) with both corrections taken out of the loop.
    const double c1 = 1 - std::pow(a.beta1, step), c2 = std::sqrt(1 - std::pow(a.beta2, step));
    const Real rate = static_cast<Real>(a.lr * c2 / c1), eps = static_cast<Real>(a.eps * c2);
    const Real keep = static_cast<Real>(1 - a.lr * a.weight_decay), s = static_cast<Real>(scale);
    const Real b1 = static_cast<Real>(a.beta1), b2 = static_cast<Real>(a.beta2);
    const Real* __restrict gi = g.data();
    Real* __restrict wi = w.data(), * __restrict mi = m.data(), * __restrict vi = v.data();
    for (std::size_t i = 0; i < w.size(); ++i) {
        const Real x = s * gi[i];
        mi[i] = b1 * mi[i] + (1 - b1) * x;
        vi[i] = b2 * vi[i] + (1 - b2) * x * x;
        wi[i] = keep * wi[i] - rate * mi[i] / (std::sqrt(vi[i]) + eps);
    }
}

double squared_norm(std::span<const Real> x) {
    double lane[16] = {};
    std::size_t i = 0;
    for (; i + 16 <= x.size(); i += 16)
        for (std::size_t l = 0; l < 16; ++l) {
            const auto y = static_cast<double>(x[i + l]);
            lane[l] += y * y;
        }
    for (std::size_t l = 0; i < x.size(); ++i, ++l)
        lane[l] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    double sum = 0;
    for (const double l : lane) sum += l;
    return sum;
}

}  // namespace sf
