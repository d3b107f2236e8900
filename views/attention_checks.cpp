#include "core/graph/graph.h"
#include "views/attention_row.h"
#include "views/draw/number.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <limits>

// What must hold of the row on screen.
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

// Plain three-pass softmax in double with the library's exponential: what everything here is
// measured against, and shares nothing with the core.
struct Exact {
    double m = -none, d = 0;
    std::vector<double> weights, o;
};
Exact exact(const Real* scores, std::int64_t n, const Values& v) {
    Exact e;
    for (std::int64_t i = 0; i < n; ++i) e.m = std::max(e.m, static_cast<double>(scores[i]));
    for (std::int64_t i = 0; i < n; ++i) {
        e.weights.push_back(std::exp(static_cast<double>(scores[i]) - e.m));
        e.d += e.weights.back();
    }
    for (double& w : e.weights) w /= e.d;
    e.o.resize(at(v.width));
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t c = 0; c < v.width; ++c)
            e.o[at(c)] += e.weights[at(i)] * static_cast<double>(v.first[i * v.ld + c]);
    return e;
}

// Sums of n terms, rescaled at most as often.
double tolerance_of(std::int64_t n, const Values& v) {
    double largest = 0;
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t c = 0; c < v.width; ++c)
            largest = std::max(largest, std::fabs(static_cast<double>(v.first[i * v.ld + c])));
    return 2 * rounding * static_cast<double>(n + 8) * std::max(largest, 1e-30);
}
double relative_tolerance(std::int64_t n) {
    return 2 * rounding * static_cast<double>(n + 8);
}

// All sizes of a row that is not long; else powers of two and what is on screen.
std::vector<std::int64_t> sizes_to_try(const Row& r) {
    constexpr std::int64_t not_long = 128;
    std::vector<std::int64_t> sizes{r.tile};
    for (std::int64_t size = 1; size < 2 * r.n; size = r.n <= not_long ? size + 1 : size * 2)
        sizes.push_back(std::min(size, r.n));
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    return sizes;
}

// The values, each mixed into one number: an error of any column is an error of the mixture.
std::vector<Real> mixed_values(const Row& r) {
    std::vector<Real> mixed;
    for (std::int64_t i = 0; i < r.n; ++i) {
        double sum = 0;
        for (std::int64_t c = 0; c < r.width; ++c)
            sum += static_cast<double>(r.values[i * r.ld + c]) * std::cos(static_cast<double>(c));
        mixed.push_back(static_cast<Real>(sum));
    }
    return mixed;
}

// Whole outputs at the size on screen; at every other one the sum and a mixture of the columns.
Invariant any_tiles(const Row& r, const Exact& want) {
    Invariant check{"result = three-pass for every tile size and order", true, ""};
    if (r.width == 0) {
        check.figure = "values were not kept: not measured";
        return check;
    }
    Worst worst;
    const double allowed = tolerance_of(r.n, {r.values, r.width, r.ld});
    const auto compare = [&](const SoftmaxResult& got) {
        for (std::int64_t c = 0; c < r.width; ++c)
            worst.add(std::fabs(static_cast<double>(got.o[at(c)]) - want.o[at(c)]), allowed);
    };
    compare(r.shown);
    compare(r.three);
    compare(r.two);
    const std::vector<Real> mixed = mixed_values(r);
    const Values values{mixed.data(), 1, 1};
    const Exact want_mixed = exact(r.row.data(), r.n, values);
    const double allowed_mixed = tolerance_of(r.n, values);
    const auto sizes = sizes_to_try(r);
    for (const std::int64_t size : sizes)
        for (const std::string& name : order_names()) {
            const auto order = arrival(name, r.row, size);
            if (size == r.tile) compare(one_pass(r.softmax_row(), size, order));
            OnlineState got = online_start(1);
            for (const std::int64_t j : order)
                online_tile(got, r.row.data() + j * size, std::min(size, r.n - j * size),
                            mixed.data() + j * size, 1, 1);
            worst.add(std::fabs(static_cast<double>(got.o[0] / got.d) - want_mixed.o[0]),
                      allowed_mixed);
            worst.add(std::fabs(static_cast<double>(got.d) / want.d - 1), relative_tolerance(r.n));
        }
    check.holds = worst.holds();
    const auto tried = static_cast<std::int64_t>(sizes.size());
    check.figure =
        worst.figure() + ", " +
        (tried == r.n
             ? r.n == 1 ? std::string("the one size") : "all " + std::to_string(r.n) + " sizes"
             : std::to_string(tried) + " of " + std::to_string(r.n) + " sizes") +
        " × 5 orders";
    return check;
}

