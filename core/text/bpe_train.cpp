#include "core/error.h"
#include "core/text/bpe.h"

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <utility>

namespace sf {

namespace {

using Id = std::int32_t;
using Pair = std::pair<Id, Id>;

constexpr std::int64_t byte_count = 256;
constexpr std::int64_t max_vocab = 1 << 20;
// Longer pieces are counted in parts, so that one of a megabyte is not read again for each merge.
constexpr std::size_t max_piece = 256;

struct PairHash {
    std::size_t operator()(const Pair& pair) const {
        const auto key =
            (static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.first)) << 32) |
            static_cast<std::uint32_t>(pair.second);
        return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15U) >> 16);
    }
};

struct Word {
    std::vector<Id> ids;
    std::int64_t count = 0;
};

struct Counted {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  // that have or had the pair, some of them more than once
};

void check(const BpeOptions& o) {
    const auto refuse = [&](const std::string& field, const std::string& reason) {
        throw UserError(o.source, field, reason);
    };
    if (o.vocab_size < byte_count + 2 || o.vocab_size > max_vocab)
        refuse("vocab_size", "must be from 258 (the bytes and two special ids) to " +
                                 std::to_string(max_vocab) + ", got " +
                                 std::to_string(o.vocab_size));
    const auto check_special = [&](const std::string& field, std::int64_t id) {
        if (id < 0 || id >= o.vocab_size)
            refuse(field, std::to_string(id) + " is outside the vocabulary of " +
                              std::to_string(o.vocab_size));
    };
    check_special("bos_id", o.bos_id);
    check_special("eos_id", o.eos_id);
    if (o.bos_id == o.eos_id)
        refuse("eos_id", "must not be bos_id too, " + std::to_string(o.eos_id));
}

// The different pieces of all documents, each with how often it occurs.
std::unordered_map<std::string_view, std::int64_t> count_pieces(
    std::span<const std::string_view> documents, const Splitter& splitter) {
    std::unordered_map<std::string_view, std::int64_t> counts;
    Pieces pieces;
    for (const std::string_view document : documents) {
        pieces.views.clear();
        splitter.split(document, pieces);
        for (std::string_view piece : pieces.views)
            for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), max_piece)))
                ++counts[piece.substr(0, max_piece)];
    }
    return counts;
}

// The words as ids, and of every pair how often and where it stands.
class PairCounts {
public:
    explicit PairCounts(std::vector<Word> words) : words_(std::move(words)) {
        for (std::uint32_t w = 0; w < words_.size(); ++w) add(w, 1);
        for (const auto& [pair, counted] : pairs_) queue_.push({counted.count, pair});
    }

    // The pair to merge next; false when none occurs twice.
    bool best(Pair& pair) {
        while (!queue_.empty()) {
            const Entry entry = queue_.top();
            queue_.pop();
            const std::int64_t count = pairs_[entry.pair].count;
            if (count < 2) continue;
            if (count == entry.count) {
                pair = entry.pair;
                return true;
            }
            if (count < entry.count) queue_.push({count, entry.pair});
        }
        return false;
    }

    void merge(const Pair& pair, Id product) {
        std::vector<std::uint32_t> words = std::move(pairs_[pair].words);
        std::sort(words.begin(), words.end());
        words.erase(std::unique(words.begin(), words.end()), words.end());
        grown_.clear();
        for (const std::uint32_t w : words) {
            auto& ids = words_[w].ids;
            if (!has(ids, pair)) continue;
            add(w, -1);
            std::size_t kept = 0;
            for (std::size_t i = 0; i < ids.size(); ++i) {
                const bool here = i + 1 < ids.size() && Pair{ids[i], ids[i + 1]} == pair;
                ids[kept++] = here ? product : ids[i];
                if (here) ++i;
            }
            ids.resize(kept);
            add(w, 1, product);
        }
        // Only pairs with the new id can be more frequent than what was queued for them.
        std::sort(grown_.begin(), grown_.end());
        grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
        for (const Pair& grown : grown_) queue_.push({pairs_[grown].count, grown});
    }

private:
    struct Entry {
        std::int64_t count = 0;
        Pair pair;
        // The queue's top is the most frequent pair, of equally frequent ones the lowest.
        bool operator<(const Entry& o) const {
            return count != o.count ? count < o.count : pair > o.pair;
        }
    };

