// The texts that a run reads: rows, what is held out of them, floors.

#include "core/train/training_text.h"

#include "core/text/corpus_row.h"
#include "tests/core/io/scratch.h"
#include "tests/core/train/small_trainer.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

using test::Scratch;
using test::settings;
using test::shape;
using test::text;
using test::user_error;

TEST(TrainingText, a_file_gives_rows_of_its_own_parts) {
    const Scratch scratch;
    std::string words;
    for (int i = 0; i < 3000; ++i) {
        words += static_cast<char>('a' + i * i % 23);
        words += static_cast<char>('a' + i * 7 % 19);
        words += i % 11 == 0 ? "\n" : " of it ";
    }
    const auto path = scratch.with("words.txt", words);
    const auto t = file_text(shape(), settings(1), path);
    EXPECT_EQ(t->row(3, 40), t->row(3, 40));
    EXPECT_NE(t->row(3, 40), t->row(4, 40));
    const auto held = t->held_out(1000, 40);
    ASSERT_GT(held.size(), 10U);
    // Rows overlap by one token: joined they are the held-out text.
    std::vector<std::int64_t> joined = held.front();
    for (std::size_t i = 1; i < held.size(); ++i) {
        EXPECT_EQ(held[i].front(), joined.back());
        joined.insert(joined.end(), held[i].begin() + 1, held[i].end());
    }
    const std::string tail = words.substr(words.size() - words.size() / 10);
    EXPECT_NE(tail.find(t->tokenizer()->decode(joined).substr(40)), std::string::npos);
    EXPECT_TRUE(std::isnan(t->floor()));
    EXPECT_LT(t->bigram_loss(held), std::log(300.0));
}

TEST(TrainingText, what_cannot_be_trained_on_is_refused) {
    const Scratch scratch;
    const auto refused = [&](const std::string& words) {
        const auto path = scratch.with("words.txt", words);
        return user_error([&] { file_text(shape(), settings(1), path); });
    };
    EXPECT_NE(refused("").find("words.txt"), std::string::npos);
    EXPECT_NE(refused("x").find("words.txt"), std::string::npos);
    EXPECT_NE(refused(std::string("a\0b", 3)).find("words.txt"), std::string::npos);
    EXPECT_NE(refused("ab ab ab ab ab ab ab").find("300"), std::string::npos);
}

TEST(TrainingText, the_bigram_of_a_corpus_counted_by_hand) {
    // Training part of one repeated pair: p(b|a) = (n(a,b) + 20 p(b)) / (n(a) + 20).
    ModelConfig c = shape();
    c.vocab_size = 258;
    std::string words;
    for (int i = 0; i < 500; ++i) words += "ab";
    const Scratch scratch;
    const auto t = file_text(c, settings(1), scratch.with("ab.txt", words));
    const auto held = t->held_out(10, 40);
    const double n = 900, p = (450 + 1) / (n + 258);
    // 450 a's, each followed by b; 449 b's that are followed by a, one by nothing.
    const double ab = (450 + 20 * p) / (450 + 20), ba = (449 + 20 * p) / (449 + 20);
    double nats = 0, count = 0;
    for (const auto& row : held)
        for (std::size_t i = 1; i < row.size(); ++i, ++count)
            nats -= std::log(row[i - 1] == 'a' ? ab : ba);
    EXPECT_NEAR(t->bigram_loss(held), nats / count, 2e-3);
}

// Short documents first is a matter of seq: in 28 tokens only the shortest lists are whole.
TEST(TrainingText, rows_of_whole_documents_hold_no_longer_ones) {
    TrainSettings s = settings(1);
    s.whole = 1;
    s.seq = 28;
    for (const auto& kind : corpus_kind_names()) s.corpus[kind] = kind == "recall" ? 1 : 0;
    const ModelConfig micro = ModelConfig::preset("micro");
    const auto t = generated_text(micro, s, nullptr);
    const auto& tokenizer = *t->tokenizer();
    for (std::uint64_t i = 0; i < 50; ++i) {
        const auto row = t->row(i, s.seq);
        EXPECT_EQ(row.size(), 28U);
        const auto begin = row.begin() + (row.front() == micro.eos_token_id ? 1 : 0);
        const auto end = std::find(begin, row.end(), micro.eos_token_id);
        ASSERT_NE(end, row.end());
        const std::string list = tokenizer.decode(std::vector(begin, end));
        EXPECT_EQ(std::count(list.begin(), list.end(), ','), 3) << list;
    }

    // The same documents have more probability, where the longer ones have none.
    const CorpusMix mix = corpus_mix(s);
    double nats = 0, tokens = 0, fit = 0;
    for (std::uint64_t i = 0; i < 4000; ++i) {
        const Document d = corpus_document(mix, s.seed, CorpusPart::held_out, i);
        const auto length = tokenizer.encode(d.text).size();
        if (length > 26) continue;
        ++fit;
        nats += d.nats;
        tokens += static_cast<double>(length) + 1;
    }
    EXPECT_NEAR(fit / 4000, 0.125, 0.02) << "every second text is a list, of 2, 3, 4 or 5";
    EXPECT_NEAR(t->floor(), (nats - fit * std::log(4000 / fit)) / tokens, 1e-9);
}

// Bigrams are those of the short documents, which they foretell better than those of all do.
TEST(TrainingText, bigrams_of_whole_documents_are_counted_on_them) {
    TrainSettings s = settings(1);
    s.seq = 40;
    const ModelConfig micro = ModelConfig::preset("micro");
    const auto all = generated_text(micro, s, nullptr);
    s.whole = 1;
    const auto t = generated_text(micro, s, all->tokenizer());
    const auto held = t->held_out(256, s.seq);
    EXPECT_LT(t->bigram_loss(held), all->bigram_loss(held) - 0.05);
}

TEST(TrainingText, rows_that_no_document_fits_are_refused) {
    TrainSettings s = settings(1);
    s.whole = 1;
    s.seq = 6;
    EXPECT_NE(user_error([&] { generated_text(shape(), s, text()->tokenizer()); }).find("seq=6"),
              std::string::npos);
    // Rows of another length end all the same.
    s.seq = 40;
    EXPECT_EQ(generated_text(shape(), s, text()->tokenizer())->row(0, 6).size(), 6U);
}

}  // namespace
}  // namespace sf
