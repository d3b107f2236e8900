#include "views/draw/formula.h"
#include "views/draw/formula_layout.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

using formula::Atom;
using formula::Box;
using formula::Part;

// Where a row may be broken, the best places first.
enum class Break : std::uint8_t { relation, operation, space, none };

struct Line {
    Box box;
    double indent = 0;
};

struct Setter {
    const TextStyle& style;
    double width;
    bool display;

    Box lay(const Part& row) const {
        return formula::lay_out(row, style.size, style.weight, display);
    }
    static double wide(const Box& b) { return b.width + b.correction; }

    // The row's pieces, each beginning where `at` allows a break outside brackets.
    static std::vector<Part> pieces(const Part& row, Break at) {
        std::vector<Part> found;
        int depth = 0;
        const auto begins = [&](std::size_t i) {
            const Part& p = row.parts[i];
            const bool spaced = i > 0 && row.parts[i - 1].atom == Atom::space;
            if (depth > 0 || i == 0) return false;
            if (at == Break::relation) return p.atom == Atom::relation;
            if (at == Break::operation) return p.atom == Atom::binary && spaced;
            return spaced && p.atom != Atom::space && p.atom != Atom::binary &&
                   row.parts[i - 1].text.size() > 0;
        };
        for (std::size_t i = 0; i < row.parts.size(); ++i) {
            if (found.empty() || begins(i)) {
                found.emplace_back();
                found.back().kind = Part::Kind::row;
                found.back().meaning = row.meaning;
                found.back().weight = row.weight;
            }
            found.back().parts.push_back(row.parts[i]);
            if (row.parts[i].atom == Atom::open) ++depth;
            if (row.parts[i].atom == Atom::close && depth > 0) --depth;
        }
        return found;
    }

    // Packs the pieces of a row into lines; a piece that is too wide is broken at the next kind of
    // place. `behind`: where what follows a relation stands; 0 until there is one.
    void add(std::vector<Line>& lines, const Part& row, Break at, double& column,
             double& behind) const {
        Part now;
        const auto indent_of = [&](const Part& p) {
            if (lines.empty() || p.parts.empty()) return 0.0;
            return p.parts[0].atom == Atom::relation ? column : behind;
        };
        const auto flush = [&] {
            if (now.parts.empty()) return;
            const double indent = indent_of(now);
            Box box = lay(now);
            if (indent + wide(box) > width && at != Break::none) {
                add(lines, now, static_cast<Break>(static_cast<int>(at) + 1), column, behind);
            } else {
                if (lines.empty() && box.relation >= 0) {
                    // Far to the right there is no room to align with.
                    column = box.relation < width * 0.35 ? box.relation : style.size;
                    behind = column + (box.behind >= 0 ? box.behind - box.relation : style.size);
                } else if (lines.empty()) {
                    column = behind = style.size;
                }
                const double room = width - indent;
                // What cannot be broken is set smaller; its rules and scripts shrink less.
                double size = style.size;
                for (int k = 0; k < 8 && wide(box) > room; ++k) {
                    size *= std::min(0.98, room / wide(box));
                    box = formula::lay_out(now, size, style.weight, display);
                }
                lines.push_back({std::move(box), indent});
            }
            now = {};
        };
        for (Part& piece : pieces(row, at)) {
            if (!now.parts.empty()) {
                Part longer = now;
                longer.parts.insert(longer.parts.end(), piece.parts.begin(), piece.parts.end());
                if (indent_of(longer) + wide(lay(longer)) <= width) {
                    now = std::move(longer);
                    continue;
                }
                flush();
            }
            now = std::move(piece);
        }
        flush();
    }

    std::vector<Line> lines(const Part& part) const {
        std::vector<Line> found;
        double column = 0, behind = 0;
        if (part.kind == Part::Kind::lines)
            for (const Part& row : part.parts) add(found, row, Break::relation, column, behind);
        else
            add(found, part, Break::relation, column, behind);
        return found;
    }
};

}  // namespace

double draw_formula_lines(Canvas& canvas, Vec2 top_left, double width, std::string_view markup,
                          const TextStyle& style, double max_height, const FormulaLook& look,
                          bool measure_only) {
    const double step = line_height(style.size) * 1.2, pad = 0.15 * style.size;
    const auto above = [&](const Line& l) { return std::max(step * 0.72, l.box.ascent + pad); };
    const auto below = [&](const Line& l) { return std::max(step * 0.28, l.box.descent + pad); };
    const Part part = formula::parse(markup);
    std::vector<Line> lines;
    for (const bool in_line : {false, true}) {
        if (!in_line && look.in_line) continue;
        lines = Setter{style, width, !in_line}.lines(in_line ? formula::in_line(part) : part);
        double height = 0;
        for (const Line& l : lines) height += above(l) + below(l);
        if (height <= max_height + 0.01) break;
    }
    double y = 0;
    for (const Line& l : lines) {
        const double high = std::ceil(above(l)) + std::ceil(below(l));
        if (y + high > max_height + 0.01) break;
        if (!measure_only)
            formula::draw(canvas, {top_left.x + l.indent, top_left.y + y + std::ceil(above(l))},
                          l.box, style.colour, look.theme);
        y += high;
    }
    return y;
}

}  // namespace sf
