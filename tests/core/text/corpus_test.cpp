#include "core/text/corpus.h"

#include "core/error.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <unordered_set>

namespace sf {
namespace {

constexpr std::uint64_t many = 5000;

Document document(std::size_t kind, std::uint64_t index) {
    return corpus_document_of(kind, 3, CorpusPart::train, index);
}

TEST(Corpus, kinds_are_named_and_described) {
    std::set<std::string> ids;
    for (const auto& kind : corpus_kinds()) {
        EXPECT_TRUE(ids.insert(kind.id).second);
        EXPECT_GT(kind.description.size(), 20U);
    }
    EXPECT_EQ(ids, (std::set<std::string>{"story", "arithmetic", "brackets", "code", "sort",
                                          "dates", "recall"}));
}

TEST(Corpus, a_document_is_a_function_of_its_arguments) {
    const CorpusMix mix;
    std::set<std::string> texts;
    for (std::uint64_t i = 0; i < 50; ++i) {
        const Document one = corpus_document(mix, 3, CorpusPart::train, i);
        const Document same = corpus_document(mix, 3, CorpusPart::train, i);
        EXPECT_EQ(one.text, same.text);
        EXPECT_EQ(one.answers, same.answers);
        EXPECT_EQ(one.nats, same.nats);
        EXPECT_EQ(one.text, corpus_document_of(one.kind, 3, CorpusPart::train, i).text);
        texts.insert(one.text);
        texts.insert(corpus_document(mix, 4, CorpusPart::train, i).text);
        texts.insert(corpus_document(mix, 3, CorpusPart::held_out, i).text);
    }
    EXPECT_GE(texts.size(), 148U);
}

// On every machine the same: runs that are repeated elsewhere depend on it.
TEST(Corpus, documents_are_pinned) {
    EXPECT_EQ(
        document(0, 0).text,
        "Today Ben has lost his white book. He looks at the museum, but it is not there. He "
        "looks at the market, but it is not there. Then he goes to the lake. There Max has it. "
        "What colour is the book? The book is white. Who has the book? Max. Where is Max? Max is "
        "at the lake.");
    EXPECT_EQ(document(1, 0).text, "43 - 8 = 35; 14 - 1 = 13; 57 - 43 = 14; 28 + 70 = 98.");
}

TEST(Corpus, texts_are_short_printable_ascii) {
    for (std::size_t kind = 0; kind < corpus_kinds().size(); ++kind)
        for (std::uint64_t i = 0; i < many; ++i) {
            const std::string text = document(kind, i).text;
            ASSERT_GE(text.size(), 15U) << text;
            ASSERT_LE(text.size(), 400U) << text;
            ASSERT_TRUE(std::all_of(text.begin(), text.end(), [](char c) {
                return c == '\n' || (c >= ' ' && c <= '~');
            })) << text;
            ASSERT_TRUE(std::isspace(static_cast<unsigned char>(text.front())) == 0 &&
                        std::isspace(static_cast<unsigned char>(text.back())) == 0)
                << text;
            ASSERT_EQ(text.find(" \n"), text.npos) << text;
            if (corpus_kinds()[kind].id != "code") {
                ASSERT_EQ(text.find("  "), text.npos) << text;
            }
        }
}

// A bound for every first word of a kind: letters by the word, others by the class of the sign.
TEST(Corpus, the_first_word_tells_the_kind) {
    std::map<std::string, std::size_t> kind_of;
    for (std::size_t kind = 0; kind < corpus_kinds().size(); ++kind)
        for (std::uint64_t i = 0; i < many; ++i) {
            const std::string text = document(kind, i).text;
            const auto first = static_cast<unsigned char>(text[0]);
            const std::string key = std::isalpha(first)   ? text.substr(0, text.find(' '))
                                    : std::isdigit(first) ? "0"
                                                          : "(";
            ASSERT_EQ(kind_of.emplace(key, kind).first->second, kind) << text;
        }
    EXPECT_LE(kind_of.size(), 60U);
}

// Ends of pre-tokens: a digit; letters or signs with the space before; newlines; other spaces.
std::set<std::size_t> boundaries(const std::string& text) {
    const auto of = [&](std::size_t i) {
        const auto c = static_cast<unsigned char>(text[i]);
        return std::isdigit(c)         ? '0'
               : std::isalpha(c)       ? 'a'
               : c == '\n' || c == ' ' ? text[i]
                                       : '!';
    };
    std::set<std::size_t> ends{0};
    for (std::size_t i = 0; i < text.size();) {
        std::size_t next = i;
        if (of(i) == ' ' && i + 1 < text.size() && (of(i + 1) == 'a' || of(i + 1) == '!')) ++next;
        const char type = of(next);
        ++next;
        while (type != '0' && type != ' ' && next < text.size() && of(next) == type) ++next;
        ends.insert(next);
        i = next;
    }
    return ends;
}

TEST(Corpus, answers_are_whole_pre_tokens) {
    for (std::size_t kind = 0; kind < corpus_kinds().size(); ++kind) {
        for (std::uint64_t i = 0; i < many; ++i) {
            const Document d = document(kind, i);
            const auto ends = boundaries(d.text);
            std::size_t before = 0;
            ASSERT_FALSE(d.answers.empty()) << d.text;
            for (const Answer& answer : d.answers) {
                ASSERT_GT(answer.begin, before) << d.text;
                ASSERT_LT(answer.begin, answer.end) << d.text;
                ASSERT_TRUE(ends.count(answer.begin) && ends.count(answer.end)) << d.text;
                before = answer.end;
            }
            ASSERT_LE(before, d.text.size());
        }
    }
}

// A kind cannot be learned by heart: what a run trains on is a small part of it.
TEST(Corpus, held_out_documents_are_new) {
    for (std::size_t kind = 0; kind < corpus_kinds().size(); ++kind) {
        std::unordered_set<std::string> trained;
        double nats = 0;
        const std::uint64_t documents = 20000, asked = 5000;
        for (std::uint64_t i = 0; i < documents; ++i) {
            const Document d = corpus_document_of(kind, 1, CorpusPart::train, i);
            nats += d.nats / static_cast<double>(documents);
            trained.insert(d.text);
        }
        std::size_t known = 0;
        for (std::uint64_t i = 0; i < asked; ++i)
            known += trained.count(corpus_document_of(kind, 1, CorpusPart::held_out, i).text);
        EXPECT_LT(known, asked / 50) << corpus_kinds()[kind].id;
        EXPECT_GT(nats, 16) << corpus_kinds()[kind].id;
    }
}

TEST(CorpusMix, kinds_come_as_often_as_their_weights_say) {
    const CorpusMix mix({1, 0, 2, 0, 1, 4, 0});
    std::vector<double> counts(7, 0.0);
    const double documents = 8000;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(documents); ++i)
        ++counts[corpus_document(mix, 1, CorpusPart::held_out, i).kind];
    double sum = 0;
    for (std::size_t kind = 0; kind < counts.size(); ++kind) {
        const double p = mix.weights[kind] / 8;
        EXPECT_LE(std::abs(counts[kind] - documents * p), 5 * std::sqrt(documents * p * (1 - p)));
        sum += std::exp(-mix.kind_nats(kind));
    }
    EXPECT_NEAR(sum, 1, 1e-12);
    EXPECT_EQ(mix.kind_nats(1), std::numeric_limits<double>::infinity());
    EXPECT_NEAR(CorpusMix().kind_nats(2), std::log(7), 1e-12);
}

std::string refusal(std::vector<double> weights) {
    try {
        CorpusMix mix(std::move(weights));
    } catch (const UserError& e) {
        return e.what();
    }
    return "";
}

TEST(CorpusMix, weights_that_say_nothing_are_refused) {
    EXPECT_NE(refusal({1, 1}).find("7 kinds, got 2"), std::string::npos);
    EXPECT_NE(refusal({1, 1, -1, 1, 1, 1, 1}).find("brackets"), std::string::npos);
    EXPECT_NE(refusal({1, 1, 1, std::nan(""), 1, 1, 1}).find("code"), std::string::npos);
    EXPECT_NE(refusal({0, 0, 0, 0, 0, 0, 0}).find("above 0"), std::string::npos);
    EXPECT_NE(refusal({1e308, 1e308, 1, 1, 1, 1, 1}).find("too large"), std::string::npos);
    EXPECT_EQ(refusal({0, 0, 0, 0, 0, 0, 1}), "");
}

}  // namespace
}  // namespace sf
