#include "core/ops/rope.h"
#include "views/draw/number.h"
#include "views/edited.h"
#include "views/rope_draw.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

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

// ---- the angles once more -----------------------------------------------------------------------
// What is checked does not check itself: θ, YaRN's ramp, the scale and the rotation are written
// down here a second time, in double and from the papers (RoFormer, Su et al. 2021; YaRN, Peng et
// al. 2023), and nothing of core/ops is called.

// Pair i turns L θ_i / 2π times in the trained length L. Those that turn beta_fast times or more
// keep their frequency, those that turn beta_slow times or less are interpolated; the ends of the
// ramp between are whole pairs.
std::vector<double> own_ramp(const ModelConfig& c) {
    const auto d = static_cast<double>(c.qk_rope_head_dim);
    const auto length = static_cast<double>(c.rope_scaling.original_max_position_embeddings);
    const auto pair_that_turns = [&](double times) {
        return d * std::log(length / (times * 2 * std::numbers::pi)) / (2 * std::log(c.rope_theta));
    };
    const double first = std::max(0.0, std::floor(pair_that_turns(c.rope_scaling.beta_fast)));
    const double last = std::min(d - 1, std::ceil(pair_that_turns(c.rope_scaling.beta_slow)));
    const double wide = last == first ? 0.001 : last - first;
    std::vector<double> ramp;
    for (std::int64_t i = 0; i < c.qk_rope_head_dim / 2; ++i)
        ramp.push_back(std::min(1.0, std::max(0.0, (static_cast<double>(i) - first) / wide)));
    return ramp;
}

bool stretched_by_yarn(const ModelConfig& c) {
    return c.rope_scaling.type == "yarn" &&
           c.max_position_embeddings > c.rope_scaling.original_max_position_embeddings;
}

std::vector<double> own_frequencies(const ModelConfig& c) {
    const auto d = static_cast<double>(c.qk_rope_head_dim);
    const double factor = c.rope_scaling.factor;
    const std::string& type = c.rope_scaling.type;
    const std::vector<double> ramp = own_ramp(c);
    const double base = type == "ntk" ? c.rope_theta * std::pow(factor, d / (d - 2)) : c.rope_theta;
    std::vector<double> theta;
    for (std::size_t i = 0; i < ramp.size(); ++i) {
        const double plain = 1 / std::pow(base, 2 * static_cast<double>(i) / d);
        const double keep = type == "linear" ? 0 : stretched_by_yarn(c) ? 1 - ramp[i] : 1;
        theta.push_back(keep * plain + (1 - keep) * plain / factor);
    }
    return theta;
}

double own_scale(const ModelConfig& c) {
    const double grown = stretched_by_yarn(c)
                             ? 0.1 * c.rope_scaling.mscale * std::log(c.rope_scaling.factor) + 1
                             : 1;
    return grown * grown / std::sqrt(static_cast<double>(c.qk_nope_head_dim + c.qk_rope_head_dim));
}

// Columns 2i and 2i + 1 are the plane of pair i: interleaved, the only kind that a config may ask
// for (rope_interleave). Of position x θ, counter-clockwise.
Vec2 turned_by(Vec2 v, double angle) {
    return {v.x * std::cos(angle) - v.y * std::sin(angle),
            v.y * std::cos(angle) + v.x * std::sin(angle)};
}

double dot(Vec2 a, Vec2 b) {
    return a.x * b.x + a.y * b.y;
}

// ---- what must hold -----------------------------------------------------------------------------

// The recorded q^R k^R of the two on screen, not scaled.
double recorded_part(const Scene& s) {
    double sum = 0;
    for (std::int64_t i = 0; i < s.rope(); ++i)
        sum += s.q_pe->at(s.q_pe_index(s.t, i)) * s.k_pe->at(s.k_pe_index(s.s, i));
    return sum;
}

// Of the vectors on screen: |q_i| |k_i| over all pairs.
double sizes(const Scene& s) {
    double size = 0;
    for (std::size_t p = 0; p < s.q_raw.size(); ++p)
        size += length_of(s.q_raw[p]) * length_of(s.k_raw[p]);
    return size;
}

