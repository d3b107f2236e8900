#include "views/draw/formula_parse.h"

#include "views/canvas/font.h"

#include <algorithm>
#include <array>

namespace sf::formula {

namespace {

constexpr int deepest = 8;  // nested groups; deeper ones are read as plain text

struct Word {
    std::string_view name;
    Meaning meaning;
};
constexpr std::array<Word, 8> colours{{{"query", Meaning::query},
                                       {"key", Meaning::key},
                                       {"value", Meaning::value},
                                       {"latent", Meaning::latent},
                                       {"position", Meaning::position},
                                       {"shared", Meaning::shared_expert},
                                       {"routed", Meaning::routed_expert},
                                       {"mtp", Meaning::mtp}}};

bool is_letter(char32_t c) {
    return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
}
bool is_digit(char32_t c) {
    return c >= U'0' && c <= U'9';
}
// Letters that are variables even beside others.
bool is_variable(char32_t c) {
    return (c >= 0x3B1 && c <= 0x3C9) || c == 0x2113 || c == 0x3D1 || c == 0x3D5 || c == 0x3F5;
}
bool is_mark(char32_t c) {
    return c >= 0x300 && c <= 0x36F;
}

Atom atom_of(char32_t c) {
    constexpr std::u32string_view relations = U"=<>≤≥≈≠∈∉→←↦∝≡∼≪≫⇒⇐↔", binary = U"+−·×⊙⊗⊕±∘∗*";
    constexpr std::u32string_view ops = U"Σ∑∏", open = U"([⟨", close = U")]⟩", punct = U",;";
    const auto in = [c](std::u32string_view set) { return set.find(c) != set.npos; };
    return in(relations) ? Atom::relation
           : in(binary)  ? Atom::binary
           : in(ops)     ? Atom::op
           : in(open)    ? Atom::open
           : in(close)   ? Atom::close
           : in(punct)   ? Atom::punct
           : c == U' '   ? Atom::space
                         : Atom::ordinary;
}

// A range of the markup.
struct Span {
    std::size_t begin = 0, end = 0;
};

class Parser {
public:
    explicit Parser(std::string_view markup) : all_(markup), match_(markup.size(), 0) {
        std::vector<std::size_t> open;
        for (std::size_t i = 0; i < all_.size(); ++i) {
            if (all_[i] == '{') open.push_back(i);
            if (all_[i] == '}' && !open.empty()) {
                match_[open.back()] = i;
                open.pop_back();
            }
        }
    }

    Part all() {
        const auto rows = split({0, all_.size()}, R"(\\)");
        if (rows.size() == 1) return row(rows[0], 0);
        Part lines;
        lines.kind = Part::Kind::lines;
        for (const Span& s : rows) lines.parts.push_back(row(s, 0));
        return lines;
    }

private:
    // The parts of a span between separators that stand in no group.
    std::vector<Span> split(Span s, std::string_view separator) const {
        std::vector<Span> found;
        std::size_t begin = s.begin;
        for (std::size_t i = s.begin; i < s.end;) {
            if (all_[i] == '{' && match_[i] != 0) {
                i = match_[i] + 1;
            } else if (all_.compare(i, separator.size(), separator) == 0) {
                found.push_back({begin, i});
                begin = i += separator.size();
            } else {
                ++i;
            }
        }
        found.push_back({begin, s.end});
        return found;
    }

    std::size_t word_end(std::size_t at, std::size_t end) const {
        while (at < end && is_letter(static_cast<unsigned char>(all_[at]))) ++at;
        return at;
    }

    // {...} at `at`, which moves behind it; false: there is none.
    bool group(std::size_t& at, std::size_t end, Span& inside) const {
        if (at >= end || all_[at] != '{' || match_[at] == 0 || match_[at] >= end) return false;
        inside = {at + 1, match_[at]};
        at = match_[at] + 1;
        return true;
    }

    // What a script mark raises or lowers. An unclosed group is the rest.
    Span script(std::size_t& at, std::size_t end) const {
        Span s{at, at};
        if (group(at, end, s)) return s;
        if (all_[at] == '{') {
            s = {at + 1, end};
            at = end;
            return s;
        }
        const bool word = all_[at] == '\\';
        if (word) {
            at = word_end(at + 1, end);
            for (Span inside; group(at, end, inside);) {
            }
        } else {
            next_utf8(all_, at);
        }
        at = std::min(at, end);
        s.end = at;
        return s;
    }

    bool is_script(std::size_t at, std::size_t end) const {
        return (all_[at] == '^' || all_[at] == '_') && at + 1 < end && all_[at + 1] != ' ';
    }

    Part row(Span s, int depth) {
        Part out;
        out.kind = Part::Kind::row;
        for (std::size_t i = s.begin; i < s.end;) {
            const char c = all_[i];
            if (c == '{' || c == '}') {
                ++i;
            } else if (is_script(i, s.end) && depth < deepest) {
                attach(out, i, s.end, depth);
            } else if (c != '\\' || depth >= deepest || !command(out, i, s.end, depth)) {
                symbol(out, i, s.end);
            }
        }
        return out;
    }

