#include "views/attention_row.h"
#include "views/draw/number.h"

#include <algorithm>
#include <cmath>

// The row on screen in words.
namespace sf::online {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
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
