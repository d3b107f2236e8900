#include "core/train/evaluate.h"

#include "core/error.h"
#include "core/model/sampler.h"
#include "core/run/runner.h"
#include "core/text/corpus.h"
#include "core/train/balance.h"
#include "core/train/evaluate_rows.h"
#include "core/train/evaluate_text.h"
#include "core/train/training_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

namespace sf {
namespace {

// Two MTP modules, one dense layer, routing that is far from even.
ModelPtr small_model() {
    static const ModelPtr model = [] {
        auto m = std::make_shared<Model>();
        m->name = "small";
        m->config = ModelConfig::preset("nano");
        m->config.num_hidden_layers = 2;
        m->config.num_nextn_predict_layers = 2;
        m->config.initializer_range = 0.2;
        m->config.max_position_embeddings = 512;  // bytes of a story
        m->weights = initial_weights(m->config, 5);
        m->tokenizer = byte_tokenizer(m->config.vocab_size);
        return m;
    }();
    return model;
}

EvaluationOptions few() {
    EvaluationOptions o;
    o.documents = 2;
    o.answers = 2;
    o.tokens = 0;
    o.entropy_documents = 3;
    o.batch = 5;
    return o;
}

const Evaluation& result() {
    static const Evaluation e = evaluate(small_model(), few());
    return e;
}

TokenRow row_of(const Document& d) {
    TokenRow row = small_model()->tokenizer->encode(d.text);
    row.insert(row.begin(), small_model()->config.eos_token_id);
    row.push_back(small_model()->config.eos_token_id);
    return row;
}

// One row alone, from the recorded values of a run.
struct ByHand {
    double nats = 0;
    std::vector<RowTally::Depth> depths;
    std::map<std::string, std::vector<std::int64_t>> loads;
};
ByHand by_hand(const TokenRow& row) {
    const TracePtr trace = run_trace(small_model(), {row});
    const auto best = [&](const std::string& node, std::size_t i) {
        const Tensor& t = *trace->find(node);
        const auto vocab = static_cast<std::size_t>(t.shape.cols());
        return argmax(std::span(t.real).subspan(i * vocab, vocab));
    };
    ByHand h;
    const Tensor& logits = *trace->find("logits");
    const auto vocab = logits.shape.cols();
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
        double sum = 0;
        const auto at = static_cast<std::int64_t>(i) * vocab;
        for (std::int64_t v = 0; v < vocab; ++v) sum += std::exp(logits.at(at + v));
        h.nats += std::log(sum) - logits.at(at + row[i + 1]);
    }
    for (std::size_t k = 1; k <= 2; ++k) {
        auto& d = h.depths.emplace_back();
        for (std::size_t i = 0; i + k + 1 < row.size(); ++i) {
            const auto draft = best("mtp." + std::to_string(k) + ".logits", i);
            ++d.foretold;
            d.accepted += draft == best("logits", i + k);
            d.accurate += draft == row[i + k + 1];
        }
    }
    for (const std::string layer : {"layers.1", "mtp.1", "mtp.2"})
        h.loads[layer] = trace->find(layer + ".expert_load")->ints;
    return h;
}

TEST(Evaluate, LossAndFloorAreThoseOfWholeDocuments) {
    const Evaluation& e = result();
    ASSERT_EQ(e.kinds.size(), corpus_kinds().size());
    double all_nats = 0, all_floor = 0, all_tokens = 0;
    for (std::size_t k = 0; k < e.kinds.size(); ++k) {
        const KindEvaluation& kind = e.kinds[k];
        EXPECT_EQ(kind.kind, corpus_kinds()[k].id);
        EXPECT_EQ(kind.documents, 2);
        double nats = 0, floor = 0, tokens = 0;
        for (std::uint64_t i = 0; i < 2; ++i) {
            const Document d = corpus_document_of(k, 0, CorpusPart::held_out, i);
            nats += by_hand(row_of(d)).nats;
            floor += d.nats + std::log(7.0);
            tokens += static_cast<double>(d.text.size()) + 1;  // bytes and eos
        }
        EXPECT_EQ(static_cast<double>(kind.tokens), tokens);
        EXPECT_NEAR(kind.loss, nats / tokens, 1e-4 * kind.loss);
        EXPECT_NEAR(*kind.floor, floor / tokens, 1e-12);
        EXPECT_GT(*kind.entropy, 0);
        EXPECT_NEAR(kind.weight, 1.0 / 7, 1e-12);
        all_nats += nats;
        all_floor += floor;
        all_tokens += tokens;
    }
    EXPECT_NEAR(e.loss, all_nats / all_tokens, 1e-4 * e.loss);
    EXPECT_NEAR(*e.floor, all_floor / all_tokens, 1e-9);
    EXPECT_EQ(static_cast<double>(e.tokens), all_tokens);
    EXPECT_EQ(e.documents, 14);
}

TEST(Evaluate, MtpAgreementAndLoadsCountedAgain) {
    const Evaluation& e = result();
    std::vector<RowTally::Depth> all(2);
    std::map<std::string, std::vector<std::int64_t>> total;
    for (std::size_t k = 0; k < e.kinds.size(); ++k) {
        std::vector<RowTally::Depth> depths(2);
        std::map<std::string, std::vector<std::int64_t>> loads;
        for (std::uint64_t i = 0; i < 2; ++i) {
            const auto h = by_hand(row_of(corpus_document_of(k, 0, CorpusPart::held_out, i)));
            for (std::size_t d = 0; d < 2; ++d)
                for (auto* sum : {&depths[d], &all[d]}) {
                    sum->foretold += h.depths[d].foretold;
                    sum->accepted += h.depths[d].accepted;
                    sum->accurate += h.depths[d].accurate;
                }
            for (const auto& [layer, load] : h.loads)
                for (auto* sum : {&loads[layer], &total[layer]}) {
                    sum->resize(load.size());
                    for (std::size_t x = 0; x < load.size(); ++x) (*sum)[x] += load[x];
                }
        }
        for (std::size_t d = 0; d < 2; ++d) {
            const auto of = static_cast<double>(depths[d].foretold);
            EXPECT_DOUBLE_EQ(e.kinds[k].mtp_acceptance[d],
                             static_cast<double>(depths[d].accepted) / of);
            EXPECT_DOUBLE_EQ(e.kinds[k].mtp_accuracy[d],
                             static_cast<double>(depths[d].accurate) / of);
        }
        for (const LayerEvaluation& layer : e.layers)
            EXPECT_EQ(layer.loads[k], loads[layer.layer]) << layer.layer;
    }
    EXPECT_GT(all[0].accepted + all[1].accepted, 0);  // else nothing was compared
    for (std::size_t d = 0; d < 2; ++d)
        EXPECT_NEAR(e.mtp_acceptance[d],
                    static_cast<double>(all[d].accepted) / static_cast<double>(all[d].foretold),
                    1e-12);
    ASSERT_EQ(e.layers.size(), 3u);
    for (const LayerEvaluation& layer : e.layers) {
        EXPECT_NEAR(layer.violation, violation(total[layer.layer]), 1e-12);
        EXPECT_GT(layer.violation, 0);
        EXPECT_GT(*layer.specialisation, 0);
        EXPECT_LT(*layer.specialisation, std::log(6.0));
    }
}

TEST(Evaluate, NeitherBatchNorThreadsChangeAnything) {
    EvaluationOptions other = few();
    other.batch = 1;
    other.threads = 3;
    const Evaluation a = result(), b = evaluate(small_model(), other);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.floor, b.floor);
    EXPECT_EQ(a.bigram_loss, b.bigram_loss);
    EXPECT_EQ(a.mtp_acceptance, b.mtp_acceptance);
    EXPECT_EQ(a.mtp_accuracy, b.mtp_accuracy);
    for (std::size_t l = 0; l < a.layers.size(); ++l) {
        EXPECT_EQ(a.layers[l].loads, b.layers[l].loads);
        EXPECT_EQ(a.layers[l].specialisation, b.layers[l].specialisation);
    }
    for (std::size_t k = 0; k < a.kinds.size(); ++k) {
        EXPECT_EQ(a.kinds[k].loss, b.kinds[k].loss);
        EXPECT_EQ(a.kinds[k].exact, b.kinds[k].exact);
    }
}

