#pragma once

#include "core/text/corpus.h"

#include <string>
#include <string_view>
#include <vector>

namespace sf::corpus {

// A document being written.
class Draft {
public:
    Draft& operator<<(std::string_view text) {
        text_ += text;
        return *this;
    }
    Draft& operator<<(int number) { return *this << std::string_view(std::to_string(number)); }

    // Text that follows from all before it. A space before a digit is a token of its own and not
    // asked for; answers that touch are one.
    void answer(std::string_view text);
    void answer(int number) { answer(std::to_string(number)); }

    const std::string& text() const { return text_; }
    const std::vector<Answer>& answers() const { return answers_; }

private:
    std::string text_;
    std::vector<Answer> answers_;
};

}  // namespace sf::corpus