// The kernel that the model runs takes tiles of its own size: the row is spread over them, a key or
// a few in each, so that the maximum jumps in a short row too.
Invariant model_kernel(const Row& r, const Exact& want) {
    Invariant check{"the model's kernel, key by key = three-pass", true, ""};
    if (r.width == 0) {
        check.figure = "values were not kept: not measured";
        return check;
    }
    constexpr std::int64_t most_tiles = 128;
    constexpr Real nothing = Real(-1e30);  // a score whose weight is 0
    const std::int64_t each = std::min(attention_tile, (r.n + most_tiles - 1) / most_tiles);
    const std::int64_t tiles = (r.n + each - 1) / each, n = tiles * attention_tile;
    const std::vector<Real> mixed = mixed_values(r);
    const Exact want_mixed = exact(r.row.data(), r.n, {mixed.data(), 1, 1});
    const double log_sum = want.m + std::log(want.d);
    std::vector<Real> packed_keys(at(packed_keys_size(1, n))),
        packed_values(at(packed_values_size(1, n)));
    Worst worst;
    for (const std::string& name : order_names()) {
        std::vector<Real> keys(at(n), nothing), values(at(n), Real(0));
        std::int64_t i = 0;
        for (const std::int64_t key : arrival(name, r.row, 1)) {
            const std::size_t to = at(i / each * attention_tile + i % each);
            keys[to] = r.row[at(key)];
            values[to] = mixed[at(key)];
            ++i;
        }
        pack_keys({keys.data(), 1, 1, keys.data(), 0, 1}, n, packed_keys.data());
        pack_values(values.data(), n, 1, 1, packed_values.data());
        const Real one = 1;
        Real out = 0, sum = 0;
        attend_tiles({&one, 1, 1, n - 1, n, 1, 1, packed_keys.data(), packed_values.data(), &out, 1,
                      1, &sum},
                     0, 1);
        worst.add(std::fabs(static_cast<double>(out) - want_mixed.o[0]),
                  tolerance_of(r.n, {mixed.data(), 1, 1}));
        worst.add(std::fabs(static_cast<double>(sum) - log_sum),
                  relative_tolerance(r.n) * std::max(1.0, std::fabs(log_sum)));
    }
    check.holds = worst.holds();
    check.figure = worst.figure() + ", " + format_count(tiles) + (tiles == 1 ? " tile" : " tiles") +
                   " × 5 orders";
    return check;
}

// The scores as recorded of each head's row, whatever was changed by hand.
const Real* recorded_scores(const Row& r, std::int64_t head) {
    return r.scores->real.data() + ((r.batch * r.heads + head) * r.queries + r.query) * r.context;
}

Invariant as_recorded(const Row& r, const std::vector<Exact>& run) {
    Invariant check{"result = what the model computed", true, ""};
    if (r.out == nullptr || r.width == 0) {
        check.figure = "not kept: not measured";
        return check;
    }
    Worst worst;
    for (std::int64_t h = 0; h < r.heads; ++h) {
        const double allowed = tolerance_of(r.n, r.values_of(h));
        // (B, T, H, width)
        const std::int64_t first = ((r.batch * r.queries + r.query) * r.heads + h) * r.width;
        for (std::int64_t c = 0; c < r.width; ++c)
            worst.add(std::fabs(r.out->at(first + c) - run[at(h)].o[at(c)]), allowed);
    }
    check.holds = worst.holds();
    check.figure =
        worst.figure() + ", " + format_count(r.heads) + (r.heads == 1 ? " head" : " heads");
    return check;
}