TEST(Evaluate, QuestionsAreTheDocumentsAnswers) {
    ThreadPool pool(1);
    const HeldOutText text = held_out_text(*small_model(), few(), pool);
    for (std::size_t k = 0; k < text.kinds.size(); ++k) {
        EXPECT_GE(text.kinds[k].about.answers, 2);
        for (std::size_t r = 0; r < text.kinds[k].questions.size(); ++r) {
            const Document d = corpus_document_of(k, 0, CorpusPart::held_out, r);
            const auto& questions = text.kinds[k].questions[r];
            ASSERT_EQ(questions.size(), d.answers.size());
            for (std::size_t q = 0; q < questions.size(); ++q) {
                const auto& row = text.kinds[k].rows[r];
                const std::vector<std::int64_t> ids(
                    row.begin() + static_cast<std::ptrdiff_t>(questions[q].begin),
                    row.begin() + static_cast<std::ptrdiff_t>(questions[q].end));
                const Answer a = d.answers[q];
                EXPECT_EQ(small_model()->tokenizer->decode(ids),
                          d.text.substr(a.begin, a.end - a.begin));
            }
        }
    }
}

// A learned tokenizer: pieces of several bytes, and still every answer is asked for.
TEST(Evaluate, AnswersBeginAtTokensOfALearnedTokenizer) {
    auto model = std::make_shared<Model>(*small_model());
    model->config.vocab_size = 400;
    model->tokenizer = generated_text(model->config, {})->tokenizer();
    EvaluationOptions options = few();
    options.documents = 10;
    options.answers = 1000;
    ThreadPool pool(1);
    const HeldOutText text = held_out_text(*model, options, pool);
    for (std::size_t k = 0; k < text.kinds.size(); ++k) {
        std::size_t answers = 0;
        for (std::uint64_t i = 0; i < 10; ++i)
            answers += corpus_document_of(k, 0, CorpusPart::held_out, i).answers.size();
        EXPECT_EQ(static_cast<std::size_t>(text.kinds[k].about.answers), answers)
            << text.kinds[k].about.kind;
    }
}

