// That a document's `nats` is -ln of its probability: every choice is accounted for (Choices), and
// no two paths of choices write the same text.

#include "core/random.h"
#include "core/text/corpus.h"
#include "core/text/corpus/kinds.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sf::corpus {
namespace {

// Walks paths in order: the first `depth` choices take each of their options in turn, later ones
// their first. Of long lists a few options stand for all when `sparse`, others for each salt.
class Walk : public ChoiceSource {
public:
    Walk(std::size_t depth, bool sparse, std::uint64_t salt = 0)
        : depth_(depth), sparse_(sparse), salt_(salt) {}

    std::size_t one_of(std::size_t options) override {
        const std::size_t visited = sparse_ && options > 6 ? 2 : options;
        const std::size_t k = next(visited);
        if (visited == options) return k;
        const std::size_t at = random_bits(salt_, options, step_) % options;
        return k == 0 ? at
                      : (at + 1 + random_bits(salt_, options, ~step_) % (options - 1)) % options;
    }
    bool chance(double) override { return next(2) == 1; }

    // To the next path; false after the last.
    bool advance() {
        path_.resize(std::min(step_, depth_));
        step_ = 0;
        while (!path_.empty() && path_.back().taken + 1 == path_.back().of) path_.pop_back();
        if (path_.empty()) return false;
        ++path_.back().taken;
        return true;
    }

private:
    struct Step {
        std::size_t taken = 0, of = 0;
    };
    std::size_t next(std::size_t options) {
        const std::size_t at = step_++;
        if (at >= depth_) return 0;
        if (at == path_.size()) path_.push_back({0, options});
        return path_[at].taken;
    }

    std::size_t depth_, step_ = 0;
    bool sparse_;
    std::uint64_t salt_;
    std::vector<Step> path_;
};

// Random numbers, but of long lists only two options: texts repeat, so that a text of two paths
// and an answer that does not follow are found.
class NarrowSource : public ChoiceSource {
public:
    NarrowSource(std::uint64_t seed, std::uint64_t stream) : random_(seed, stream), seed_(seed) {}
    std::size_t one_of(std::size_t options) override {
        std::size_t chosen = random_.one_of(options);
        if (options > 6) chosen = (random_bits(seed_, options, 0) + chosen % 2) % options;
        path += " " + std::to_string(chosen);
        return chosen;
    }
    bool chance(double probability) override {
        const bool yes = random_.chance(probability);
        path += yes ? " y" : " n";
        return yes;
    }
    std::string path;

private:
    RandomSource random_;
    std::uint64_t seed_;
};

TEST(Choices, the_account_of_every_path_sums_to_one) {
    Walk walk(100, false);
    std::set<std::string> texts;
    double sum = 0;
    do {
        Choices choices(walk);
        std::vector<std::string> left{"a", "b", "c"};
        std::string text = choices.take(left);
        text += choices.take(left);
        if (choices.chance(0.3)) {
            const int most = choices.range(0, 4);
            text += std::to_string(most) + std::to_string(choices.range(-1, most));
        }
        text += choices.pick(std::vector<std::string>{"x", "y"});
        EXPECT_EQ(choices.index(1), 0U);
        texts.insert(text);
        sum += std::exp(-choices.nats());
    } while (walk.advance());
    EXPECT_NEAR(sum, 1, 1e-12);
    EXPECT_EQ(texts.size(), 3U * 2 * (1 + 2 + 3 + 4 + 5 + 6) * 2);
}

TEST(Choices, random_numbers_choose_as_often_as_the_account_says) {
    const double draws = 60000;
    std::map<int, double> counts;
    double yes = 0;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(draws); ++i) {
        RandomSource source(1, i);
        Choices choices(source);
        ++counts[choices.range(3, 9)];
        yes += choices.chance(0.3) ? 1 : 0;
    }
    EXPECT_EQ(counts.size(), 7U);
    for (const auto& [value, count] : counts)
        EXPECT_LE(std::abs(count - draws / 7), 5 * std::sqrt(draws / 7)) << value;
    EXPECT_LE(std::abs(yes - draws * 0.3), 5 * std::sqrt(draws * 0.3 * 0.7));
}

class Nats : public testing::TestWithParam<std::size_t> {
protected:
    static constexpr std::size_t most_paths = 8000;
    Writer write = kind_rows()[GetParam()].write;
};

// All ways of the first choices, with the first option for what comes after them.
TEST_P(Nats, every_path_writes_a_text_of_its_own) {
    for (const std::uint64_t salt : {1, 2})
        for (const std::size_t depth : {4, 7, 10, 13, 16, 20}) {
            Walk walk(depth, true, salt);
            std::set<std::string> texts;
            std::size_t paths = 0;
            do {
                Choices choices(walk);
                Draft draft;
                write(choices, draft);
                ASSERT_TRUE(texts.insert(draft.text()).second) << draft.text();
            } while (walk.advance() && ++paths < most_paths);
        }
}

TEST_P(Nats, a_text_has_one_path_and_an_answer_follows) {
    for (const std::uint64_t seed : {1, 2}) {
        std::unordered_map<std::string, std::string> path_of, answer_of;
        for (std::uint64_t i = 0; i < 20000; ++i) {
            NarrowSource source(seed, i);
            Choices choices(source);
            Draft draft;
            write(choices, draft);
            const auto known = path_of.emplace(draft.text(), source.path);
            ASSERT_EQ(known.first->second, source.path) << draft.text();
            if (!known.second) continue;
            for (const Answer& a : draft.answers()) {
                const std::string answer = draft.text().substr(a.begin, a.end - a.begin);
                const auto before = answer_of.emplace(draft.text().substr(0, a.begin), answer);
                ASSERT_EQ(before.first->second, answer) << before.first->first;
            }
        }
        EXPECT_GT(path_of.size(), 100U);
    }
}

// How many pairs of equal texts there are among n documents tells the sum of squared probabilities,
// with the other part's documents estimating it from `nats`. A choice that is not accounted for
// gives too few pairs, a text of two paths too many.
TEST_P(Nats, texts_repeat_as_often_as_their_probability_says) {
    const std::uint64_t documents = 60000;
    const auto n = static_cast<double>(documents);
    std::unordered_map<std::string, std::pair<double, double>> seen;  // text: how often, nats
    double pairs = 0, p1 = 0, p2 = 0;                                 // means of p and p^2
    for (std::uint64_t i = 0; i < documents; ++i) {
        const Document d = corpus_document_of(GetParam(), 5, CorpusPart::train, i);
        auto& [count, nats] = seen.emplace(d.text, std::pair(0.0, d.nats)).first->second;
        ASSERT_NEAR(nats, d.nats, 1e-9) << d.text;
        pairs += count++;
        const double p = std::exp(-corpus_document_of(GetParam(), 5, CorpusPart::held_out, i).nats);
        p1 += p / n;
        p2 += p * p / n;
    }
    const double expected = n * n / 2 * p1;
    const double variance = expected + 1.25 * n * n * n * (p2 - p1 * p1);
    EXPECT_LE(std::abs(pairs - expected), 4.5 * std::sqrt(variance) + 2)
        << pairs << " pairs, expected " << expected;
    RecordProperty("pairs", std::to_string(pairs));
    double sum = 0;  // over the texts that were seen
    for (const auto& entry : seen) sum += std::exp(-entry.second.second);
    EXPECT_LT(sum, 1);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Nats, testing::Range(std::size_t{0}, kind_rows().size()),
                         [](const auto& kind) { return std::string(kind_rows()[kind.param].id); });

}  // namespace
}  // namespace sf::corpus