Invariant weights_of_row(const Row& r, const std::vector<Exact>& run) {
    Invariant check{"weights of the row = e^(a − m) / d", true, ""};
    double worst = 0;
    for (std::int64_t h = 0; h < r.heads; ++h) {
        const std::int64_t first = ((r.batch * r.heads + h) * r.queries + r.query) * r.context;
        for (std::int64_t i = 0; i < r.n; ++i)
            worsen(worst, std::fabs(r.probs->at(first + i) - run[at(h)].weights[at(i)]));
    }
    const double tolerance = relative_tolerance(r.n);
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

// The states that the trace kept after each of its own tiles, of all heads: three passes over the
// keys so far.
Invariant recorded_states(const Row& r) {
    Invariant check{"recorded m, d, o after each tile = three-pass", true, ""};
    const auto kept = [&](NodeId id) { return id == no_node ? nullptr : r.trace->find(id); };
    const Tensor *const m = kept(r.nodes.m), *const d = kept(r.nodes.d), *const o = kept(r.nodes.o);
    if (m == nullptr || d == nullptr || m->size() == 0 || d->size() != m->size()) {
        check.figure = "not kept: not measured";
        return check;
    }
    constexpr std::int64_t most_work = 4000000;
    const std::int64_t tiles = m->shape[3];
    const bool outputs = o != nullptr && r.width > 0 && o->size() == m->size() * r.width;
    const bool all = r.heads * tiles * r.n * (r.width + 32) <= most_work;
    Worst worst;
    for (std::int64_t h = 0; h < r.heads; ++h) {
        const Values v = outputs ? r.values_of(h) : Values{};
        const double allowed = tolerance_of(r.n, v), relative = relative_tolerance(r.n);
        for (std::int64_t j = all ? 0 : tiles - 1; j < tiles; ++j) {
            const std::int64_t n = std::min(r.n, (j + 1) * attention_tile);
            const Exact want = exact(recorded_scores(r, h), n, v);
            const std::int64_t i = ((r.batch * r.heads + h) * r.queries + r.query) * tiles + j;
            worst.add(std::fabs(m->at(i) - want.m), relative * std::max(1.0, std::fabs(want.m)));
            worst.add(std::fabs(d->at(i) / want.d - 1), relative);
            for (std::int64_t c = 0; c < v.width; ++c)
                worst.add(std::fabs(o->at(i * v.width + c) / want.d - want.o[at(c)]), allowed);
        }
    }
    check.holds = worst.holds();
    check.figure = worst.figure() + ", " + format_count(r.heads) +
                   (r.heads == 1 ? " head" : " heads") +
                   (all ? " × " + format_count(tiles) + (tiles == 1 ? " tile" : " tiles")
                        : ", last of " + format_count(tiles) + " tiles") +
                   (outputs ? "" : ", o was not kept");
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

// What was counted while the row was read: n numbers a pass, and the weights there and back where
// they leave fast memory.
Invariant traffic(const Row& r) {
    const std::int64_t n = r.n, values = n * r.width;
    const auto same = [&](const SoftmaxResult& s, std::int64_t reads, std::int64_t weights) {
        const Traffic& t = s.traffic;
        return t.scores_read == reads * n && t.weights_written == weights * n &&
               t.weights_read == weights * n && t.values_read == values && t.out_written == r.width;
    };
    const auto counted = [&](const SoftmaxResult& s) { return format_count(s.traffic.row()); };
    return {"traffic counted = formula (5n, 4n, n)",
            same(r.three, 3, 1) && same(r.two, 2, 1) && same(r.shown, 1, 0),
            counted(r.three) + ", " + counted(r.two) + " and " + counted(r.shown) +
                " for n = " + std::to_string(n)};
}

// Red is right here: this is what the maximum is subtracted for.
void add_half_check(const Row& r, const Exact& want, std::vector<Invariant>& list) {
    if (!r.half) return;
    double worst = 0;
    for (std::int64_t c = 0; c < r.width; ++c)
        worsen(worst, std::fabs(r.result(c) - want.o[at(c)]));
    const double tolerance = tolerance_of(r.n, {r.values, r.width, r.ld}) / rounding * 0x1p-11;
    list.push_back({"16 bits without the maximum = three-pass", worst <= tolerance,
                    r.overflowed()
                        ? "d is " + format_number(r.running_d(r.tiles - 1)) + ": the result is lost"
                        : measured(worst, tolerance)});
}

}  // namespace

std::vector<Invariant> checks(const Row& r) {
    const Exact want = exact(r.row.data(), r.n, {r.values, r.width, r.ld});
    std::vector<Exact> run;  // of each head as recorded
    for (std::int64_t h = 0; h < r.heads; ++h)
        run.push_back(exact(recorded_scores(r, h), r.n, r.values_of(h)));
    std::vector<Invariant> list;
    list.push_back(any_tiles(r, want));
    list.push_back(model_kernel(r, want));
    list.push_back(as_recorded(r, run));
    list.push_back(ends(r, want));
    list.push_back(recorded_states(r));
    if (r.probs != nullptr) list.push_back(weights_of_row(r, run));
    add_map_checks(r, list);
    list.push_back(traffic(r));
    add_half_check(r, want, list);
    return list;
}

}  // namespace sf::online