TEST(Evaluate, ExactIsWhatGenerateWrites) {
    const ModelPtr model = small_model();
    const TokenRow prompt = {257, 116, 104, 101, 32, 99};
    SamplingOptions greedy;
    greedy.max_new = 8;
    TokenRow row = prompt;
    for (const Drawn& d : generate(model, prompt, greedy).drawn) row.push_back(d.id);
    RowAnswerer answerer(model, 1);
    const std::vector<Question> questions = {{6, 9}, {10, 12}, {12, 14}};
    EXPECT_EQ(answerer.exact(row, questions, 0), 3);
    // One wrong token: its own question fails; the later ones are asked of the text as it stands.
    for (const std::size_t wrong : {6u, 8u}) {
        TokenRow other = row;
        other[wrong] = (other[wrong] + 1) % 256;
        std::int64_t expected = 0;
        for (const Question& q : questions) {
            SamplingOptions o;
            o.max_new = static_cast<std::int64_t>(q.end - q.begin);
            const auto begin = other.begin() + static_cast<std::ptrdiff_t>(q.begin);
            const auto drawn = generate(model, {other.begin(), begin}, o).drawn;
            bool same = true;
            for (std::size_t i = 0; i < drawn.size(); ++i)
                same = same && drawn[i].id == other[q.begin + i];
            expected += same;
        }
        EXPECT_EQ(answerer.exact(other, questions, 0), expected);
        EXPECT_LT(expected, 3);
    }
}

TEST(Evaluate, APaddedRowCountsOnlyItsOwn) {
    RowReader reader(small_model(), 1);
    const TokenRow tiny = {257, 65}, row = {257, 97, 98, 99, 257};
    const TokenRow long_row(40, 66);
    const std::vector<const TokenRow*> together = {&tiny, &long_row, &row}, alone = {&row};
    const auto three = reader.read(together, 0);
    const auto one = reader.read(alone, 0);
    EXPECT_EQ(three[2].nats, one[0].nats);
    EXPECT_EQ(three[2].loads, one[0].loads);
    EXPECT_EQ(three[0].tokens, 1);
    EXPECT_EQ(three[0].depths[0].foretold, 0);
    EXPECT_EQ(three[2].depths[0].foretold, 3);
    EXPECT_EQ(three[2].depths[1].foretold, 2);
    const auto sum = [](const std::vector<std::int64_t>& load) {
        return std::accumulate(load.begin(), load.end(), std::int64_t{0});
    };
    EXPECT_EQ(sum(three[2].loads[0]), 5 * 2);  // tokens times experts a token
    EXPECT_EQ(sum(three[2].loads[1]), 4 * 2);  // MTP module 1
    EXPECT_EQ(sum(three[2].loads[2]), 3 * 2);
    EXPECT_EQ(sum(three[0].loads[2]), 0);
}