// For fixed unrotated q and k the position part is the same wherever the two stand: turned by the
// model's table at places further on, against what the run recorded, or against what is drawn where
// that is no part of the run.
Invariant shifted(const Scene& s) {
    Invariant i{"shifting t and s together changes nothing", true, ""};
    constexpr std::int64_t most = 4096;
    const std::int64_t far = std::clamp<std::int64_t>(s.model.max_position_embeddings, 2, most);
    RopeTable table(s.what_if);
    table.reserve(s.at_q + far + 1);
    const bool recorded = s.as_run() && s.choices.distance < 0;
    const double right = recorded ? recorded_part(s) * s.scale : s.position;
    const double size = sizes(s) * s.scale;
    Worst worst;
    // position * 2^-24 * |q||k|, in the units of the score.
    const auto tolerance = [&](std::int64_t position) {
        return static_cast<double>(position + 12) * rounding * std::max(size, 1e-30);
    };
    worst.add(std::abs(s.position - right), tolerance(s.at_q));
    for (const std::int64_t by :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{7}, far / 2, far}) {
        const auto by_table = [&](Vec2 v, std::int64_t position, std::int64_t pair) {
            if (pair >= table.pairs()) return v;
            const double c = table.cos(position)[pair], n = table.sin(position)[pair];
            return Vec2{v.x * c - v.y * n, v.x * n + v.y * c};
        };
        double sum = 0;
        for (std::int64_t p = 0; p < s.pairs; ++p) {
            const auto k = static_cast<std::size_t>(p);
            sum += dot(by_table(s.q_raw[k], s.at_q + by, p), by_table(s.k_raw[k], s.at_k + by, p));
        }
        worst.add(std::abs(sum * s.scale - right), tolerance(s.at_q + by));
    }
    i.holds = worst.holds();
    i.figure = worst.figure() + ", up to " + format_count(far) + " positions on" +
               (recorded ? ", of the recorded vectors" : "");
    return i;
}

// Every recorded pair of all heads' queries and of the keys, with its vector before the rotation.
template <class F>
void for_recorded_pairs(const Scene& s, F&& f) {
    for (std::int64_t t = 0; t < s.tokens; ++t)
        for (std::int64_t p = 0; p < s.pairs; ++p) {
            const auto one = [&](const Tensor& after, const std::string& name, std::int64_t at,
                                 Vec2 raw) {
                for (const std::int64_t i : {at, at + 1})
                    if (set_by_hand(*s.trace, s.node(name), i)) return;
                f(t, p, raw, Vec2{after.at(at), after.at(at + 1)});
            };
            for (std::int64_t h = 0; h < s.heads; ++h)
                one(*s.q_pe, "q_pe", s.q_pe_index(t, 2 * p, h), s.raw_query(t, p, h));
            for (std::int64_t g = 0; g < s.groups; ++g)
                one(*s.k_pe, s.key_name, s.k_pe_index(t, 2 * p, g), s.raw_key(t, p, g));
        }
}

// |R v| = |v|.
Invariant lengths(const Scene& s) {
    Invariant i{"rotation keeps every pair's length", true, ""};
    Worst worst;
    for_recorded_pairs(s, [&](std::int64_t, std::int64_t, Vec2 raw, Vec2 after) {
        const double was = length_of(raw);
        worst.add(std::abs(length_of(after) - was) / std::max(was, 1e-30), 8 * rounding);
    });
    i.holds = worst.holds();
    i.figure =
        worst.figure() + ", " + format_count((s.heads + s.groups) * s.tokens * s.pairs) + " pairs";
    return i;
}

// The recorded vectors are the raw ones, turned by position x θ; and θ as it is drawn is the
// config's.
Invariant rotations(const Scene& s) {
    Invariant i{"the dials' angles = position × θ of the model", true, ""};
    const std::vector<double> theta = own_frequencies(s.model);
    Worst worst;
    for_recorded_pairs(s, [&](std::int64_t t, std::int64_t p, Vec2 raw, Vec2 after) {
        const double angle = static_cast<double>(s.past + t) * theta[static_cast<std::size_t>(p)];
        worst.add(length_of(after - turned_by(raw, angle)) / std::max(length_of(raw), 1e-30),
                  8 * rounding);
    });
    const std::vector<double> drawn = own_frequencies(s.what_if);
    for (std::size_t p = 0; p < s.theta.size() && p < drawn.size(); ++p)
        worst.add(std::abs(s.theta[p] / drawn[p] - 1), 1e-12);
    i.holds = worst.holds();
    i.figure = worst.figure() + " of the length";
    return i;
}

