#include "views/attention_row.h"
#include "views/draw/number.h"

#include <algorithm>
#include <cmath>
#include <limits>

// What must hold of the row on screen, and the row in words.
namespace sf::online {

namespace {

constexpr double rounding = std::numeric_limits<Real>::epsilon();
constexpr double none = std::numeric_limits<double>::infinity();

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// Keeps NaN as the worst of all.
void worsen(double& worst, double error) {
    if (!(error <= worst)) worst = std::isnan(error) ? none : error;
}

std::string measured(double error, double tolerance) {
    return "max error " + format_number(error, 3) + ", tolerance " + format_number(tolerance, 2);
}

// The three passes in double with the library's exponential.
struct Exact {
    double m = -none, d = 0;
    std::vector<double> o;
};
Exact exact(const std::vector<Real>& scores, const Row& r) {
    Exact e;
    for (const Real a : scores) e.m = std::max(e.m, static_cast<double>(a));
    for (const Real a : scores) e.d += std::exp(static_cast<double>(a) - e.m);
    e.o.resize(at(r.width));
    for (std::int64_t i = 0; i < r.n; ++i) {
        const double w = std::exp(static_cast<double>(scores[at(i)]) - e.m) / e.d;
        for (std::int64_t c = 0; c < r.width; ++c)
            e.o[at(c)] += w * static_cast<double>(r.values[i * r.ld + c]);
    }
    return e;
}

// Sums of n terms, rescaled at most as often.
double tolerance_of(const Row& r) {
    double largest = 0;
    for (std::int64_t i = 0; i < r.n; ++i)
        for (std::int64_t c = 0; c < r.width; ++c)
            largest = std::max(largest, std::fabs(static_cast<double>(r.values[i * r.ld + c])));
    return 2 * rounding * static_cast<double>(r.n + 8) * std::max(largest, 1e-30);
}

// All sizes and orders while that is quick; else powers of two and what is on screen.
std::vector<std::int64_t> sizes_to_try(const Row& r) {
    constexpr std::int64_t most_work = 200000;
    const bool all = r.n * r.n * std::max<std::int64_t>(r.width, 4) * 5 <= most_work;
    std::vector<std::int64_t> sizes{r.tile};
    for (std::int64_t size = 1; size < 2 * r.n; size = all ? size + 1 : size * 2)
        sizes.push_back(std::min(size, r.n));
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    return sizes;
}

Invariant any_tiles(const Row& r, const Exact& want) {
    Invariant check{"result = three-pass for every tile size and order", true, ""};
    if (r.width == 0) {
        check.figure = "values were not kept: not measured";
        return check;
    }
    const double tolerance = tolerance_of(r);
    double worst = 0;
    const auto compare = [&](const SoftmaxResult& got) {
        for (std::int64_t c = 0; c < r.width; ++c)
            worsen(worst, std::fabs(static_cast<double>(got.o[at(c)]) - want.o[at(c)]));
    };
    compare(r.shown);
    compare(r.three);
    compare(r.two);
    const auto sizes = sizes_to_try(r);
    for (const std::int64_t size : sizes)
        for (const std::string& name : order_names())
            compare(one_pass(r.softmax_row(), size, arrival(name, r.row, size)));
    check.holds = worst <= tolerance;
    check.figure = measured(worst, tolerance) + ", " + std::to_string(sizes.size()) +
                   (sizes.size() == 1 ? " size" : " sizes") + " × 5 orders";
    return check;
}

// Of the scores as recorded, whatever was changed by hand.
Invariant as_recorded(const Row& r, const Exact& want) {
    Invariant check{"result = what the model computed", true, ""};
    const Tensor* out = r.out;
    if (out == nullptr || r.width == 0) {
        check.figure = "not kept: not measured";
        return check;
    }
    // (B, T, H, width)
    const std::int64_t first = ((r.batch * r.queries + r.query) * r.heads + r.head) * r.width;
    double worst = 0;
    for (std::int64_t c = 0; c < r.width; ++c)
        worsen(worst, std::fabs(out->at(first + c) - want.o[at(c)]));
    const double tolerance = tolerance_of(r);
    check.holds = worst <= tolerance;
    check.figure = measured(worst, tolerance);
    return check;
}

Invariant ends(const Row& r, const Exact& want) {
    const double m = static_cast<double>(r.shown.m), d = static_cast<double>(r.shown.d);
    double worst = std::fabs(m - want.m) / std::max(1.0, std::fabs(want.m));
    worsen(worst, std::fabs(d - want.d) / want.d);
    const double tolerance = 2 * rounding * static_cast<double>(r.n + 8);
    return {"m and d at the end = the row's", worst <= tolerance,
            "m " + format_number(m) + ", d " + format_number(d) + ", relative error " +
                format_number(worst, 3)};
}

// The states that the trace kept after its own tiles.
Invariant recorded_states(const Row& r, const Exact& want) {
    Invariant check{"recorded m and d after the last tile = the row's", true, ""};
    const Tensor* const m = r.nodes.m == no_node ? nullptr : r.trace->find(r.nodes.m);
    const Tensor* const d = r.nodes.d == no_node ? nullptr : r.trace->find(r.nodes.d);
    if (m == nullptr || d == nullptr || m->size() == 0 || d->size() != m->size()) {
        check.figure = "not kept: not measured";
        return check;
    }
    const std::int64_t tiles = m->shape[3];
    const std::int64_t last =
        ((r.batch * r.heads + r.head) * r.queries + r.query) * tiles + tiles - 1;
    double worst = std::fabs(m->at(last) - want.m) / std::max(1.0, std::fabs(want.m));
    worsen(worst, std::fabs(d->at(last) - want.d) / want.d);
    check.holds = worst <= 2 * rounding * static_cast<double>(r.n + 8);
    check.figure = "relative error " + format_number(worst, 3);
    return check;
}

void add_map_checks(const Row& r, std::vector<Invariant>& list) {
    if (r.probs == nullptr) return;
    double worst = 0;
    std::int64_t above = 0, rows = 0;
    for (std::int64_t h = 0; h < r.heads; ++h)
        for (std::int64_t t = 0; t < r.queries; ++t, ++rows) {
            const std::int64_t first = ((r.batch * r.heads + h) * r.queries + t) * r.context;
            double sum = 0;
            for (std::int64_t s = 0; s < r.context; ++s) {
                const double p = r.probs->at(first + s);
                if (s <= t + r.context - r.queries)
                    sum += p;
                else
                    above += p != 0 ? 1 : 0;
            }
            worsen(worst, std::fabs(sum - 1));
        }
    const double tolerance = 2 * rounding * static_cast<double>(r.context + 8);
    list.push_back({"every row of the map sums to 1", worst <= tolerance,
                    format_count(rows) + " rows, " + measured(worst, tolerance)});
    list.push_back({"nothing above the diagonal", above == 0,
                    above == 0 ? "0 of " + format_count(rows * (r.queries - 1) / 2) + " cells"
                               : format_count(above) + " cells are not 0"});
}

Invariant traffic(const Row& r) {
    const bool same = r.three.traffic == traffic_formula(3, r.n, r.width) &&
                      r.two.traffic == traffic_formula(2, r.n, r.width) &&
                      r.shown.traffic == traffic_formula(1, r.n, r.width);
    const auto counted = [&](const SoftmaxResult& s) { return format_count(s.traffic.row()); };
    return {"traffic counted = formula (5n, 4n, n)", same,
            counted(r.three) + ", " + counted(r.two) + " and " + counted(r.shown) +
                " for n = " + std::to_string(r.n)};
}

// Red is right here: this is what the maximum is subtracted for.
void add_half_check(const Row& r, const Exact& want, std::vector<Invariant>& list) {
    if (!r.half) return;
    double worst = 0;
    for (std::int64_t c = 0; c < r.width; ++c)
        worsen(worst, std::fabs(r.result(c) - want.o[at(c)]));
    const double tolerance = tolerance_of(r) / rounding * 0x1p-11;
    list.push_back({"16 bits without the maximum = three-pass", worst <= tolerance,
                    r.overflowed()
                        ? "d is " + format_number(r.running_d(r.tiles - 1)) + ": the result is lost"
                        : measured(worst, tolerance)});
}

// Of the recorded scores of the whole head, the spread that the division is for.
double deviation(const Row& r) {
    double sum = 0, squares = 0, count = 0;
    const std::int64_t first = r.first - r.query * r.context;
    for (std::int64_t t = 0; t < r.queries; ++t)
        for (std::int64_t s = 0; s <= t + r.context - r.queries; ++s) {
            const double a = r.scores->at(first + t * r.context + s);
            sum += a;
            squares += a * a;
            count += 1;
        }
    return std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count)));
}

