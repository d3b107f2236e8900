#include "views/draw/formula_layout.h"

#include "views/canvas/font.h"
#include "views/draw/formula_shapes.h"
#include "views/draw/formula_spacing.h"

#include <algorithm>
#include <cmath>

namespace sf::formula {

namespace {

constexpr double script_size = 0.68;   // of the size it stands beside
constexpr double smallest_script = 7;  // pixels; below that nobody can read it
constexpr double raise = 0.40, lower = 0.19, lower_both = 0.22;  // of the size

double reduced(double size) {
    return std::max(size * script_size, std::min(size, smallest_script));
}

void shift(Ink& i, Vec2 by) {
    i.at = i.at + by;
    i.rect.x += by.x, i.rect.y += by.y;
    for (Vec2& p : i.outline) p = p + by;
}

// Puts a box on another's baseline, `dy` below it.
void put(Box& into, Box&& what, double x, double dy) {
    into.ascent = std::max(into.ascent, what.ascent - dy);
    into.descent = std::max(into.descent, what.descent + dy);
    for (Ink& i : what.ink) {
        shift(i, {x, dy});
        // Text that goes on in the same way is one text.
        Ink* last = into.ink.empty() ? nullptr : &into.ink.back();
        if (last != nullptr && last->kind == Ink::Kind::text && i.kind == Ink::Kind::text &&
            last->at.y == i.at.y && last->size == i.size && last->weight == i.weight &&
            last->meaning == i.meaning && std::fabs(last->at.x + last->width - i.at.x) < 1e-6) {
            last->text += i.text;
            last->width += i.width;
        } else {
            into.ink.push_back(std::move(i));
        }
    }
    what.ink.clear();
}

struct Context {
    double size = 13;
    Weight weight = Weight::regular;
    bool display = true;
    bool script = false;  // spaces are left out
    std::optional<Meaning> meaning;

