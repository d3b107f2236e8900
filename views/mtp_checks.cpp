#include "core/graph/graph.h"
#include "core/run/mtp_sight.h"
#include "views/draw/number.h"
#include "views/mtp_stairs.h"
#include "views/result.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <limits>

// What must hold of the staircase, with the measured figures.
namespace sf::mtp {

namespace {

constexpr double rounding = std::numeric_limits<Real>::epsilon();

Need sight_of(const Stairs& s) {
    // Values set by hand are no part of what a module may read.
    const Trace& run = s.frame->base != nullptr ? *s.frame->base : *s.trace;
    return mtp_sight(run, s.batch, s.i);
}

// Recorded logits against those of runs in which every token out of reach is another one.
Invariant causal(const Stairs& s, const MtpSight& sight) {
    Invariant check{s.chain ? "module k at position t reads no token beyond t + k"
                            : "a parallel module at position t reads no token beyond t",
                    true, ""};
    const Trace& run = s.frame->base != nullptr ? *s.frame->base : *s.trace;
    double worst = 0;
    std::int64_t compared = 0, changed = 0;
    std::string moved;
    for (const MtpSight::Depth& d : sight.depths) {
        const std::string name = d.k == 0 ? "logits" : s.node(d.k, "logits");
        const Tensor* logits = fitting_tensor(run, name);
        if (logits == nullptr) continue;
        const std::int64_t first = s.flat(name, sight.position);
        for (std::size_t v = 0; v < d.logits.size(); ++v) {
            const double e = std::abs(logits->at(first + static_cast<std::int64_t>(v)) -
                                      static_cast<double>(d.logits[v]));
            if (!(e <= worst)) worst = std::isnan(e) ? INFINITY : e;
        }
        ++compared;
        changed = std::max(changed, d.changed);
        moved += (moved.empty() ? "" : ", ") + format_number(d.by_last, 2);
    }
    check.holds = worst == 0;
    check.figure = compared == 0
                       ? "logits were not kept: not measured"
                       : "up to " + format_count(changed) + (changed == 1 ? " token" : " tokens") +
                             " behind changed: logits move by " + format_number(worst, 3) +
                             "; the last token in reach changed: by " + moved;
    return check;
}

// The same node of the graph, and the rows that were read are the main model's.
Invariant shared_embedding(const Stairs& s) {
    Invariant check{"embedding = the main model's", true, ""};
    const Graph& g = *s.trace->graph;
    const Tensor* main = fitting_tensor(*s.trace, "embed");
    double worst = 0;
    std::int64_t same = 0, rows = 0;
    for (std::int64_t k = 1; k <= s.depths; ++k) {
        const std::string name = s.node(k, "embed");
        if (g[g.find(name)].inputs.back() == g[g.find("embed")].inputs.back()) ++same;
        const Tensor* own = fitting_tensor(*s.trace, name);
        if (main == nullptr || own == nullptr) continue;
        for (std::int64_t i = 0; i < s.rows(k); ++i, ++rows)
            for (std::int64_t c = 0; c < s.hidden; ++c) {
                const double e =
                    std::abs(own->at(s.flat(name, i) + c) - main->at(s.flat("embed", i + k) + c));
                if (!(e <= worst)) worst = std::isnan(e) ? INFINITY : e;
            }
    }
    check.holds = same == s.depths && worst == 0;
    check.figure = "one weight for " + std::to_string(same) + " of " + std::to_string(s.depths) +
                   (s.depths == 1 ? " module" : " modules") + ", " + format_count(rows) +
                   " rows differ by " + format_number(worst, 3);
    return check;
}

// The same node of the graph; the chosen logits once more from that weight, in double.
Invariant shared_head(const Stairs& s) {
    Invariant check{"head = the main model's", true, ""};
    const Graph& g = *s.trace->graph;
    const NodeId head = g[g.logits()].inputs.back();
    std::int64_t same = 0, compared = 0;
    Worst worst;
    for (std::int64_t k = 1; k <= s.depths; ++k) {
        const std::string logits = s.node(k, "logits"), norm = s.node(k, "norm");
        if (g[g.find(logits)].inputs.back() == head) ++same;
        const Tensor *w = s.trace->find(head), *x = fitting_tensor(*s.trace, norm),
                     *y = fitting_tensor(*s.trace, logits);
        if (w == nullptr || x == nullptr || y == nullptr || s.i >= s.rows(k)) continue;
        ++compared;
        const std::int64_t from = s.flat(norm, s.i), to = s.flat(logits, s.i);
        for (std::int64_t v = 0; v < s.vocab; ++v) {
            double sum = 0, size = 0;
            for (std::int64_t c = 0; c < s.hidden; ++c) {
                const double term = w->at(v * s.hidden + c) * x->at(from + c);
                sum += term;
                size += std::abs(term);
            }
            const double allowed = rounding * static_cast<double>(s.hidden + 8) * size;
            worst.add(std::abs(sum - y->at(to + v)), std::max(allowed, 1e-30));
        }
    }
    check.holds = same == s.depths && worst.holds();
    check.figure = "one weight for " + std::to_string(same) + " of " + std::to_string(s.depths) +
                   (s.depths == 1 ? " module" : " modules") +
                   (compared > 0 ? ", logits at " + s.token(s.i) + ": " + worst.figure() : "");
    return check;
}

// Of the chain: what is joined is the hidden state of the depth before and the token's embedding,
// each normed.
Invariant joined(const Stairs& s) {
    Invariant check{"[e; h] = the next token's embedding and h of the depth before, normed", true,
                    ""};
    Worst worst;
    std::int64_t modules = 0;
    for (std::int64_t k = 1; k <= s.depths; ++k) {
        const std::string concat = s.node(k, "concat"), before = s.node(k - 1, "hidden");
        const Tensor *both = fitting_tensor(*s.trace, concat),
                     *e = fitting_tensor(*s.trace, "embed"), *h = fitting_tensor(*s.trace, before);
        const Graph& g = *s.trace->graph;
        const Tensor* gains[2] = {s.trace->find(g[g.find(s.node(k, "enorm"))].inputs.back()),
                                  s.trace->find(g[g.find(s.node(k, "hnorm"))].inputs.back())};
        if (both == nullptr || e == nullptr || h == nullptr || gains[0] == nullptr ||
            gains[1] == nullptr || s.i >= s.rows(k))
            continue;
        ++modules;
        const std::int64_t first[2] = {s.flat("embed", s.i + k), s.flat(before, s.i)};
        const Tensor* const from[2] = {e, h};
        for (int part = 0; part < 2; ++part) {
            double squares = 0;
            for (std::int64_t c = 0; c < s.hidden; ++c)
                squares += from[part]->at(first[part] + c) * from[part]->at(first[part] + c);
            const double rms = std::sqrt(squares / static_cast<double>(s.hidden) +
                                         s.trace->graph->config.rms_norm_eps);
            for (std::int64_t c = 0; c < s.hidden; ++c) {
                const double want = from[part]->at(first[part] + c) / rms * gains[part]->at(c);
                const double have = both->at(s.flat(concat, s.i) + part * s.hidden + c);
                worst.add(std::abs(want - have), rounding * static_cast<double>(s.hidden + 8) *
                                                     std::max(std::abs(want), 1e-6));
            }
        }
    }
    check.holds = worst.holds();
    check.figure = modules == 0 ? "not kept: not measured"
                                : worst.figure() + ", " + std::to_string(modules) +
                                      (modules == 1 ? " module" : " modules");
    return check;
}

// The percentages on screen are probabilities: of the recorded logits, in double.
Invariant predictions(const Stairs& s) {
    Invariant check{"predictions = softmax of the logits", true, ""};
    Worst worst;
    std::int64_t rows = 0;
    for (std::int64_t k = 0; k <= s.depths; ++k) {
        const std::string name = s.node(k, "logits");
        const Tensor *y = fitting_tensor(*s.trace, name),
                     *p = fitting_tensor(*s.trace, s.node(k, "probs"));
        if (y == nullptr || p == nullptr || s.i >= s.rows(k)) continue;
        ++rows;
        const std::int64_t first = s.flat(name, s.i);
        double most = -INFINITY, sum = 0;
        for (std::int64_t v = 0; v < s.vocab; ++v) most = std::max(most, y->at(first + v));
        for (std::int64_t v = 0; v < s.vocab; ++v) sum += std::exp(y->at(first + v) - most);
        for (std::int64_t v = 0; v < s.vocab; ++v)
            worst.add(std::abs(p->at(first + v) - std::exp(y->at(first + v) - most) / sum), 1e-5);
    }
    check.holds = worst.holds();
    check.figure = rows == 0 ? "not kept: not measured"
                             : worst.figure() + ", " + std::to_string(rows) +
                                   (rows == 1 ? " depth" : " depths");
    return check;
}

}  // namespace

std::vector<Need> needs(const Stairs& s) {
    if (!s.missing.empty() || s.trace->weights == nullptr) return {};
    return {sight_of(s)};
}

std::vector<Invariant> checks(const Stairs& s) {
    if (!s.missing.empty()) return {};
    std::vector<Invariant> all;
    if (s.trace->weights != nullptr)
        if (const auto sight = result_of<MtpSight>(*s.frame, sight_of(s)); sight.value != nullptr)
            all.push_back(causal(s, *sight.value));
    if (s.chain) all.push_back(shared_embedding(s));
    all.push_back(shared_head(s));
    if (s.chain) all.push_back(joined(s));
    all.push_back(predictions(s));
    return all;
}

}  // namespace sf::mtp