std::string times(double factor) {
    return factor >= 0.1 ? format_fixed(factor, 2) : format_number(factor, 2);
}

}  // namespace

std::vector<Invariant> checks(const Row& r) {
    const Exact want = exact(r.row, r);
    std::vector<Real> stored;
    for (std::int64_t i = 0; i < r.n; ++i) stored.push_back(r.scores->real[at(r.first + i)]);
    const Exact run = exact(stored, r);
    std::vector<Invariant> list;
    list.push_back(any_tiles(r, want));
    list.push_back(as_recorded(r, run));
    list.push_back(ends(r, want));
    list.push_back(recorded_states(r, run));
    add_map_checks(r, list);
    list.push_back(traffic(r));
    add_half_check(r, want, list);
    return list;
}

std::string headline(const Row& r) {
    if (r.half && r.overflowed() && r.complete())
        return "Without the maximum 16 bits overflow: the result is lost";
    const std::int64_t p = r.live();
    if (p < 0) return "The row waits in slow memory";
    if (r.complete()) {
        if (r.half) return "Without the maximum, in 16 bits: it fits, this time";
        const int n = r.rescales();
        return n == 0   ? "One look at each score, and nothing had to be rescaled"
               : n == 1 ? "One look at each score: rescaled once, the same result"
                        : "One look at each score: rescaled " + std::to_string(n) +
                              " times, the same result";
    }
    const std::string name = "Tile " + std::to_string(p);
    if (r.half) return name + " adds up in 16 bits, no maximum taken off";
    if (p == 0) return "The first tile sets the maximum";
    const double shrink = r.shrink(p);
    if (shrink >= 1) return name + " brings no new maximum: just add";
    return name + " raises the maximum: all before × " + times(shrink);
}

