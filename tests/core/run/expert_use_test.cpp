#include "core/run/expert_use.h"

#include "core/model/model.h"
#include "core/run/history.h"
#include "core/run/runner.h"
#include "core/text/corpus.h"
#include "core/text/tokenizer.h"
#include "core/train/evaluate_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace sf {
namespace {

std::vector<std::string> generated() {
    std::vector<std::string> labels;
    for (const CorpusKind& kind : corpus_kinds()) labels.push_back(kind.id);
    return labels;
}

// The nano preset with two MTP modules.
ModelPtr small_model() {
    auto model = std::make_shared<Model>(*preset_model("nano", 2));
    model->config.num_nextn_predict_layers = 2;
    model->config.max_position_embeddings = 512;
    model->config.initializer_range = 0.2;
    model->weights = initial_weights(model->config, 5);
    return model;
}

TracePtr trace_of(const ModelPtr& model) {
    return run_trace(model, {model->encode("the cat")});
}

Derived::Entry measured(const TracePtr& trace, const std::vector<std::string>& corpora,
                        std::int64_t tokens = 256) {
    return Derived::computed(expert_use(*trace, corpora, tokens), [](double) { return true; });
}

std::vector<std::int64_t> row_of(const Model& model, std::size_t kind, std::uint64_t number) {
    auto row =
        model.tokenizer->encode(corpus_document_of(kind, 0, CorpusPart::held_out, number).text);
    row.insert(row.begin(), model.config.eos_token_id);
    row.push_back(model.config.eos_token_id);
    return row;
}

TEST(ExpertUse, CountsWhatEvaluationCounts) {
    const ModelPtr model = small_model();
    const auto entry = measured(trace_of(model), generated());
    ASSERT_EQ(entry.error, "");
    const auto& use = dynamic_cast<const ExpertUse&>(*entry.value);
    EXPECT_EQ(use.kinds, generated());
    RowReader reader(model, 1);
    ASSERT_EQ(use.layers.size(), reader.layers().size());
    for (std::size_t kind = 0; kind < use.kinds.size(); ++kind) {
        RowTally all;
        std::int64_t tokens = 0, number = 0;
        for (; tokens < 256; ++number) {
            const TokenRow row = row_of(*model, kind, static_cast<std::uint64_t>(number));
            const TokenRow* one = &row;
            all.add(reader.read({&one, 1}, 0).front());
            tokens += std::ssize(row);
        }
        EXPECT_EQ(use.documents[kind], number);
        for (std::size_t l = 0; l < use.layers.size(); ++l) {
            EXPECT_EQ(use.layers[l].name, reader.layers()[l]);
            EXPECT_EQ(use.layers[l].loads[kind], all.loads[l]) << kind << " " << l;
            const std::int64_t depth =
                use.layers[l].name.starts_with("mtp.") ? use.layers[l].name.back() - '0' : 0;
            EXPECT_EQ(use.layers[l].tokens[kind], tokens - depth * number);
            std::int64_t sum = 0;
            for (const std::int64_t n : use.layers[l].loads[kind]) sum += n;
            EXPECT_EQ(sum, use.layers[l].tokens[kind] * use.top_k);
        }
    }
}

// Each favourite is found again in its document, with that gate, and no token has a larger one.
TEST(ExpertUse, FavouritesAreTheLargestGates) {
    const ModelPtr model = small_model();
    const auto entry = measured(trace_of(model), generated(), 100);
    ASSERT_EQ(entry.error, "");
    const auto& use = dynamic_cast<const ExpertUse&>(*entry.value);
    struct Best {
        std::int64_t seen = 0, given = 0;
        double gate = 0;
    };
    const auto vocab = static_cast<std::size_t>(model->config.vocab_size);
    for (const ExpertUse::Layer& layer : use.layers) {
        std::vector<std::vector<Best>> best(static_cast<std::size_t>(use.experts),
                                            std::vector<Best>(vocab));
        std::vector<std::int64_t> seen(vocab);
        for (std::size_t kind = 0; kind < use.kinds.size(); ++kind)
            for (std::int64_t d = 0; d < use.documents[kind]; ++d) {
                const auto row = row_of(*model, kind, static_cast<std::uint64_t>(d));
                const TracePtr run = run_trace(model, {row});
                const Tensor& chosen = *run->find(layer.name + ".router_indices");
                const Tensor& gates = *run->find(layer.name + ".router_weights");
                for (std::int64_t t = 0; t < chosen.shape.rows(); ++t) {
                    const auto id = static_cast<std::size_t>(row[static_cast<std::size_t>(t)]);
                    ++seen[id];
                    for (std::int64_t k = 0; k < use.top_k; ++k) {
                        const std::int64_t cell = t * use.top_k + k;
                        Best& b = best[static_cast<std::size_t>(
                            chosen.ints[static_cast<std::size_t>(cell)])][id];
                        ++b.given;
                        b.gate = std::max(b.gate, gates.at(cell));
                    }
                }
            }
        for (std::size_t e = 0; e < best.size(); ++e) {
            const auto& shown = layer.favourites[e];
            const auto met = static_cast<std::size_t>(std::count_if(
                best[e].begin(), best[e].end(), [](const Best& b) { return b.given > 0; }));
            ASSERT_EQ(shown.size(), std::min<std::size_t>(met, 16)) << layer.name << " " << e;
            for (std::size_t i = 0; i < shown.size(); ++i) {
                const auto id = static_cast<std::size_t>(shown[i].id);
                EXPECT_NEAR(shown[i].gate, best[e][id].gate, 1e-6);
                EXPECT_EQ(shown[i].given, best[e][id].given);
                EXPECT_EQ(shown[i].seen, seen[id]);
                EXPECT_EQ(shown[i].token, model->tokenizer->label(shown[i].id));
                if (i > 0) {
                    EXPECT_LE(shown[i].gate, shown[i - 1].gate);
                }
                best[e][id].gate = 0;
            }
            for (const Best& other : best[e])
                if (shown.size() == 16) {
                    EXPECT_LE(other.gate, shown.back().gate + 1e-6);
                }
        }
    }
}

TEST(ExpertUse, SaysWhyItCannot) {
    const ModelPtr model = small_model();
    const TracePtr trace = trace_of(model);
    EXPECT_EQ(measured(trace, {}).error, "");  // nobody knows what it was trained on
    EXPECT_EQ(measured(trace, {"novel.txt"}).error,
              "the text that this model was trained on is not at hand");
    auto copy = std::make_shared<Trace>(*trace);
    copy->tokenizer = nullptr;
    EXPECT_EQ(measured(copy, {}).error, "this model has no tokenizer that could read a text");
    copy->weights = nullptr;
    EXPECT_EQ(measured(copy, {}).error, "this trace holds no weights to read a text with");

    auto dense = std::make_shared<Model>(*model);
    dense->config.n_routed_experts = 0;
    dense->weights = initial_weights(dense->config, 1);
    EXPECT_EQ(measured(trace_of(dense), {}).error, "this model has no experts");
    auto narrow = std::make_shared<Model>(*model);
    narrow->config.max_position_embeddings = 9;
    EXPECT_NE(measured(trace_of(narrow), {}).error.find("a context of 9 tokens is too short"),
              std::string::npos);
}

TEST(ExpertUse, StopsWhenNobodyWaits) {
    const auto entry = Derived::computed(expert_use(*trace_of(small_model()), {}),
                                         [](double part) { return part < 0.2; });
    EXPECT_FALSE(entry.settled());
}

}  // namespace
}  // namespace sf
