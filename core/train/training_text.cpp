#include "core/train/training_text.h"

#include "core/error.h"
#include "core/random.h"
#include "core/text/bpe.h"
#include "core/text/corpus_file.h"
#include "core/text/corpus_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sf {

namespace {

std::shared_ptr<const Tokenizer> learn_tokenizer(const ModelConfig& config,
                                                 std::span<const std::string_view> documents,
                                                 const std::string& source) {
    BpeOptions options;
    options.vocab_size = config.vocab_size;
    options.bos_id = config.bos_token_id;
    options.eos_id = config.eos_token_id;
    options.source = source;
    return train_bpe(documents, options);
}

// The generated corpus has no end: what is counted on it is counted on this many rows.
constexpr std::int64_t counted_rows = 4096;

std::vector<std::int64_t> beginning(std::vector<std::int64_t> ids, std::int64_t limit) {
    ids.resize(std::min(ids.size(), static_cast<std::size_t>(limit)));
    return ids;
}

// What stands for a document where a text has none.
constexpr std::int64_t hot_tokens = 32;

std::vector<std::int64_t> repeated(const std::vector<std::int64_t>& ids, std::int64_t length) {
    std::vector<std::int64_t> row(static_cast<std::size_t>(length));
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = ids[i % ids.size()];
    return row;
}

class GeneratedText : public TrainingText {
public:
    GeneratedText(const ModelConfig& config, const TrainSettings& settings,
                  std::shared_ptr<const Tokenizer> tokenizer)
        : mix_(corpus_mix(settings)),
          eos_(config.eos_token_id),
          whole_(settings.whole != 0),
          counted_seq_(whole_ ? settings.seq : 128) {
        seed_ = settings.seed;
        mix_.check();
        tokenizer_ = std::move(tokenizer);
        if (!tokenizer_) {
            constexpr std::uint64_t documents = 4000;
            std::vector<std::string> texts;
            for (std::uint64_t i = 0; i < documents; ++i)
                texts.push_back(corpus_document(CorpusMix(), 0, CorpusPart::train, i).text);
            const std::vector<std::string_view> views(texts.begin(), texts.end());
            tokenizer_ = learn_tokenizer(config, views, "the generated corpus");
        }
        vocab_size_ = config.vocab_size;
        measure_floor(settings.seq);
    }

    std::vector<std::int64_t> row(std::uint64_t index, std::int64_t seq) const override {
        return fill(CorpusPart::train, index, seq);
    }
    // The first document, over and over.
    std::vector<std::int64_t> hot_row(std::int64_t seq) const override {
        std::vector<std::int64_t> document =
            tokenizer_->encode(corpus_document(mix_, seed_, CorpusPart::train, 0).text);
        document.push_back(eos_);
        return repeated(document, seq);
    }
    std::vector<std::vector<std::int64_t>> held_out(std::int64_t limit,
                                                    std::int64_t seq) const override {
        std::vector<std::vector<std::int64_t>> rows;
        for (std::int64_t i = 0; i < limit; ++i)
            rows.push_back(fill(CorpusPart::held_out, static_cast<std::uint64_t>(i), seq));
        return rows;
    }
    double floor() const override { return floor_; }
    std::vector<std::string> labels() const override { return corpus_kind_names(); }
    std::vector<std::int64_t> probe(std::int64_t limit) const override {
        // The beginning of a story, of the same one for every seed.
        return beginning(tokenizer_->encode(corpus_document_of(0, 0, CorpusPart::held_out, 0).text),
                         limit);
    }
    std::vector<Beginning> beginnings() const override {
        return corpus_beginnings(mix_, *tokenizer_);
    }

protected:
    std::vector<std::int64_t> counted_tokens() const override {
        std::vector<std::int64_t> tokens;
        for (std::int64_t i = 0; i < counted_rows; ++i) {
            const auto r = row(static_cast<std::uint64_t>(i), counted_seq_);
            tokens.insert(tokens.end(), r.begin(), r.end());
        }
        return tokens;
    }

private:
    std::vector<std::int64_t> fill(CorpusPart part, std::uint64_t index, std::int64_t seq) const {
        const bool eos_first =
            (random_bits(seed_, stream_of("row begins with eos"), index) & 1) != 0;
        return corpus_row(mix_, seed_, part, index, *tokenizer_, eos_, seq, eos_first, whole_);
    }
    // On whole documents: -ln p(text), eos included, over the tokens that have to be foretold.
    // Where only those that fit a row are read, they are the more probable.
    void measure_floor(std::int64_t seq) {
        constexpr std::uint64_t documents = 4000;
        double nats = 0, tokens = 0, read = 0;
        for (std::uint64_t i = 0; i < documents; ++i) {
            const Document d = corpus_document(mix_, seed_, CorpusPart::held_out, i);
            const std::size_t length = tokenizer_->encode(d.text).size();
            if (whole_ && !fits_row(length, seq)) continue;
            ++read;
            nats += d.nats + mix_.kind_nats(d.kind);
            tokens += static_cast<double>(length + 1);
        }
        if (read == 0)
            throw UserError("the generated corpus has hardly a document that fits whole into seq=" +
                            std::to_string(seq) + " tokens (seq larger, or whole=0)");
        floor_ = (nats + read * std::log(read / static_cast<double>(documents))) / tokens;
    }