TEST(Evaluate, ParallelModulesWorkOnEveryToken) {
    auto model = std::make_shared<Model>(*small_model());
    model->config.mtp_kind = "parallel";
    model->weights = initial_weights(model->config, 5);
    RowReader reader(model, 1);
    const TokenRow row = {257, 97, 98, 99, 257}, long_row(40, 66);
    const std::vector<const TokenRow*> together = {&long_row, &row};
    const auto two = reader.read(together, 0);
    for (const auto& load : two[1].loads)
        EXPECT_EQ(std::accumulate(load.begin(), load.end(), std::int64_t{0}), 5 * 2);
    EXPECT_EQ(two[1].depths[1].foretold, 2);
}

TEST(Evaluate, WeightsOfTheMixCount) {
    EvaluationOptions options = few();
    options.text.corpus = {{"story", 0}, {"arithmetic", 3}, {"brackets", 0}, {"code", 0},
                           {"sort", 1},  {"dates", 0},      {"recall", 0}};
    const Evaluation e = evaluate(small_model(), options);
    ASSERT_EQ(e.kinds.size(), 2u);
    EXPECT_NEAR(e.kinds[0].weight, 0.75, 1e-12);
    const auto a = 0.75 * static_cast<double>(e.kinds[0].tokens),
               s = 0.25 * static_cast<double>(e.kinds[1].tokens);
    EXPECT_NEAR(e.loss, (a * e.kinds[0].loss + s * e.kinds[1].loss) / (a + s), 1e-9);
    EXPECT_NEAR(*e.floor, (a * *e.kinds[0].floor + s * *e.kinds[1].floor) / (a + s), 1e-9);
}

TEST(Evaluate, ReadsUntilThereAreEnoughTokens) {
    ThreadPool pool(1);
    EvaluationOptions options = few();
    options.documents = 1;
    options.tokens = 3000;
    std::int64_t tokens = 0;
    for (const auto& kind : held_out_text(*small_model(), options, pool).kinds)
        tokens += kind.about.tokens;
    EXPECT_GE(tokens, 3000);
    EXPECT_LT(tokens, 4500);
}

TEST(Evaluate, StopsWhenAsked) {
    int calls = 0;
    const Evaluation e = evaluate(small_model(), few(), [&](double share) {
        EXPECT_GT(share, 0);
        EXPECT_LE(share, 1);
        return ++calls < 2;
    });
    EXPECT_TRUE(e.cancelled);
    EXPECT_EQ(calls, 2);
    EXPECT_FALSE(result().cancelled);
}

TEST(Evaluate, AFileHasNoFloorAndNoAnswers) {
    std::string name = (std::filesystem::temp_directory_path() / "sf_eval_XXXXXX").string();
    const int made = mkstemp(name.data());
    ASSERT_GE(made, 0);
    {
        std::ofstream out(name);
        for (int i = 0; i < 300; ++i) out << "line " << i << " of a text\n";
    }
    EvaluationOptions options = few();
    options.file = name;
    options.row_tokens = 32;
    const Evaluation e = evaluate(small_model(), options);
    options.file = name + ".missing";
    EXPECT_THROW(evaluate(small_model(), options), UserError);
    std::filesystem::remove(name);
    ASSERT_EQ(e.kinds.size(), 1u);
    EXPECT_FALSE(e.floor || e.entropy || e.exact_match || e.layers[0].specialisation);
    EXPECT_EQ(e.answers, 0);
    EXPECT_GT(e.loss, e.bigram_loss);  // untrained
    EXPECT_GT(e.tokens, 500);
    EXPECT_EQ(e.mtp_acceptance.size(), 2u);
}

TEST(Evaluate, RefusesWhatCannotRead) {
    auto model = std::make_shared<Model>(*small_model());
    model->tokenizer = nullptr;
    model->no_text = "has no tokenizer for text";
    const auto sentence = [&](const EvaluationOptions& options) -> std::string {
        try {
            evaluate(model, options);
        } catch (const UserError& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_NE(sentence(few()).find("small has no tokenizer"), std::string::npos);
    *model = *small_model();
    model->config.max_position_embeddings = 12;
    EXPECT_NE(sentence(few()).find("context of 12"), std::string::npos) << sentence(few());
}

}  // namespace
}  // namespace sf
