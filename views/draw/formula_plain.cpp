#include "views/canvas/font.h"
#include "views/draw/formula.h"
#include "views/draw/formula_parse.h"

#include <algorithm>
#include <array>

namespace sf {

namespace formula {

namespace {

using Parts = std::vector<Part>;

Part sign(const char* text, Atom atom) {
    Part p;
    p.text = text;
    p.atom = atom;
    return p;
}

// Without the spaces at its ends.
Parts trimmed(Parts parts) {
    const auto blank = [](const Part& p) { return p.atom == Atom::space && !p.scripted(); };
    while (!parts.empty() && blank(parts.back())) parts.pop_back();
    parts.erase(parts.begin(), std::find_if_not(parts.begin(), parts.end(), blank));
    return parts;
}

// One thing: a symbol, a bracket, a function of a bracket.
bool is_single(const Parts& row) {
    if (row.size() <= 1) return true;
    const std::size_t open = row[0].word || row[0].kind == Part::Kind::big ? 1 : 0;
    return row[open].atom == Atom::open && closing(row, open) + 1 == row.size();
}

bool is_sum(const Parts& row) {
    return std::any_of(row.begin(), row.end(), [](const Part& p) {
        return p.atom == Atom::relation ||
               (p.atom == Atom::binary && (p.text == "+" || p.text == "−" || p.text == "-"));
    });
}

void bracket(Parts& parts) {
    parts.insert(parts.begin(), sign("(", Atom::open));
    parts.push_back(sign(")", Atom::close));
}

// Whether what follows in the row would be read into a denominator.
bool goes_on(const Parts& row, std::size_t next) {
    while (next < row.size() && row[next].atom == Atom::space) ++next;
    if (next >= row.size()) return false;
    const Atom a = row[next].atom;
    return a != Atom::relation && a != Atom::binary && a != Atom::close && a != Atom::punct;
}

void flatten(Part& part);

Parts slashed(Part& fraction, bool bracketed) {
    Parts over = trimmed(std::move(fraction.parts[0].parts));
    Parts under = trimmed(std::move(fraction.parts[1].parts));
    if (is_sum(over) && !is_single(over)) bracket(over);
    if (!is_single(under)) bracket(under);
    over.push_back(sign(" ", Atom::space));
    over.push_back(sign("/", Atom::ordinary));
    over.push_back(sign(" ", Atom::space));
    over.insert(over.end(), under.begin(), under.end());
    if (bracketed || fraction.scripted()) bracket(over);
    if (fraction.scripted()) {
        over.back().above = std::move(fraction.above);
        over.back().below = std::move(fraction.below);
        over.back().below_first = fraction.below_first;
    }
    return over;
}

// The fractions of a row, inner ones first.
void flatten_row(Part& row) {
    for (Part& p : row.parts) flatten(p);
    Parts flat;
    for (std::size_t i = 0; i < row.parts.size(); ++i) {
        Part& p = row.parts[i];
        if (p.kind != Part::Kind::fraction) {
            flat.push_back(std::move(p));
            continue;
        }
        const Parts made = slashed(p, goes_on(row.parts, i + 1));
        flat.insert(flat.end(), made.begin(), made.end());
    }
    row.parts = std::move(flat);
}

void flatten(Part& part) {
    for (auto* scripts : {&part.above, &part.below})
        for (Part& row : *scripts) flatten(row);
    if (part.kind == Part::Kind::row) {
        flatten_row(part);
        return;
    }
    for (Part& inner : part.parts) flatten(inner);
    if (part.kind != Part::Kind::matrix && part.kind != Part::Kind::lines) return;
    // Cells between commas, rows between semicolons; lines between spaces.
    const bool matrix = part.kind == Part::Kind::matrix;
    Parts joined;
    for (std::size_t i = 0; i < part.parts.size(); ++i) {
        if (i > 0) {
            if (matrix) joined.push_back(sign(i % part.columns == 0 ? ";" : ",", Atom::punct));
            joined.push_back(sign(" ", Atom::space));
        }
        const Parts cell = trimmed(std::move(part.parts[i].parts));
        joined.insert(joined.end(), cell.begin(), cell.end());
    }
    part.kind = Part::Kind::row;
    part.parts = std::move(joined);
}

// Unicode's raised or lowered sign for a character; empty when there is none.
std::string unicode_script(char32_t c, bool up) {
    struct Sign {
        char32_t plain;
        const char* up;
        const char* down;
    };
    static constexpr std::array<Sign, 19> signs{{{U'0', "⁰", "₀"},
                                                 {U'1', "¹", "₁"},
                                                 {U'2', "²", "₂"},
                                                 {U'3', "³", "₃"},
                                                 {U'4', "⁴", "₄"},
                                                 {U'5', "⁵", "₅"},
                                                 {U'6', "⁶", "₆"},
                                                 {U'7', "⁷", "₇"},
                                                 {U'8', "⁸", "₈"},
                                                 {U'9', "⁹", "₉"},
                                                 {U'+', "⁺", "₊"},
                                                 {U'-', "⁻", "₋"},
                                                 {U'\u2212', "⁻", "₋"},
                                                 {U'i', "ⁱ", "ᵢ"},
                                                 {U'j', "ʲ", "ⱼ"},
                                                 {U'n', "ⁿ", "ₙ"},
                                                 {U't', "ᵗ", "ₜ"},
                                                 {U'T', "ᵀ", ""},
                                                 {U's', "ˢ", "ₛ"}}};
    for (const auto& s : signs)
        if (s.plain == c) return up ? s.up : s.down;
    return {};
}

std::string script_text(const Parts& script, bool up) {
    if (script.empty()) return {};
    const std::string text = plain(script[0]);
    std::string signs;
    for (std::size_t k = 0; k < text.size();) {
        const auto one = unicode_script(next_utf8(text, k), up);
        if (one.empty()) return (up ? "^" : "_") + text;
        signs += one;
    }
    return signs;
}

}  // namespace

Part in_line(Part part) {
    flatten(part);
    return part;
}

std::string plain(const Part& part) {
    std::string out = part.text + std::string(part.primes, '\'');
    if (out == "∑") out = "Σ";
    if (part.kind == Part::Kind::root) {
        out = plain(part.parts[0]);
        out = is_single(part.parts[0].parts) ? "√" + out : "√(" + out + ")";
    } else {
        for (const Part& p : part.parts) out += plain(p);
    }
    const auto up = script_text(part.above, true), down = script_text(part.below, false);
    return out + (part.below_first ? down + up : up + down);
}

}  // namespace formula

std::string formula_plain(std::string_view markup) {
    return formula::plain(formula::in_line(formula::parse(markup)));
}

}  // namespace sf
