// The answers in generated documents, each worked out again from the text alone.

#include "core/text/corpus.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace sf {
namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& text) {
    std::istringstream in(text);
    Words words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

Words split(const std::string& text, const std::string& separator) {
    Words parts;
    std::size_t from = 0;
    for (std::size_t at; (at = text.find(separator, from)) != text.npos;
         from = at + separator.size())
        parts.push_back(text.substr(from, at - from));
    parts.push_back(text.substr(from));
    return parts;
}

Words answers_of(const Document& d) {
    Words answers;
    for (const auto& answer : d.answers)
        answers.push_back(d.text.substr(answer.begin, answer.end - answer.begin));
    return answers;
}

// Every document of a kind to a check, which returns the answers that it expects.
template <class Check>
void for_documents(const std::string& id, Check&& check) {
    std::size_t kind = 0;
    while (corpus_kinds().at(kind).id != id) ++kind;
    for (std::uint64_t i = 0; i < 6000; ++i) {
        const Document d = corpus_document_of(kind, 11, CorpusPart::held_out, i);
        ASSERT_EQ(check(d.text), answers_of(d)) << d.text;
    }
}

TEST(CorpusAnswers, sums_are_right) {
    for_documents("arithmetic", [](const std::string& text) {
        const bool chain = text.find(',') != text.npos;
        EXPECT_EQ(text.back(), '.');
        Words answers;
        std::string before;
        for (const auto& equation : split(text.substr(0, text.size() - 1), chain ? ", " : "; ")) {
            const Words w = words_of(equation);
            EXPECT_TRUE(w.size() == 5 && w[3] == "=") << text;
            if (chain && !before.empty()) {
                EXPECT_EQ(w[0], before) << text;
            }
            const int a = std::stoi(w[0]), b = std::stoi(w[2]), c = w[1] == "+" ? a + b : a - b;
            EXPECT_TRUE(a >= 0 && b >= 0 && c >= 0 && std::max({a, b, c}) <= 99) << text;
            answers.push_back(before = std::to_string(c));
        }
        return answers;
    });
}

TEST(CorpusAnswers, lists_are_sorted) {
    for_documents("sort", [](const std::string& text) {
        Words answers;
        for (const auto& line : split(text, "\n")) {
            const auto sides = split(line, " ->");
            EXPECT_EQ(sides.size(), 2U) << text;
            Words items = words_of(sides[0]);
            EXPECT_EQ(items.at(0), "sort");
            items.erase(items.begin());
            EXPECT_TRUE(items.size() >= 3 && items.size() <= 7) << text;
            std::sort(items.begin(), items.end());
            EXPECT_EQ(std::adjacent_find(items.begin(), items.end()), items.end()) << text;
            std::string sorted;
            for (const auto& item : items) sorted += " " + item;
            answers.push_back(sorted.substr(items.at(0) <= "9" ? 1 : 0));
        }
        return answers;
    });
}

// A bracket must close behind its word and behind its second child.
TEST(CorpusAnswers, brackets_close_as_they_opened) {
    const std::string opening = "([{<\"", closing = ")]}>\"";
    for_documents("brackets", [&](const std::string& text) {
        Words answers;
        for (const auto& line : split(text, "\n")) {
            struct Open {
                std::size_t type = 0;
                bool second = false, word = false;
            };
            std::vector<Open> stack;
            bool running = false;  // the last word was an answer too
            for (const auto& word : words_of(line)) {
                const auto open = opening.find(word), close = closing.find(word);
                const bool quoted = std::any_of(stack.begin(), stack.end(),
                                                [](const Open& o) { return o.type == 4; });
                const bool closes = close != closing.npos && (close != 4 || quoted);
                if (closes) {
                    EXPECT_TRUE(!stack.empty() && stack.back().type == close) << text;
                    if (stack.empty()) break;
                    const bool must = stack.back().word || stack.back().second;
                    if (must && running)
                        answers.back() += " " + word;
                    else if (must)
                        answers.push_back(" " + word);
                    running = must;
                    stack.pop_back();
                    continue;
                }
                running = false;
                if (open != opening.npos)
                    stack.push_back({open});
                else if (word == ",")
                    stack.back().second = true;
                else
                    stack.back().word = true;
                EXPECT_LE(stack.size(), 5U) << text;
            }
            EXPECT_TRUE(stack.empty()) << text;
        }
        return answers;
    });
}

// An interpreter of the little language.
class Interpreter {
public:
    explicit Interpreter(const std::string& text) : lines_(split(text, "\n")) {
        while (at_ < lines_.size()) statement();
    }
    Words answers;

private:
    int value(const std::string& word) const {
        return word[0] >= '0' && word[0] <= '9' ? std::stoi(word) : variables_.at(word);
    }
    // "let|set a = x" or "let|set a = x + y"
    void assign(const Words& w) {
        int result = value(w.at(3));
        if (w.size() > 4) result += (w.at(4) == "+" ? 1 : -1) * value(w.at(5));
        EXPECT_EQ(w[0] == "set", variables_.count(w[1]) == 1);
        EXPECT_TRUE(result >= 0 && result <= 99);
        variables_[w[1]] = result;
    }
    std::vector<Words> block() {
        std::vector<Words> lines;
        while (lines_.at(at_).starts_with("  ")) lines.push_back(words_of(lines_[at_++]));
        return lines;
    }
    void run(const Words& w) {
        if (w.at(0) == "print")
            printed_.push_back(std::to_string(value(w.at(1))));
        else
            assign(w);
    }
    void statement() {
        const Words w = words_of(lines_[at_++]);
        if (w.at(0) == "if") {
            const bool holds =
                w.at(2) == ">" ? value(w.at(1)) > value(w.at(3)) : value(w.at(1)) < value(w.at(3));
            for (const auto& line : block())
                if (holds) run(line);
            EXPECT_EQ(lines_.at(at_++), "else");
            for (const auto& line : block())
                if (!holds) run(line);
            EXPECT_EQ(lines_.at(at_++), "end");
        } else if (w[0] == "repeat") {
            const auto lines = block();
            for (int i = 0; i < value(w.at(1)); ++i)
                for (const auto& line : lines) run(line);
            EXPECT_EQ(lines_.at(at_++), "end");
        } else {
            run(w);
        }
        if (printed_.empty()) return;
        std::string expected = printed_[0];
        for (std::size_t i = 1; i < printed_.size(); ++i) expected += "\n> " + printed_[i];
        for (const auto& number : printed_) EXPECT_EQ(lines_.at(at_++), "> " + number);
        answers.push_back(expected);
        printed_.clear();
    }

    Words lines_, printed_;
    std::size_t at_ = 0;
    std::map<std::string, int> variables_;
};

TEST(CorpusAnswers, programs_print_what_they_compute) {
    for_documents("code", [](const std::string& text) { return Interpreter(text).answers; });
}

const Words month_names{"January", "February", "March",     "April",   "May",      "June",
                        "July",    "August",   "September", "October", "November", "December"};
const Words day_names{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

std::optional<unsigned> place_in(const Words& names, const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) return std::nullopt;
    return static_cast<unsigned>(at - names.begin());
}

std::string wrapped(const Words& names, unsigned at) {
    return " " + names[at % names.size()];
}

std::string date_answer(const Words& w) {
    using namespace std::chrono;
    std::string numbers = w[2];
    for (std::size_t i = 3; w[i] != "is"; ++i) numbers += " " + w[i];
    int y = 0;
    unsigned m = 0, d = 0;
    for (char& c : numbers)
        if (c == '-' || c == '.' || c == ',') c = ' ';
    const Words parts = words_of(numbers);
    const auto number = [&](std::size_t i) {
        return static_cast<unsigned>(std::stoi(parts.at(i)));
    };
    bool in_words = false;
    if (const auto first = place_in(month_names, parts.at(0))) {
        m = *first + 1, d = number(1), y = std::stoi(parts.at(2));
    } else if (const auto second = place_in(month_names, parts.at(1))) {
        d = number(0), m = *second + 1, y = std::stoi(parts.at(2));
        in_words = true;
    } else if (parts.at(0).size() == 4) {
        y = std::stoi(parts[0]), m = number(1), d = number(2);
    } else {
        d = number(0), m = number(1), y = std::stoi(parts.at(2));
    }
    EXPECT_TRUE((year(y) / month(m) / day(d)).ok());
    if (!in_words) return std::to_string(d) + " " + month_names[m - 1] + " " + std::to_string(y);
    const auto two = [](unsigned n) { return (n < 10 ? "-0" : "-") + std::to_string(n); };
    return std::to_string(y) + two(m) + two(d);
}

// "The day after X is Y": X a weekday or a date without year (2001 and 2004 must agree).
std::string neighbour_answer(const Words& w) {
    using namespace std::chrono;
    const int step = w[2] == "after" ? 1 : -1;
    if (const auto weekday = place_in(day_names, w[3]))
        return wrapped(day_names, *weekday + (step > 0 ? 1 : 6));
    if (w[1] == "month")
        return wrapped(month_names, *place_in(month_names, w[3]) + (step > 0 ? 1 : 11));
    std::string answer;
    for (const int y : {2001, 2004}) {
        const auto date = year(y) / month(*place_in(month_names, w[4]) + 1) /
                          day(static_cast<unsigned>(std::stoi(w[3])));
        EXPECT_TRUE(date.ok());
        const year_month_day next = sys_days(date) + days(step);
        const std::string found = std::to_string(static_cast<unsigned>(next.day())) + " " +
                                  month_names[static_cast<unsigned>(next.month()) - 1];
        EXPECT_TRUE(answer.empty() || answer == found) << found;
        answer = found;
    }
    return answer;
}

std::string fact_answer(const std::string& fact) {
    using namespace std::chrono;
    const Words w = words_of(fact), counts{"Two", "Three", "Four", "Five", "Six"};
    if (w[0] == "The") return w[1] == "date" ? date_answer(w) : neighbour_answer(w);
    if (w[0] == "Month") return wrapped(month_names, static_cast<unsigned>(std::stoi(w[1])) - 1);
    if (const auto count = place_in(counts, w[0]))
        return wrapped(day_names, *place_in(day_names, w[3]) + *count + 2);
    const unsigned m = place_in(month_names, w[0]).value() + 1;
    if (w[1] == "is") return std::to_string(m);
    const year_month_day_last last = year(std::stoi(w[1])) / month(m) / std::chrono::last;
    return std::to_string(static_cast<unsigned>(last.day())) + " days";
}

Words list_answers(const std::string& text) {
    const Words lists = split(text.substr(5, text.size() - 6), ".");
    EXPECT_EQ(lists.size(), 3U);
    std::map<std::string, std::string> told;
    for (const std::string& record : split(lists[0], ",")) {
        const Words w = words_of(record);
        told[w[0]] = " " + w[1] + " " + w[2];
        told[w[2]] = " " + w[1] + " " + w[0];
    }
    Words answers;
    for (const std::string& list : {lists[1], lists[2]})
        for (const std::string& record : split(list, ",")) {
            const std::string first = words_of(record)[0];
            EXPECT_EQ(told.count(first), 1U) << first;
            answers.push_back(told[first]);
        }
    EXPECT_EQ(answers.size(), told.size());
    return answers;
}

Words told_answers(const std::string& text) {
    std::map<std::string, std::string> owner, has, colour;
    std::set<std::string> again, asked;
    Words answers;
    for (const std::string& sentence : split(text.substr(6, text.size() - 7), ". ")) {
        const auto sides = split(sentence, "? ");
        const Words w = words_of(sides[0]);
        std::string thing = w.back();
        if (w[0] == "What") {
            answers.push_back(" " + w[2] + has[w[2]]);
            thing = words_of(has[w[2]]).back();
        } else if (w[0] == "Who") {
            answers.push_back(" " + owner[thing]);
        } else if (w[0] == "The") {
            thing = w[1];
            EXPECT_TRUE(asked.empty() && again.insert(thing).second) << text;
            answers.push_back(" " + owner[thing]);
            answers.push_back(" " + colour[thing]);
            continue;
        } else {
            EXPECT_TRUE(again.empty() && owner.emplace(thing, w[0]).second) << text;
            has[w[0]] = " has a " + w[3] + " " + thing;
            colour[thing] = w[3];
            continue;
        }
        EXPECT_TRUE(asked.insert(thing).second) << text;
    }
    EXPECT_TRUE(!again.empty() && !asked.empty()) << text;
    EXPECT_EQ(has.size(), owner.size()) << text;
    return answers;
}

TEST(CorpusAnswers, what_was_told_is_recalled) {
    for_documents("recall", [](const std::string& text) {
        const std::string first = text.substr(0, 5);
        EXPECT_TRUE(first == "List:" || first == "Told:") << text;
        return first == "List:" ? list_answers(text) : told_answers(text);
    });
}

TEST(CorpusAnswers, dates_are_right) {
    for_documents("dates", [](const std::string& text) {
        EXPECT_EQ(text.back(), '.');
        Words answers;
        for (const auto& fact : split(text.substr(0, text.size() - 1), ". "))
            answers.push_back(fact_answer(fact));
        return answers;
    });
}

}  // namespace
}  // namespace sf