    static bool has(const std::vector<Id>& ids, const Pair& pair) {
        for (std::size_t i = 0; i + 1 < ids.size(); ++i)
            if (Pair{ids[i], ids[i + 1]} == pair) return true;
        return false;
    }

    void add(std::uint32_t w, std::int64_t sign, Id product = -1) {
        const Word& word = words_[w];
        for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) {
            const Pair pair{word.ids[i], word.ids[i + 1]};
            Counted& counted = pairs_[pair];
            counted.count += sign * word.count;
            if (sign < 0) continue;
            const bool grows = pair.first == product || pair.second == product;
            if (product >= 0 && !grows) continue;  // the word is listed already
            if (counted.words.empty() || counted.words.back() != w) counted.words.push_back(w);
            if (grows) grown_.push_back(pair);
        }
    }

    std::vector<Word> words_;
    std::unordered_map<Pair, Counted, PairHash> pairs_;
    std::priority_queue<Entry> queue_;
    std::vector<Pair> grown_;
};

}  // namespace

std::shared_ptr<const Tokenizer> train_bpe(std::span<const std::string_view> documents,
                                           const BpeOptions& options) {
    check(options);
    BpeParts parts;
    parts.pre_tokenizer = default_pre_tokenizer();
    auto& tokens = parts.tokens;
    tokens.reserve(static_cast<std::size_t>(options.vocab_size));
    const auto lay_specials = [&] {
        for (;;) {
            const auto id = static_cast<std::int64_t>(tokens.size());
            if (id != options.bos_id && id != options.eos_id) return;
            const std::string_view text = id == options.bos_id ? bos_text : eos_text;
            tokens.emplace_back(text);
            parts.added.push_back({id, std::string(text), true, false, false, false});
        }
    };
    const auto append = [&](std::string text) {
        lay_specials();
        tokens.push_back(std::move(text));
        return static_cast<Id>(tokens.size() - 1);
    };
    std::vector<Id> byte_ids;
    for (std::int64_t byte = 0; byte < byte_count; ++byte)
        byte_ids.push_back(
            append(std::string(1, static_cast<char>(static_cast<unsigned char>(byte)))));
    lay_specials();

    const Splitter splitter(parts.pre_tokenizer, options.source);
    std::vector<Word> words;
    for (const auto& [piece, count] : count_pieces(documents, splitter)) {
        if (piece.size() < 2) continue;
        Word word{{}, count};
        for (const char c : piece) word.ids.push_back(byte_ids[static_cast<unsigned char>(c)]);
        words.push_back(std::move(word));
    }
    PairCounts pairs(std::move(words));
    std::unordered_map<std::string, Id> known;  // two pairs may spell the same token
    // Special ids above what is laid so far take their places in the end.
    const auto size = [&] {
        const auto laid = static_cast<std::int64_t>(tokens.size());
        return laid + (options.bos_id >= laid ? 1 : 0) + (options.eos_id >= laid ? 1 : 0);
    };
    for (Pair pair; size() < options.vocab_size;) {
        if (!pairs.best(pair))
            throw UserError(options.source, "vocab_size",
                            "the text yields a vocabulary of " + std::to_string(size()) +
                                " ids at most, not of " + std::to_string(options.vocab_size));
        std::string text = tokens[static_cast<std::size_t>(pair.first)] +
                           tokens[static_cast<std::size_t>(pair.second)];
        const auto old = known.find(text);
        Id product = 0;
        if (old != known.end()) {
            product = old->second;
        } else {
            product = append(text);
            known.emplace(std::move(text), product);
        }
        parts.merges.push_back({pair.first, pair.second, product});
        pairs.merge(pair, product);
    }
    lay_specials();
    return bpe_tokenizer(std::move(parts), options.source);
}

}  // namespace sf
