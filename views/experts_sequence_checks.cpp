#include "views/draw/number.h"
#include "views/experts_checks.h"
#include "views/experts_sequence.h"
#include "views/place.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sf::experts {

namespace {

constexpr double rounding = std::numeric_limits<Real>::epsilon();

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

Invariant none_dropped(const Sequence& q) {
    const auto total = std::accumulate(q.load.begin(), q.load.end(), std::int64_t{0});
    return {"Σ load of the sequence = tokens × k, none dropped", total == q.copies(),
            format_count(total) + " of " + format_count(q.scene.tokens) + " × " +
                format_count(q.scene.rule.top_k)};
}

// As many as the model counted, where the batch is this sequence.
Invariant loads_are_the_runs(const Sequence& q) {
    const auto& counted = q.scene.router.load->ints;
    const bool alone = q.scene.router.scores->shape[0] == 1;
    std::int64_t off = 0;
    for (std::size_t e = 0; e < q.load.size(); ++e)
        off = std::max(off, alone ? std::abs(q.load[e] - counted[e])
                                  : std::max<std::int64_t>(0, q.load[e] - counted[e]));
    return {alone ? "loads = those that the run counted" : "loads are within the batch's", off == 0,
            "max error " + format_count(off)};
}

// Counted from the choices as bits, not from the groups that the page's own count goes through.
Invariant links_counted(const Sequence& q) {
    const Scene& s = q.scene;
    std::int64_t links = 0;
    bool within = true;
    for (std::int64_t t = 0; t < s.tokens; ++t) {
        std::vector<bool> touched(at(s.rule.groups));
        for (std::int64_t k = 0; k < s.rule.top_k; ++k) {
            const std::int64_t e = s.router.indices->ints[at(s.slot(t, k))];
            if (e >= 0 && e < s.rule.experts)
                touched[at(e * s.rule.groups / s.rule.experts)] = true;
        }
        const auto n = std::count(touched.begin(), touched.end(), true);
        within = within && n <= s.rule.kept;
        links += n;
    }
    return {"links = nodes touched, at most the limit a token", within && links == q.links,
            format_count(links) + " for " + format_count(s.tokens) + " × " +
                format_count(s.rule.kept) + " at most"};
}

// f once more by rank, P expert by expert: DeepSeek-V3, eqs. 17-20, as they stand.
BalanceTerm by_the_paper(const Scene& s) {
    BalanceTerm b;
    const auto tokens = static_cast<double>(s.tokens), n = static_cast<double>(s.rule.experts);
    for (std::int64_t i = 0; i < s.rule.experts; ++i) {
        double count = 0, share = 0;
        for (std::int64_t t = 0; t < s.tokens; ++t) {
            std::int64_t before = 0;
            double sum = 0;
            for (std::int64_t j = 0; j < s.rule.experts; ++j) {
                sum += s.s(t, j);
                before += s.s(t, j) > s.s(t, i) || (s.s(t, j) == s.s(t, i) && j < i) ? 1 : 0;
            }
            count += before < s.rule.top_k ? 1 : 0;
            share += s.s(t, i) / sum;
        }
        b.f.push_back(n * count / (static_cast<double>(s.rule.top_k) * tokens));
        b.p.push_back(share / tokens);
        b.sum += b.f.back() * b.p.back();
    }
    return b;
}

Invariant balance_by_the_paper(const Sequence& q) {
    const BalanceTerm want = by_the_paper(q.scene);
    Worst worst;
    const double allowed = 1e-12 * static_cast<double>(q.scene.tokens + q.scene.rule.experts);
    worst.add(std::fabs(q.balance.alpha * (q.balance.sum - want.sum)),
              allowed * std::max(q.balance.alpha, 1e-30));
    for (std::size_t e = 0; e < want.f.size(); ++e) {
        worst.add(std::fabs(q.balance.f[e] - want.f[e]), allowed);
        worst.add(std::fabs(q.balance.p[e] - want.p[e]), allowed);
    }
    return {"α Σ f P = eqs. 17–20, term by term", worst.holds(), worst.figure()};
}

// Only runs of training record the term.
Invariant balance_of_the_run(const Sequence& q, const Tensor& f, const Tensor& p) {
    const Scene& s = q.scene;
    Worst worst;
    const double allowed = rounding * static_cast<double>(s.tokens + s.rule.experts + 4);
    for (std::int64_t e = 0; e < s.rule.experts; ++e) {
        const std::int64_t cell = s.batch * s.rule.experts + e;
        worst.add(std::fabs(q.balance.f[at(e)] - f.at(cell)),
                  allowed * std::max(1.0, q.balance.f[at(e)]));
        worst.add(std::fabs(q.balance.p[at(e)] - p.at(cell)), allowed);
    }
    return {"f and P = those of the run's loss", worst.holds(), worst.figure()};
}

}  // namespace

std::vector<Invariant> sequence_checks(const Sequence& q) {
    const Scene& s = q.scene;
    std::vector<Invariant> all{none_dropped(q), loads_are_the_runs(q)};
    if (q.many_nodes()) all.push_back(links_counted(q));
    all.push_back(balance_by_the_paper(q));
    const Tensor* f = fitting_tensor(*s.trace, s.node("balance_f"));
    const Tensor* p = fitting_tensor(*s.trace, s.node("balance_p"));
    if (f != nullptr && p != nullptr) all.push_back(balance_of_the_run(q, *f, *p));
    for (Invariant& check : token_checks(s))
        if (check.name.find("Σ load") == std::string::npos) all.push_back(std::move(check));
    return all;
}

}  // namespace sf::experts