// Content and position part, each from its own tensors, against the score of the forward pass.
Invariant sums(const Scene& s) {
    Invariant i{"content + position = score, for all t and s", true, ""};
    const double own = own_scale(s.model);
    double worst = 0, largest = 0;
    bool known = true;
    for (std::int64_t t = 0; t < s.tokens && known; ++t)
        for (std::int64_t k = 0; k <= t; ++k) {
            const double content = s.content_at(t, k) / s.scale * own;
            known = known && !std::isnan(content);
            double position = 0;
            for (std::int64_t j = 0; j < s.rope(); ++j)
                position += s.q_pe->at(s.q_pe_index(t, j)) * s.k_pe->at(s.k_pe_index(k, j));
            const std::int64_t at = s.score_index(t, k);
            if (set_by_hand(*s.trace, s.node("scores"), at)) continue;
            const double stored = s.scores->at(at);
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

// θ of every method as the core has it, at the factor as set.
Invariant mapped(const Scene& s) {
    Invariant i{"θ of every scaling method = its formula", true, ""};
    Worst worst;
    for (const Method& m : s.methods) {
        const std::vector<double> right = own_frequencies(m.config);
        for (std::size_t p = 0; p < right.size(); ++p)
            worst.add(right[p] == m.theta[p] ? 0 : std::abs(m.theta[p] / right[p] - 1), 1e-12);
    }
    i.holds = worst.holds();
    i.figure = worst.figure() + ", factor " + format_number(s.choices.factor, 3);
    return i;
}

// By the core's own θ at factor 1: every method is base^(-2i/d), and where the model is not scaled
// either, turns the two on screen to the position part that the run recorded.
Invariant factor_one(const Scene& s) {
    Invariant i{"factor 1 makes all scaling methods equal", true, ""};
    ModelConfig plain = s.what_if;
    plain.rope_scaling = RopeScaling{};
    const std::vector<double> right = own_frequencies(plain);
    Worst worst;
    for (const Method& m : s.unstretched) {
        for (std::size_t p = 0; p < right.size(); ++p)
            worst.add(std::abs(m.theta[p] / right[p] - 1), 1e-14);
        ModelConfig as_wide = m.config;  // the scale knows the model's width only
        as_wide.qk_rope_head_dim = s.model.qk_rope_head_dim;
        worst.add(std::abs(as_wide.softmax_scale() / own_scale(as_wide) - 1), 1e-14);
    }
    const bool recorded =
        s.as_run() && (s.model.rope_scaling.type == "none" || s.model.rope_scaling.factor == 1);
    const auto between = static_cast<double>(s.t - s.s);
    for (const Method& m : s.unstretched) {
        if (!recorded) break;
        double sum = 0;
        for (std::size_t p = 0; p < s.q_raw.size(); ++p)
            sum += dot(turned_by(s.q_raw[p], between * m.theta[p]), s.k_raw[p]);
        worst.add(std::abs(sum - recorded_part(s)),
                  static_cast<double>(s.past + s.t + 12) * rounding * std::max(sizes(s), 1e-30));
    }
    i.holds = worst.holds();
    i.figure = worst.figure() + (recorded ? ", with the recorded vectors" : "");
    return i;
}

// Where YaRN's ramp is 0 the frequency is kept, where it is 1 divided by the factor.
Invariant yarn_ends(const Scene& s) {
    Invariant i{"YaRN's end bands = keep and interpolate", true, ""};
    const Method& yarn = s.methods.back();
    ModelConfig plain = yarn.config;
    plain.rope_scaling = RopeScaling{};
    const std::vector<double> unscaled = own_frequencies(plain), ramp = own_ramp(yarn.config);
    Worst worst;
    worst.add(0, 1e-14);
    std::int64_t kept = 0, interpolated = 0;
    for (std::size_t p = 0; p < ramp.size(); ++p) {
        worst.add(std::abs(yarn.ramp[p] - ramp[p]), 1e-12);
        if (ramp[p] > 0 && ramp[p] < 1) continue;
        (ramp[p] <= 0 ? kept : interpolated) += 1;
        const double right = ramp[p] <= 0 ? unscaled[p] : unscaled[p] / s.choices.factor;
        worst.add(std::abs(yarn.theta[p] / right - 1), 1e-14);
    }
    i.holds = worst.holds();
    i.figure = format_count(kept) + " kept, " + format_count(interpolated) + " interpolated, " +
               worst.figure();
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
    std::vector<Invariant> all{shifted(s), lengths(s),    rotations(s), sums(s),
                               mapped(s),  factor_one(s), yarn_ends(s)};
    if (s.choices.show == "latent" && !s.grouped) all.push_back(folded(s));
    return all;
}

}  // namespace sf::rope
