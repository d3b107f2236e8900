#pragma once

#include "views/canvas/canvas.h"
#include "views/draw/theme.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sf::formula {

// How a part stands to its neighbours, in TeX's words: what decides the space between them.
enum class Atom : std::uint8_t { ordinary, op, binary, relation, open, close, punct, inner, space };

// A formula's tree (the markup: formula.h).
struct Part {
    enum class Kind : std::uint8_t {
        symbol,    // text
        row,       // parts beside each other
        fraction,  // parts: above, below
        root,      // parts: the radicand
        big,       // text, whose scripts are limits
        matrix,    // parts: cells by row, `columns` of them
        lines      // parts: rows
    };
    Kind kind = Kind::symbol;
    Atom atom = Atom::ordinary;
    Weight weight = Weight::regular;
    bool word = false;  // a symbol of letters that reads as a word
    std::string text;
    std::size_t primes = 0;          // of a symbol: x'
    std::optional<Meaning> meaning;  // of a row: of all in it
    std::vector<Part> parts;
    std::size_t columns = 0;
    std::vector<Part> above, below;  // scripts: none or one row
    bool below_first = false;        // as it was written

    bool scripted() const { return !above.empty() || !below.empty(); }
};

// A row, or lines where the markup has several.
Part parse(std::string_view markup);

// The same in one line: fractions as "a / b", bracketed where that would read otherwise, lines
// joined.
Part in_line(Part part);

// The text of an in_line tree.
std::string plain(const Part& part);

// The close that belongs to the open at `at` in a row's parts, or `at` where there is none.
std::size_t closing(const std::vector<Part>& row, std::size_t at);

}  // namespace sf::formula
