#pragma once

#include "core/config.h"
#include "core/text/beginning.h"
#include "core/text/corpus.h"
#include "core/text/tokenizer.h"
#include "core/train/bigram.h"
#include "core/train/settings.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// What a run trains on: rows of ids as a function of their number, so that the data's position is
// a number too. Two kinds: the generated corpus, and a text file of the user's, whose last tenth is
// held out. Immutable; shared between threads.
class TrainingText {
public:
    virtual ~TrainingText() = default;

    // Row `index` of the training part, `seq` ids.
    virtual std::vector<std::int64_t> row(std::uint64_t index, std::int64_t seq) const = 0;
    // The row of the hot topic, the same at any time.
    virtual std::vector<std::int64_t> hot_row(std::int64_t seq) const { return row(0, seq); }
    // Row `index` of a run in which `hot` of the rows are that one. Which ones is a function of
    // their number, so that a row that is hot stays so when the share grows.
    std::vector<std::int64_t> row(std::uint64_t index, std::int64_t seq, double hot) const;
    // The held-out rows, at most `limit` of them, evenly chosen: the same ones each time. All of
    // one length, which is at most `seq`.
    virtual std::vector<std::vector<std::int64_t>> held_out(std::int64_t limit,
                                                            std::int64_t seq) const = 0;
    // Nats a token that no model of this text can be below, on rows of this length; NaN where
    // nobody knows.
    virtual double floor() const = 0;
    virtual std::vector<std::string> labels() const = 0;  // the kinds of text
    // A short held-out text that probes of the training read, at most `limit` ids.
    virtual std::vector<std::int64_t> probe(std::int64_t limit) const = 0;
    // Held-out texts that the model goes on with, so that one sees what it writes.
    virtual std::vector<Beginning> beginnings() const { return {}; }

    // What a resumed run must find again; empty `file`: the generated corpus.
    struct Source {
        std::string file;
        std::uint64_t fingerprint = 0;
        bool operator==(const Source&) const = default;
    };
    const Source& source() const { return source_; }
    const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }
    std::int64_t vocab_size() const { return vocab_size_; }

    // Counted on the training part (of the generated corpus its first rows).
    BigramModel bigram() const { return BigramModel(counted_tokens(), vocab_size_); }
    double bigram_loss(const std::vector<std::vector<std::int64_t>>& held_out) const {
        return bigram().loss(held_out);
    }

protected:
    virtual std::vector<std::int64_t> counted_tokens() const = 0;
    Source source_;
    std::uint64_t seed_ = 0;
    std::shared_ptr<const Tokenizer> tokenizer_;
    std::int64_t vocab_size_ = 0;
};
using TrainingTextPtr = std::shared_ptr<const TrainingText>;

// The generated corpus in the proportions of the settings. A row is whole documents, each followed
// by eos, cut at the end; half of the rows begin with eos, so that both ways of starting are seen.
// Without a tokenizer one is trained on the corpus itself, the same for every seed.
TrainingTextPtr generated_text(const ModelConfig& config, const TrainSettings& settings,
                               std::shared_ptr<const Tokenizer> tokenizer = nullptr);
CorpusMix corpus_mix(const TrainSettings& settings);

// A UTF-8 text file; rows are cut anywhere in the training part. Throws UserError naming the file
// when it is empty, binary or too short for a row, or does not support the vocabulary.
TrainingTextPtr file_text(const ModelConfig& config, const TrainSettings& settings,
                          const std::filesystem::path& file,
                          std::shared_ptr<const Tokenizer> tokenizer = nullptr);

}  // namespace sf
