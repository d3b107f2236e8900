#pragma once

#include "core/text/corpus/choices.h"
#include "core/text/corpus/draft.h"

#include <span>

namespace sf::corpus {

void write_story(Choices& choices, Draft& draft);
void write_arithmetic(Choices& choices, Draft& draft);
void write_brackets(Choices& choices, Draft& draft);
void write_code(Choices& choices, Draft& draft);
void write_sort(Choices& choices, Draft& draft);
void write_recall(Choices& choices, Draft& draft);
void write_dates(Choices& choices, Draft& draft);

using Writer = void (*)(Choices&, Draft&);

struct KindRow {
    const char* id;
    const char* description;
    Writer write;
};

// The explicit list, in the order of corpus_kinds().
std::span<const KindRow> kind_rows();

}  // namespace sf::corpus
