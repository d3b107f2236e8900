#pragma once

#include "core/model/model.h"
#include "core/train/settings.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sf {

// What a model is measured on, and how much of it.
struct EvaluationOptions {
    // A text of the user's, of which the last tenth is read; empty: the generated corpus.
    std::filesystem::path file;
    TrainSettings text;            // the generated corpus' seed and weights (`seed`, `corpus`)
    std::int64_t documents = 128;  // of each kind
    std::int64_t answers = 100;    // of each kind, at least, in whole documents
    std::int64_t tokens = 8192;    // more documents are read until there are so many
    std::int64_t entropy_documents = 1000;      // of each kind, read without the model
    std::int64_t rows = 256, row_tokens = 128;  // at most, of a file
    std::int64_t batch = 16;                    // changes the speed and nothing else
    int threads = 1;                            // likewise
};

// One kind of text. Losses in nats a token, over every token but the first of a sequence.
struct KindEvaluation {
    std::string kind;
    double weight = 0;  // its share of the documents of the mix, sums to 1
    std::int64_t documents = 0, tokens = 0;
    double loss = 0, bigram_loss = 0;
    // -ln p of exactly these documents, choice of the kind included, over the same tokens; and the
    // same of a larger sample. A loss below `floor` is chance or a memory. Null for a file.
    std::optional<double> floor, entropy;
    std::int64_t answers = 0, exact = 0;
    std::optional<double> exact_match() const {
        if (answers == 0) return std::nullopt;
        return static_cast<double>(exact) / static_cast<double>(answers);
    }
    // By depth k, over the positions i whose token i+k+1 is there. Acceptance: how often the
    // module's most probable token is the one that the main model finds most probable once it has
    // read the k tokens between; so often is a greedy draft accepted. Accuracy: how often it is the
    // token that comes.
    std::vector<double> mtp_acceptance, mtp_accuracy;
};

// A layer with experts, by the tokens routed there.
struct LayerEvaluation {
    std::string layer;                             // "layers.1", "mtp.1"
    std::vector<std::vector<std::int64_t>> loads;  // (kinds, experts)
    double violation = 0;  // max / mean - 1 over all kinds, in the shares of the mix
    // Mutual information of kind and expert in nats, all kinds taken as equally frequent: 0 when
    // every kind goes to the same experts, ln(kinds) when the expert tells the kind. Null with one
    // kind.
    std::optional<double> specialisation;
};

struct Evaluation {
    // Over the kinds in the shares of the mix.
    double loss = 0, bigram_loss = 0;
    std::optional<double> floor, entropy;
    std::optional<double> exact_match;  // of all answers alike
    std::int64_t answers = 0;
    std::vector<double> mtp_acceptance, mtp_accuracy;
    std::int64_t documents = 0, tokens = 0;
    std::int64_t skipped = 0;  // documents longer than the model's context
    std::vector<KindEvaluation> kinds;
    std::vector<LayerEvaluation> layers;
    bool cancelled = false;  // then nothing above was measured
};

// Told between pieces of work which share is done; false stops. In the caller's thread.
using EvaluationProgress = std::function<bool(double)>;

// Reads held-out text with the model. A sequence is eos, the tokens of one whole document, eos (or
// a row of the file). Each answer of a document is decoded greedily through the latent cache from
// the text before it; exact: every token of it is right. An answer that the tokenizer does not
// begin or end a token at is not counted. The same model and options give the same numbers,
// whatever `threads` and `batch`. Throws UserError for a model without tokenizer, a context that no
// document fits into, and for the file.
Evaluation evaluate(const ModelPtr& model, const EvaluationOptions& options,
                    const EvaluationProgress& progress = {});

}  // namespace sf