    void attach(Part& out, std::size_t& i, std::size_t end, int depth) {
        const bool up = all_[i++] == '^';
        Part inside = row(script(i, end), depth + 1);
        if (inside.parts.empty()) return;
        // A capital alone is a name, as the words are: q^{C}. Not where it is a limit.
        const bool limit = !out.parts.empty() && out.parts.back().atom == Atom::op;
        if (up && !limit && !inside.parts[0].scripted() && inside.parts.size() == 1 &&
            inside.parts[0].text.size() == 1 && inside.parts[0].text[0] <= 'Z' &&
            inside.parts[0].weight == Weight::italic)
            inside.parts[0].weight = Weight::regular;
        const auto taken = [&] {
            const Part& p = out.parts.back();
            return p.atom == Atom::space || !(up ? p.above : p.below).empty();
        };
        if (out.parts.empty() || taken()) out.parts.emplace_back();
        Part& base = out.parts.back();
        if (!up && base.above.empty()) base.below_first = true;
        (up ? base.above : base.below).push_back(std::move(inside));
    }

    // A \word with its groups; false: none that is known and whole, and nothing was taken.
    bool command(Part& out, std::size_t& i, std::size_t end, int depth) {
        const std::size_t name_end = word_end(i + 1, end);
        const auto name = all_.substr(i + 1, name_end - i - 1);
        std::size_t at = name_end;
        Part p;
        if (name == "sum" || name == "prod") {
            p.kind = Part::Kind::big;
            p.atom = Atom::op;
            p.text = name == "sum" ? "∑" : "∏";
            out.parts.push_back(std::move(p));
            i = at;
            return true;
        }
        Span a, b;
        if (!group(at, end, a)) return false;
        const auto colour = std::find_if(colours.begin(), colours.end(),
                                         [&](const Word& w) { return w.name == name; });
        if (name == "frac") {
            if (!group(at, end, b)) return false;
            p.kind = Part::Kind::fraction;
            p.atom = Atom::inner;
            p.parts.push_back(row(a, depth + 1));
            p.parts.push_back(row(b, depth + 1));
        } else if (name == "sqrt") {
            p.kind = Part::Kind::root;
            p.parts.push_back(row(a, depth + 1));
        } else if (name == "op") {
            p.kind = Part::Kind::big;
            p.atom = Atom::op;
            p.word = true;
            p.text = std::string(all_.substr(a.begin, a.end - a.begin));
        } else if (name == "text") {
            p.word = true;
            p.text = std::string(all_.substr(a.begin, a.end - a.begin));
        } else if (name == "bold" || name == "vec") {
            p = row(a, depth + 1);
            embolden(p);
        } else if (colour != colours.end()) {
            p = row(a, depth + 1);
            p.meaning = colour->meaning;
            if (p.parts.size() == 1) p.atom = p.parts[0].atom;
        } else if (name == "matrix") {
            matrix(p, a, depth);
        } else {
            return false;
        }
        out.parts.push_back(std::move(p));
        i = at;
        return true;
    }

    void matrix(Part& p, Span inside, int depth) {
        p.kind = Part::Kind::matrix;
        p.atom = Atom::inner;
        std::vector<std::vector<Span>> cells;
        for (const Span& r : split(inside, R"(\\)")) {
            cells.push_back(split(r, "&"));
            p.columns = std::max(p.columns, cells.back().size());
        }
        for (auto& r : cells) {
            r.resize(p.columns);
            for (const Span& cell : r) p.parts.push_back(row(cell, depth + 1));
        }
    }

    static void embolden(Part& p) {
        p.weight = Weight::bold;
        for (auto* list : {&p.parts, &p.above, &p.below})
            for (Part& inner : *list) embolden(inner);
    }

    // One sign, word or number as the text that it is.
    void symbol(Part& out, std::size_t& i, std::size_t end) {
        Part p;
        const std::size_t begin = i;
        char32_t c = next_utf8(all_, i);
        i = std::min(i, end);
        const auto at = [&](std::size_t k) {
            return k < end ? static_cast<char32_t>(static_cast<unsigned char>(all_[k])) : U'\0';
        };
        p.atom = atom_of(c);
        if (c == U'\'' && !out.parts.empty() && !out.parts.back().scripted() &&
            out.parts.back().kind == Part::Kind::symbol && out.parts.back().atom == p.atom) {
            ++out.parts.back().primes;
            return;
        }
        if (is_letter(c)) {
            i = word_end(i, end);
            p.word = i - begin > 1;
            p.weight = p.word ? Weight::regular : Weight::italic;
        } else if (is_variable(c)) {
            p.weight = Weight::italic;
        } else if (is_digit(c)) {
            while (is_digit(at(i)) || ((at(i) == U'.' || at(i) == U',') && is_digit(at(i + 1))) ||
                   (at(i) == U'e' &&
                    (is_digit(at(i + 1)) ||
                     ((at(i + 1) == U'-' || at(i + 1) == U'+') && is_digit(at(i + 2))))))
                i += at(i) == U'e' ? 2 : 1;
        } else if (c == U'-' && at(i) == U' ' && (begin == 0 || all_[begin - 1] == ' ')) {
            p.atom = Atom::binary;
        } else if (c == U' ') {
            while (at(i) == U' ') ++i;
        }
        // Marks above a letter stay with it.
        for (std::size_t next = i; next < end; i = next)
            if (c = next_utf8(all_, next); !is_mark(c)) break;
        p.text = std::string(all_.substr(begin, std::min(i, end) - begin));
        out.parts.push_back(std::move(p));
    }

    std::string_view all_;
    std::vector<std::size_t> match_;  // of each '{' its '}'; 0: none
};

}  // namespace

Part parse(std::string_view markup) {
    return Parser(markup).all();
}

std::size_t closing(const std::vector<Part>& row, std::size_t at) {
    int depth = 0;
    for (std::size_t i = at; i < row.size(); ++i) {
        if (row[i].atom == Atom::open) ++depth;
        if (row[i].atom == Atom::close && --depth == 0) return i;
    }
    return at;
}

}  // namespace sf::formula