    Context small() const {
        Context c = *this;
        c.size = reduced(size);
        c.display = false;
        c.script = true;
        return c;
    }
};

Box set(const Part& part, const Context& c);

std::string shown(const Part& p) {
    if (p.text == "'") return "′";
    if (p.text == "-" && p.atom == Atom::binary) return "−";
    return p.text;
}

Box text_box(const std::string& text, const Context& c, Weight weight) {
    const auto& fonts = FontSet::standard();
    Box box;
    Ink i;
    i.text = text;
    i.size = c.size;
    i.weight = c.weight == Weight::bold ? Weight::bold : weight;
    i.meaning = c.meaning;
    box.width = i.width = fonts.width(i.text, c.size, i.weight);
    const Rect ink = fonts.ink(i.text, c.size, i.weight);
    // At least a line of capitals, so that neighbours stand on one height.
    box.ascent = std::max(fonts.cap_height(c.size), -ink.y);
    box.descent = std::max(fonts.descent(c.size) * 0.7, ink.bottom());
    if (i.weight == Weight::italic) box.correction = std::max(0.0, ink.right() - box.width);
    if (!text.empty()) box.ink.push_back(std::move(i));
    return box;
}

// A row or nothing.
Box set_script(const std::vector<Part>& script, const Context& c) {
    return script.empty() ? Box{} : set(script[0], c);
}

// A base with its scripts beside it. `tall`: they follow its height rather than the line's.
Box with_scripts(Box base, const Part& part, const Context& c, bool tall) {
    if (!part.scripted() && part.primes == 0) return base;
    const Context small = c.small();
    Box over = set_script(part.above, small), under = set_script(part.below, small);
    const bool both = !over.ink.empty() && !under.ink.empty();
    double up = raise * c.size, down = (both ? lower_both : lower) * c.size;
    if (tall) {
        up = std::max(up, base.ascent - 0.55 * small.size);
        down = std::max(down, base.descent - 0.05 * small.size);
    }
    up = std::max(up, over.descent + 0.12 * c.size);  // a tall script keeps clear of the baseline
    if (!under.ink.empty()) down = std::max(down, under.ascent - 0.62 * c.size);
    if (both) {
        const double apart = std::max(0.0, (over.descent - up) - (down - under.ascent)) / 2;
        up += apart, down += apart;
    }
    Box box;
    const double end = base.width;
    const double lean = over.ink.empty() && part.primes == 0 ? 0 : base.correction;
    const double x = end + lean + 0.02 * c.size;
    const double behind = static_cast<double>(part.primes) * prime_step * c.size;
    double right = end + (behind > 0 ? lean + behind : 0);
    put(box, std::move(base), 0, 0);
    for (std::size_t k = 0; k < part.primes; ++k) {
        box.ink.push_back(prime(end + lean + static_cast<double>(k) * prime_step * c.size, c.size));
        box.ink.back().meaning = c.meaning;
    }
    for (auto* s : {&over, &under})
        if (!s->ink.empty()) {
            // A subscript stands below the primes.
            const double left = s == &under ? x : x + behind;
            right = std::max(right, left + s->width + s->correction);
            put(box, std::move(*s), left, s == &over ? -up : down);
        }
    box.width = right + 0.04 * c.size;
    return box;
}

// A sum or a named operator: limits above and below in display, else scripts.
Box set_big(const Part& part, const Context& c) {
    Box sign;
    if (part.word) {
        sign = text_box(part.text, c, Weight::regular);
    } else {
        Context large = c;
        large.size = c.size * (c.display ? 1.5 : 1.15);
        sign = text_box(part.text, large, Weight::regular);
        // Its ink centred on the axis.
        const Rect ink = FontSet::standard().ink(part.text, large.size, Weight::regular);
        const double dy = std::round(-axis_height(c.size) - ink.centre().y);
        Box moved;
        moved.width = sign.width;
        put(moved, std::move(sign), 0, dy);
        moved.ascent = -ink.y - dy, moved.descent = ink.bottom() + dy;
        sign = std::move(moved);
    }
    if (!c.display) return with_scripts(std::move(sign), part, c, !part.word);
    Box over = set_script(part.above, c.small()), under = set_script(part.below, c.small());
    const double gap = std::max(1.0, std::round((part.word ? 0.02 : 0.12) * c.size));
    Box box;
    const double axis = axis_height(c.size);
    box.half = std::max(sign.ascent - axis, sign.descent + axis);
    box.width = std::max({sign.width, over.width, under.width});
    const double up = std::ceil(sign.ascent + gap + over.descent);
    const double down = std::ceil(sign.descent * (part.word ? 0.6 : 1) + gap + under.ascent);
    const auto centred = [&](Box&& b, double dy) {
        const double x = (box.width - b.width) / 2;
        put(box, std::move(b), x, dy);
    };
    centred(std::move(sign), 0);
    if (!over.ink.empty()) centred(std::move(over), -up);
    if (!under.ink.empty()) centred(std::move(under), down);
    return box;
}

Box set_fraction(const Part& part, const Context& c) {
    Context inner = c;
    inner.display = false;
    if (!c.display) inner = c.small();
    inner.script = c.script;
    Box over = set(part.parts[0], inner), under = set(part.parts[1], inner);
    const double t = rule_width(c.size), axis = axis_height(c.size);
    const double top = -std::round(axis + t / 2);  // of the rule
    const double gap = std::max(1.0, std::round(0.15 * c.size));
    const double up = std::ceil(std::max(c.display ? 0.677 * c.size : 0, over.descent + gap - top));
    const double down =
        std::ceil(std::max(c.display ? 0.686 * c.size : 0, under.ascent + gap + top + t));
    const double pad = 0.07 * c.size, outer = 0.07 * c.size;
    const auto wide = [](const Box& b) { return b.width + b.correction; };
    const double w = std::max(wide(over), wide(under)) + 2 * pad;
    Box box;
    box.width = w + 2 * outer;
    const double over_x = outer + (w - wide(over)) / 2, under_x = outer + (w - wide(under)) / 2;
    put(box, std::move(over), over_x, -up);
    put(box, std::move(under), under_x, down);
    Ink line = rule(outer, top, w, t);
    line.meaning = c.meaning;
    box.ink.push_back(std::move(line));
    return box;
}

Box set_matrix(const Part& part, const Context& c) {
    Context inner = c;
    inner.display = false;
    const std::size_t columns = std::max<std::size_t>(part.columns, 1);
    const std::size_t rows = part.parts.size() / columns;
    std::vector<Box> cells;
    std::vector<double> widths(columns, 0), up(rows, 0), down(rows, 0);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        cells.push_back(set(part.parts[i], inner));
        const Box& b = cells.back();
        widths[i % columns] = std::max(widths[i % columns], b.width + b.correction);
        up[i / columns] = std::max(up[i / columns], b.ascent);
        down[i / columns] = std::max(down[i / columns], b.descent);
    }
    const double across = 0.8 * c.size, between = 0.3 * c.size;
    double height = 0;
    for (std::size_t r = 0; r < rows; ++r) height += up[r] + down[r] + (r > 0 ? between : 0);
    Box box;
    double y = -axis_height(c.size) - height / 2;
    for (std::size_t r = 0; r < rows; ++r) {
        double x = 0;
        for (std::size_t k = 0; k < columns; ++k) {
            Box& b = cells[r * columns + k];
            const double left = x + (widths[k] - b.width) / 2;
            put(box, std::move(b), left, std::round(y + up[r]));
            x += widths[k] + across;
        }
        box.width = std::max(box.width, x - across);
        y += up[r] + down[r] + between;
    }
    return box;
}

// Lines one below the other, each line's first relation below the one above.
Box set_lines(const Part& part, const Context& c) {
    std::vector<Box> rows;
    double column = 0;
    for (const Part& p : part.parts) {
        rows.push_back(set(p, c));
        column = std::max(column, rows.back().relation);
    }
    Box box;
    double y = 0, descent = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Box& b = rows[i];
        if (i > 0) y += std::ceil(std::max(1.45 * c.size, descent + b.ascent + 0.35 * c.size));
        descent = b.descent;
        const double x = b.relation >= 0 ? column - b.relation : 0;
        box.width = std::max(box.width, x + b.width + b.correction);
        put(box, std::move(b), x, y);
    }
    return box;
}