    CorpusMix mix_;
    std::int64_t eos_;
    bool whole_;
    std::int64_t counted_seq_;  // of rows that are counted: where they are whole, those trained on
    double floor_ = 0;
};

class FileText : public TrainingText {
public:
    FileText(const ModelConfig& config, const TrainSettings& settings,
             const std::filesystem::path& path, std::shared_ptr<const Tokenizer> tokenizer) {
        seed_ = settings.seed;
        const CorpusFile file = read_corpus_file(path);
        source_.file = path.string();
        source_.fingerprint = stream_of(file.train()) ^ mix_bits(stream_of(file.held_out()));
        tokenizer_ = std::move(tokenizer);
        if (!tokenizer_) {
            const std::vector<std::string_view> documents{file.train()};
            tokenizer_ = learn_tokenizer(config, documents, path.string());
        }
        vocab_size_ = config.vocab_size;
        train_ = tokenizer_->encode(file.train());
        held_out_ = tokenizer_->encode(file.held_out());
        if (static_cast<std::int64_t>(train_.size()) < settings.seq)
            throw UserError(path.string(), "",
                            "its training part has " + std::to_string(train_.size()) +
                                " tokens, fewer than one row of " + std::to_string(settings.seq) +
                                " (--set seq=N makes rows shorter)");
        if (held_out_.size() < 2)
            throw UserError(path.string(), "",
                            "its held-out part (the last tenth) has " +
                                std::to_string(held_out_.size()) +
                                " tokens, at least 2 are needed");
    }

    std::vector<std::int64_t> row(std::uint64_t index, std::int64_t seq) const override {
        const auto starts = train_.size() - static_cast<std::size_t>(seq) + 1;
        const auto at = static_cast<std::ptrdiff_t>(
            random_bits(seed_, stream_of("row begins at"), index) % starts);
        return {train_.begin() + at, train_.begin() + at + static_cast<std::ptrdiff_t>(seq)};
    }
    // The text's beginning, over and over.
    std::vector<std::int64_t> hot_row(std::int64_t seq) const override {
        return repeated(beginning(train_, hot_tokens), seq);
    }
    // Rows that overlap by one token, so that every token but the first is foretold once.
    std::vector<std::vector<std::int64_t>> held_out(std::int64_t limit,
                                                    std::int64_t seq) const override {
        const auto n = static_cast<std::int64_t>(held_out_.size());
        const auto length = std::min(seq, n), step = std::max<std::int64_t>(1, length - 1);
        const auto all = (n - 1) / step, count = std::clamp<std::int64_t>(all, 1, limit);
        std::vector<std::vector<std::int64_t>> rows;
        for (std::int64_t i = 0; i < count; ++i) {
            const auto begin = std::min(i * all / count * step, n - length);
            rows.emplace_back(held_out_.begin() + begin, held_out_.begin() + begin + length);
        }
        return rows;
    }
    double floor() const override { return std::numeric_limits<double>::quiet_NaN(); }
    std::vector<std::string> labels() const override {
        return {std::filesystem::path(source_.file).filename().string()};
    }
    std::vector<std::int64_t> probe(std::int64_t limit) const override {
        return beginning(held_out_, limit);
    }
    std::vector<Beginning> beginnings() const override {
        constexpr std::int64_t prompt = 16;
        return {{"held-out text", beginning(held_out_, prompt), {}}};
    }

protected:
    std::vector<std::int64_t> counted_tokens() const override { return train_; }

private:
    std::vector<std::int64_t> train_, held_out_;
};

}  // namespace

std::vector<std::int64_t> TrainingText::row(std::uint64_t index, std::int64_t seq,
                                            double hot) const {
    const bool is_hot = random_uniform(seed_, stream_of("hot topic"), index) < hot;
    return is_hot ? hot_row(seq) : row(index, seq);
}

CorpusMix corpus_mix(const TrainSettings& settings) {
    CorpusMix mix;
    const auto names = corpus_kind_names();
    for (std::size_t i = 0; i < names.size(); ++i)
        if (const auto set = settings.corpus.find(names[i]); set != settings.corpus.end())
            mix.weights[i] = set->second;
    return mix;
}

TrainingTextPtr generated_text(const ModelConfig& config, const TrainSettings& settings,
                               std::shared_ptr<const Tokenizer> tokenizer) {
    return std::make_shared<GeneratedText>(config, settings, std::move(tokenizer));
}

TrainingTextPtr file_text(const ModelConfig& config, const TrainSettings& settings,
                          const std::filesystem::path& file,
                          std::shared_ptr<const Tokenizer> tokenizer) {
    return std::make_shared<FileText>(config, settings, file, std::move(tokenizer));
}

}  // namespace sf
