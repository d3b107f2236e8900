#include "views/draw/formula_spacing.h"

#include <algorithm>

namespace sf::formula {

namespace {

// Spaces, of the size. Between relations and operators as TeX has them.
constexpr double thin_space = 0.167, medium_space = 0.222, thick_space = 0.278;
constexpr double factor_space = 0.18, word_space = 0.25, script_rel_space = 0.09;

// What TeX puts between two atoms, of the size.
double rule_space(Atom a, Atom b, bool script) {
    if (a == Atom::open || b == Atom::close || b == Atom::punct) return 0;
    if (a == Atom::relation || b == Atom::relation)
        return a == b ? 0 : script ? script_rel_space : thick_space;
    if (a == Atom::binary || b == Atom::binary) return script ? 0 : medium_space;
    if (a == Atom::punct) return script ? 0 : thin_space;
    const bool open = b == Atom::open;
    if (a == Atom::op) return open ? 0 : thin_space;
    if (b == Atom::op) return thin_space;
    if ((a == Atom::inner || b == Atom::inner) && !script) return open ? 0.04 : thin_space / 2;
    return 0;
}

}  // namespace

// A binary operator with nothing to its left or right is a sign: "−ln P".
std::vector<Atom> atoms_of(const std::vector<Part>& row) {
    std::vector<Atom> atoms;
    std::size_t last = row.size();  // that was no space
    for (std::size_t i = 0; i < row.size(); ++i) {
        Atom a = row[i].atom;
        if (a != Atom::space) {
            const Atom before = last < row.size() ? atoms[last] : Atom::open;
            if (a == Atom::binary &&
                (before == Atom::binary || before == Atom::relation || before == Atom::open ||
                 before == Atom::punct || before == Atom::op))
                a = Atom::ordinary;
            if (last < row.size() && before == Atom::binary &&
                (a == Atom::relation || a == Atom::close || a == Atom::punct))
                atoms[last] = Atom::ordinary;
            last = i;
        }
        atoms.push_back(a);
    }
    if (last < row.size() && atoms[last] == Atom::binary) atoms[last] = Atom::ordinary;
    return atoms;
}

double space_between(const Part& a, Atom x, const Part& b, Atom y, bool spaced, bool script) {
    double space = rule_space(x, y, script);
    const auto firm = [](Atom t) { return t == Atom::relation || t == Atom::binary; };
    if (spaced && !firm(x) && !firm(y) && x != Atom::open && y != Atom::close) {
        const bool words = a.word || b.word || x == Atom::punct;
        space = std::max(space, (words ? word_space : factor_space) * (script ? 0.8 : 1));
    }
    return space;
}

}  // namespace sf::formula