// Brackets as tall as what they hold, inner ones first; then their scripts.
void fit_brackets(const std::vector<Part>& row, std::vector<Box>& boxes, const Context& c) {
    struct Open {
        std::size_t at;
        double half;  // of what it holds, from the axis
    };
    const double axis = axis_height(c.size);
    const auto half_of = [axis](const Box& b) {
        if (b.ink.empty()) return 0.0;
        return b.half >= 0 ? b.half : std::max(b.ascent - axis, b.descent + axis);
    };
    const double usual = half_of(text_box("(", c, Weight::regular));
    std::vector<Open> open;
    const auto holds = [&](double half) {
        if (!open.empty()) open.back().half = std::max(open.back().half, half);
    };
    const auto finish = [&](std::size_t i, double half) {
        const bool tall = half > 1.3 * usual;
        if (tall && can_grow(row[i])) {
            boxes[i] =
                grown_bracket(row[i], c.size, std::round(half) + axis, std::round(half) - axis);
            for (Ink& ink : boxes[i].ink) ink.meaning = c.meaning;
        }
        boxes[i] = with_scripts(std::move(boxes[i]), row[i], c, tall);
    };
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (row[i].atom == Atom::open) {
            open.push_back({i, 0});
        } else if (row[i].atom == Atom::close && !open.empty()) {
            const Open own = open.back();
            open.pop_back();
            finish(own.at, own.half);
            finish(i, own.half);
            holds(std::max(half_of(boxes[own.at]), half_of(boxes[i])));
        } else {
            if (row[i].atom == Atom::close) finish(i, 0);
            holds(half_of(boxes[i]));
        }
    }
    for (const Open& o : open) finish(o.at, 0);
}

Box set_row(const Part& part, const Context& outer) {
    Context c = outer;
    if (part.meaning) c.meaning = part.meaning;
    const std::vector<Part>& row = part.parts;
    const auto atoms = atoms_of(row);
    std::vector<Box> boxes;
    for (const Part& p : row) {
        const bool bracket = (p.atom == Atom::open || p.atom == Atom::close) && p.scripted();
        boxes.push_back(p.atom == Atom::space && !p.scripted() ? Box{}
                        : bracket                              ? text_box(p.text, c, p.weight)
                                                               : set(p, c));
    }
    fit_brackets(row, boxes, c);
    Box box;
    double x = 0;
    std::size_t last = row.size();
    bool spaced = false;
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (row[i].atom == Atom::space && !row[i].scripted()) {
            spaced = true;
            continue;
        }
        Box& b = boxes[i];
        if (last < row.size()) {
            const double space =
                c.size * space_between(row[last], atoms[last], row[i], atoms[i], spaced, c.script);
            const bool leans = row[i].weight != Weight::italic || row[i].kind != row[last].kind;
            x += std::max(space, leans ? box.correction : 0);
        }
        if (atoms[i] == Atom::relation && box.relation < 0)
            box.relation = x;
        else if (box.relation >= 0 && box.behind < 0)
            box.behind = x;
        box.correction = b.correction;
        const double w = b.width;
        put(box, std::move(b), x, 0);
        x += w;
        last = i;
        spaced = false;
    }
    box.width = x;
    return box;
}

Box set(const Part& part, const Context& c) {
    Context own = c;
    if (part.weight == Weight::bold) own.weight = Weight::bold;
    switch (part.kind) {
        case Part::Kind::row:
            return with_scripts(set_row(part, own), part, c, false);
        case Part::Kind::fraction:
            return with_scripts(set_fraction(part, own), part, c, true);
        case Part::Kind::root: {
            Context inner = own;
            inner.display = false;
            Box box = under_root(set(part.parts[0], inner), c.size);
            for (Ink& i : box.ink)
                if (i.kind != Ink::Kind::text && !i.meaning) i.meaning = c.meaning;
            return with_scripts(std::move(box), part, c, true);
        }
        case Part::Kind::big:
            return set_big(part, own);
        case Part::Kind::matrix:
            return with_scripts(set_matrix(part, own), part, c, true);
        case Part::Kind::lines:
            return set_lines(part, own);
        case Part::Kind::symbol:
            break;
    }
    return with_scripts(text_box(shown(part), own, part.weight), part, c, false);
}

}  // namespace

Box lay_out(const Part& part, double size, Weight weight, bool display) {
    Context c;
    c.size = size;
    c.weight = weight;
    c.display = display;
    Box box = set(part, c);
    // A letter that reaches to the left of its place (j) begins at the margin.
    double left = 0;
    for (const Ink& i : box.ink)
        if (i.kind == Ink::Kind::text)
            left = std::min(left, i.at.x + FontSet::standard().ink(i.text, i.size, i.weight).x);
    for (Ink& i : box.ink) shift(i, {-left, 0});
    box.width -= left;
    if (box.relation >= 0) box.relation -= left;
    if (box.behind >= 0) box.behind -= left;
    return box;
}

}  // namespace sf::formula
