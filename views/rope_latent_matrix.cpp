#include "core/ops/rope.h"
#include "views/rope_draw.h"

#include <algorithm>
#include <cmath>

// What would have to be folded into one matrix if the content key W_UK c were rotated: c_q^T W_UQ^T
// R(t - s) W_UK c. DeepSeek-V2, section 2.1.3.

namespace sf::rope {

namespace {

const Tensor* weight(const Scene& s, const char* name) {
    return s.trace->find("model.layers." + std::to_string(s.layer) + ".self_attn." + name +
                         ".weight");
}

// Rows [first, first + rows) of a weight (out, in), its first `cols` columns.
std::vector<float> rows_of(const Tensor& w, std::int64_t first, std::int64_t rows,
                           std::int64_t cols) {
    std::vector<float> out;
    out.reserve(static_cast<std::size_t>(rows * cols));
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < cols; ++c)
            out.push_back(static_cast<float>(w.at((first + r) * w.shape.cols() + c)));
    return out;
}

std::vector<double> gram(const std::vector<float>& w, std::int64_t rows, std::int64_t cols) {
    std::vector<double> g(static_cast<std::size_t>(rows * rows));
    for (std::int64_t a = 0; a < rows; ++a)
        for (std::int64_t b = a; b < rows; ++b) {
            const float *x = w.data() + a * cols, *y = w.data() + b * cols;
            float sum = 0;
            for (std::int64_t c = 0; c < cols; ++c) sum += x[c] * y[c];
            g[static_cast<std::size_t>(a * rows + b)] = g[static_cast<std::size_t>(b * rows + a)] =
                static_cast<double>(sum);
        }
    return g;
}

}  // namespace

LatentFold latent_fold(const Scene& s, std::int64_t most) {
    LatentFold f;
    const Tensor* up_q = weight(s, s.model.q_lora_rank ? "q_b_proj" : "q_proj");
    const Tensor* up_k = weight(s, "kv_b_proj");
    f.nope = s.nope;
    if (up_q == nullptr || up_k == nullptr || s.nope < 2) return f;
    f.kept = true;
    f.rows = up_q->shape.cols();
    f.cols = up_k->shape.cols();
    f.shown_rows = std::min(f.rows, most);
    f.shown_cols = std::min(f.cols, most);
    f.uq = rows_of(*up_q, s.head * (s.nope + s.rope()), s.nope, f.shown_rows);
    f.uk = rows_of(*up_k, s.head * (s.nope + s.value), s.nope, f.shown_cols);
    f.gram_q = gram(f.uq, s.nope, f.shown_rows);
    f.gram_k = gram(f.uk, s.nope, f.shown_cols);
    // The content part as wide as it is, rotated as the position part is.
    ModelConfig wide = s.what_if;
    wide.qk_rope_head_dim = s.nope / 2 * 2;
    f.theta = RopeTable(wide).frequencies();
    return f;
}

std::vector<float> LatentFold::matrix(double distance) const {
    // R(distance) rotates queries against keys: applied to the key's side it is its transpose.
    std::vector<float> turned = uk;
    for (std::size_t i = 0; i < theta.size(); ++i) {
        const auto c = static_cast<float>(std::cos(distance * theta[i]));
        const auto n = static_cast<float>(std::sin(distance * theta[i]));
        float* x = turned.data() + 2 * static_cast<std::int64_t>(i) * shown_cols;
        float* y = x + shown_cols;
        for (std::int64_t k = 0; k < shown_cols; ++k) {
            const float a = x[k], b = y[k];
            x[k] = a * c + b * n;
            y[k] = b * c - a * n;
        }
    }
    std::vector<float> m(static_cast<std::size_t>(shown_rows * shown_cols), 0.0F);
    for (std::int64_t d = 0; d < nope; ++d) {
        const float *q = uq.data() + d * shown_rows, *k = turned.data() + d * shown_cols;
        for (std::int64_t r = 0; r < shown_rows; ++r) {
            float* out = m.data() + r * shown_cols;
            for (std::int64_t c = 0; c < shown_cols; ++c) out[c] += q[r] * k[c];
        }
    }
    return m;
}

double LatentFold::change(double distance) const {
    // |W_UQ^T D W_UK|^2 = tr(D^T A D B) with D = R - 1, A = W_UQ W_UQ^T, B = W_UK W_UK^T.
    const auto n = static_cast<std::size_t>(nope);
    double whole = 0;
    for (std::size_t i = 0; i < n * n; ++i) whole += gram_q[i] * gram_k[i];
    // C = A D, two columns at a time; then tr(D^T C B) = sum over (C B) and D.
    double sum = 0;
    std::vector<double> c(n * n, 0.0);
    for (std::size_t i = 0; i < theta.size(); ++i) {
        const double cs = std::cos(distance * theta[i]) - 1, sn = std::sin(distance * theta[i]);
        for (std::size_t r = 0; r < n; ++r) {
            const double a = gram_q[r * n + 2 * i], b = gram_q[r * n + 2 * i + 1];
            // Columns of D^T: R(-distance) - 1 on the key's side.
            c[r * n + 2 * i] = a * cs - b * sn;
            c[r * n + 2 * i + 1] = a * sn + b * cs;
        }
    }
    for (std::size_t i = 0; i < theta.size(); ++i) {
        const double cs = std::cos(distance * theta[i]) - 1, sn = std::sin(distance * theta[i]);
        const std::size_t x = 2 * i, y = 2 * i + 1;
        for (std::size_t k = 0; k < n; ++k) {
            const double bx = c[x * n + k], by = c[y * n + k];
            const double dx = cs * bx - sn * by, dy = sn * bx + cs * by;
            sum += dx * gram_k[k * n + x] + dy * gram_k[k * n + y];
        }
    }
    return whole > 0 ? std::sqrt(std::max(0.0, sum) / whole) : 0;
}

}  // namespace sf::rope