std::string description(const Row& r) {
    std::string text = "Attention of head " + std::to_string(r.head) + " in " + r.place +
                       ": the query “" + r.token(r.query + r.context - r.queries) +
                       "” at position " + std::to_string(r.query + r.context - r.queries) +
                       " sees " + std::to_string(r.n) + (r.n == 1 ? " key" : " keys") + " in " +
                       std::to_string(r.tiles) + (r.tiles == 1 ? " tile" : " tiles") + " of " +
                       std::to_string(r.tile) + ". ";
    text += headline(r) + ". ";
    if (!r.half)
        text += "At the end m = " + format_number(static_cast<double>(r.shown.m)) +
                " and d = " + format_number(static_cast<double>(r.shown.d)) + ". ";
    else
        text += "In 16 bits d ends as " + format_number(r.running_d(r.tiles - 1)) + ". ";
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < r.n; ++i)
        if (r.row[at(i)] > r.row[at(best)]) best = i;
    const double share = 1 / static_cast<double>(r.shown.d);
    text += "The largest share, " + format_percent(share) + ", goes to “" + r.token(best) +
            "” at " + std::to_string(best) + ". ";
    if (r.pushed)
        text += "The score of “" + r.token(r.key) + "” was set by hand to " +
                format_number(static_cast<double>(r.row[at(r.key)])) + ". ";
    const double spread = deviation(r);
    text += std::string(r.divided ? "Scores are" : "Here scores are not") +
            " divided by √d, times " + format_number(r.scale) +
            ": over this head they scatter by " + format_number(spread, 3) + " with it and by " +
            format_number(spread / r.scale, 3) + " without. ";
    text += "Three passes move " + format_count(r.three.traffic.row()) +
            " numbers of the row, two " + format_count(r.two.traffic.row()) + ", one " +
            format_count(r.shown.traffic.row()) + ".";
    return text;
}

}  // namespace sf::online
