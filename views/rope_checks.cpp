#include "core/ops/rope.h"
#include "views/draw/number.h"
#include "views/rope_draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

// What must hold of the picture, with the measured figures.
namespace sf::rope {

namespace {

constexpr double rounding = std::numeric_limits<Real>::epsilon() / 2;

std::string error_text(double e) {
    return e == 0 ? "0" : format_number(e, 2);
}

void worsen(double& worst, double e) {
    if (!(e <= worst)) worst = std::isnan(e) ? INFINITY : e;
}

// Query and key as the model rotates them: by its table's numbers, rounded as its own are.
Vec2 by_table(const RopeTable& table, Vec2 v, std::int64_t position, std::int64_t pair) {
    if (pair >= table.pairs()) return v;
    const double c = table.cos(position)[pair], n = table.sin(position)[pair];
    return {v.x * c - v.y * n, v.x * n + v.y * c};
}

// For fixed unrotated q and k the position part is the same wherever the two stand.
Invariant shifted(const Scene& s) {
    Invariant i{"shifting t and s together changes nothing", true, ""};
    const std::int64_t far = std::max<std::int64_t>(s.model.max_position_embeddings, 2);
    RopeTable table(s.what_if);
    const std::array<std::int64_t, 5> shifts{0, 1, 7, far / 2, far};
    table.reserve(s.at_q + far + 1);
    double size = 0, worst = 0, allowed = 0;
    for (std::int64_t p = 0; p < s.pairs; ++p) {
        const auto k = static_cast<std::size_t>(p);
        size += length_of(s.q_raw[k]) * length_of(s.k_raw[k]);
    }
    const double right = s.position_part(static_cast<double>(s.distance()));
    for (const std::int64_t by : shifts) {
        double sum = 0;
        for (std::int64_t p = 0; p < s.pairs; ++p) {
            const auto k = static_cast<std::size_t>(p);
            const Vec2 a = by_table(table, s.q_raw[k], s.at_q + by, p);
            const Vec2 b = by_table(table, s.k_raw[k], s.at_k + by, p);
            sum += a.x * b.x + a.y * b.y;
        }
        worsen(worst, std::abs(sum * s.scale - right));
        // position * 2^-24 * |q||k|, in the units of the score.
        allowed =
            std::max(allowed, static_cast<double>(s.at_q + by + 4) * rounding * size * s.scale);
    }
    i.holds = worst <= allowed;
    i.figure = "max change " + error_text(worst) + " up to " + format_count(far) +
               " positions on, tolerance " + format_number(allowed, 2);
    return i;
}

// Of every token's query (this head) and key: |R v| = |v|.
Invariant lengths(const Scene& s) {
    Invariant i{"rotation keeps every pair's length", true, ""};
    double worst = 0;
    for (std::int64_t t = 0; t < s.tokens; ++t)
        for (std::int64_t p = 0; p < s.pairs; ++p) {
            const auto compare = [&](const Tensor& after, std::int64_t at, Vec2 raw) {
                const double l = length_of({after.at(at), after.at(at + 1)}), was = length_of(raw);
                worsen(worst, std::abs(l - was) / std::max(was, 1e-30));
            };
            compare(*s.q_pe, s.q_pe_index(t, 2 * p), s.raw_query(t, p));
            compare(*s.k_pe, s.k_pe_index(t, 2 * p), s.raw_key(t, p));
        }
    const double allowed = 8 * rounding;
    i.holds = worst <= allowed;
    i.figure = "max relative error " + error_text(worst) + ", tolerance " +
               format_number(allowed, 2) + ", " + format_count(2 * s.tokens * s.pairs) + " pairs";
    return i;
}

// The trace's rotated vectors are the table's rotation of the trace's raw ones.
Invariant rotations(const Scene& s) {
    Invariant i{"the dials' angles = position × θ of the model", true, ""};
    RopeTable table(s.model);
    table.reserve(s.past + s.tokens);
    double worst = 0;
    for (std::int64_t t = 0; t < s.tokens; ++t)
        for (std::int64_t p = 0; p < s.pairs; ++p) {
            const auto compare = [&](const Tensor& after, std::int64_t at, Vec2 raw) {
                const Vec2 right = by_table(table, raw, s.past + t, p);
                const double e = length_of(Vec2{after.at(at), after.at(at + 1)} - right);
                worsen(worst, e / std::max(length_of(raw), 1e-30));
            };
            compare(*s.q_pe, s.q_pe_index(t, 2 * p), s.raw_query(t, p));
            compare(*s.k_pe, s.k_pe_index(t, 2 * p), s.raw_key(t, p));
        }
    const double allowed = 8 * rounding;
    i.holds = worst <= allowed;
    i.figure =
        "max relative error " + error_text(worst) + ", tolerance " + format_number(allowed, 2);
    return i;
}

// Content and position part, each from its own tensors, against the score of the forward pass.
Invariant sums(const Scene& s) {
    Invariant i{"content + position = score, for all t and s", true, ""};
    const double own = s.model.softmax_scale();
    double worst = 0, largest = 0;
    bool known = true;
    for (std::int64_t t = 0; t < s.tokens && known; ++t)
        for (std::int64_t k = 0; k <= t; ++k) {
            const double content = s.content_at(t, k) / s.scale * own;
            known = known && !std::isnan(content);
            double position = 0;
            for (std::int64_t j = 0; j < s.rope(); ++j)
                position += s.q_pe->at(s.q_pe_index(t, j)) * s.k_pe->at(s.k_pe_index(k, j));
            const double stored = s.scores->at(s.score_index(t, k));
            worsen(worst, std::abs(content + position * own - stored));
            largest = std::max({largest, std::abs(content), std::abs(position * own)});
        }
    if (!known) return {i.name, true, "content not kept: not measured"};
    const double allowed = 32 * rounding * std::max(largest, 1e-30) *
                           std::sqrt(static_cast<double>(s.nope + s.rope()));
    i.holds = worst <= allowed;
    i.figure = "max error " + error_text(worst) + ", tolerance " + format_number(allowed, 2);
    return i;
}

Invariant factor_one(const Scene& s) {
    Invariant i{"factor 1 makes all scaling methods equal", true, ""};
    const auto all = methods(s, 1);
    double worst = 0;
    for (const Method& m : all)
        for (std::size_t p = 0; p < m.theta.size(); ++p)
            worsen(worst, std::abs(m.theta[p] / all.front().theta[p] - 1));
    i.holds = worst == 0;
    i.figure = "max difference " + error_text(worst);
    return i;
}

// Where YaRN's ramp is 0 the frequency is kept, where it is 1 divided by the factor.
Invariant yarn_ends(const Scene& s) {
    Invariant i{"YaRN's end bands = keep and interpolate", true, ""};
    const auto all = methods(s, s.choices.factor);
    const Method &plain = all.front(), &linear = all[1], &yarn = all.back();
    const auto ramp = yarn_ramp(yarn.config);
    double worst = 0;
    std::int64_t kept = 0, interpolated = 0;
    for (std::size_t p = 0; p < ramp.size(); ++p) {
        const bool keep = ramp[p] <= 0, stretch = ramp[p] >= 1;
        if (!keep && !stretch) continue;
        (keep ? kept : interpolated) += 1;
        const double right = keep ? plain.theta[p] : linear.theta[p];
        worsen(worst, std::abs(yarn.theta[p] / right - 1));
    }
    i.holds = worst <= 1e-15;
    i.figure = format_count(kept) + " kept, " + format_count(interpolated) +
               " interpolated, max error " + error_text(worst);
    return i;
}

// The matrix drawn at distance 0 is the one that absorbed attention folds.
Invariant folded(const Scene& s) {
    Invariant i{"c^Q M(0) c^KV = the score's content part", true, ""};
    const NodeId from = s.trace->graph->find(s.node(s.model.q_lora_rank ? "q_latent" : "attn_in"));
    const Tensor* q = from == no_node ? nullptr : s.trace->find(from);
    const Tensor* k = s.latents;
    const LatentFold f = latent_fold(s, std::numeric_limits<std::int64_t>::max());
    if (q == nullptr || k == nullptr || !f.kept || q->shape.cols() != f.rows)
        return {i.name, true, "a tensor or the weights were not kept: not measured"};
    const std::vector<float> m = f.matrix(0);
    double sum = 0, size = 0;
    const std::int64_t a = (s.batch * s.tokens + s.t) * f.rows;
    const std::int64_t b = (s.batch * s.keys + s.past + s.s) * f.cols;
    for (std::int64_t r = 0; r < f.rows; ++r)
        for (std::int64_t c = 0; c < f.cols; ++c) {
            const double term = q->at(a + r) *
                                static_cast<double>(m[static_cast<std::size_t>(r * f.cols + c)]) *
                                k->at(b + c);
            sum += term;
            size += std::abs(term);
        }
    const double e = std::abs(sum * s.scale - s.content), allowed = 1e-5 * size * s.scale;
    i.holds = e <= allowed;
    i.figure = "error " + error_text(e) + ", tolerance " + format_number(allowed, 2);
    return i;
}

}  // namespace

std::vector<Invariant> checks(const Scene& s) {
    if (!s.missing.empty()) return {};
    std::vector<Invariant> all{shifted(s), lengths(s),    rotations(s),
                               sums(s),    factor_one(s), yarn_ends(s)};
    if (s.choices.show == "latent") all.push_back(folded(s));
    return all;
}

}  // namespace sf::rope
