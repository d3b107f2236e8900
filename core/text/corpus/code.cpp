#include "core/text/corpus/kinds.h"

#include <algorithm>
#include <array>

namespace sf::corpus {

namespace {

struct Variable {
    std::string name;
    int value = 0;
};

// A program of two variables that is run while it is written: one statement or two, now and then
// none, which is where a run on short rows begins. Values stay within 0 .. 99.
class Program {
public:
    Program(Choices& choices, Draft& draft) : choices_(choices), draft_(draft) {
        std::vector<std::string> names{"a", "b", "n", "x"};
        for (auto& variable : variables_) variable.name = choices_.take(names);
    }

    void write() {
        let();
        print_both();
        for (int left = choices_.chance(1.0 / 32) ? 0 : choices_.range(1, 2); left > 0; --left) {
            draft_ << "\n";
            switch (choices_.index(3)) {
                case 0:
                    draft_ << set(choices_.pick(indices));
                    break;
                case 1:
                    branch();
                    break;
                default:
                    repeat();
            }
            print_both();
        }
    }

private:
    static constexpr std::array<std::size_t, 2> indices{0, 1};

    void let() {
        Variable& a = variables_[0];
        Variable& b = variables_[1];
        a.value = choices_.range(1, 9);
        draft_ << "let " << a.name << " = " << a.value << "\nlet " << b.name << " = ";
        if (choices_.chance(0.5)) {
            b.value = choices_.range(1, 9);
            draft_ << b.value;
        } else {
            const auto [text, value] = changed(a, 5);
            b.value = value;
            draft_ << text;
        }
        draft_ << "\n";
    }

    struct Expression {
        std::string text;
        int value = 0;
    };
    // "a + 3" or "a - 2", never below 0.
    Expression changed(const Variable& from, int most) {
        const bool plus = from.value == 0 || choices_.chance(0.5);
        const int by = choices_.range(1, plus ? most : std::min(most, from.value));
        return {from.name + (plus ? " + " : " - ") + std::to_string(by),
                plus ? from.value + by : from.value - by};
    }

    // "set a = b + 3\n" or "set a = a - 1\n".
    std::string set(std::size_t target) {
        Variable& to = variables_[target];
        const auto [text, value] = changed(variables_[choices_.pick(indices)], 5);
        to.value = value;
        return "set " + to.name + " = " + text + "\n";
    }

    void branch() {
        const Variable asked = variables_[choices_.pick(indices)];
        const bool greater = choices_.chance(0.5);
        const int limit = choices_.range(1, 9);
        const bool holds = greater ? asked.value > limit : asked.value < limit;
        Variable& target = variables_[choices_.pick(indices)];
        const int then = choices_.range(1, 9), otherwise = choices_.range(1, 9);
        draft_ << "if " << asked.name << (greater ? " > " : " < ") << limit << "\n  set "
               << target.name << " = " << then << "\nelse\n  set " << target.name << " = "
               << otherwise << "\nend\n";
        target.value = holds ? then : otherwise;
    }

    void repeat() {
        Variable& target = variables_[choices_.pick(indices)];
        const int times = choices_.range(2, 4), step = choices_.range(1, 3);
        draft_ << "repeat " << times << "\n  print " << target.name << "\n  set " << target.name
               << " = " << target.name << " + " << step << "\nend\n> ";
        std::string printed;
        for (int i = 0; i < times; ++i) {
            printed += (i > 0 ? "\n> " : "") + std::to_string(target.value);
            target.value += step;
        }
        draft_.answer(printed);
        draft_ << "\n";
    }

    void print_both() {
        const std::size_t first = choices_.index(2);
        print(variables_[first]);
        draft_ << "\n";
        print(variables_[1 - first]);
    }
    // "print a\n> 7"
    void print(const Variable& variable) {
        draft_ << "print " << variable.name << "\n> ";
        draft_.answer(variable.value);
    }

    Choices& choices_;
    Draft& draft_;
    Variable variables_[2];
};

}  // namespace

void write_code(Choices& choices, Draft& draft) {
    Program(choices, draft).write();
}

}  // namespace sf::corpus
