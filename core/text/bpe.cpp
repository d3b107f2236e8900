#include "core/text/bpe.h"

#include "core/text/added_tokens.h"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <unordered_map>
#include <utility>

namespace sf {

namespace {

using Id = std::int32_t;
constexpr Id no_id = -1;

std::uint64_t pair_key(Id left, Id right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
           static_cast<std::uint32_t>(right);
}

class BpeTokenizer : public Tokenizer {
public:
    BpeTokenizer(BpeParts parts, const std::string& source);

    std::int64_t vocab_size() const override {
        return static_cast<std::int64_t>(parts_.tokens.size());
    }
    std::vector<std::int64_t> encode(std::string_view text) const override;
    std::string decode(const std::vector<std::int64_t>& ids) const override;
    std::string label(std::int64_t id) const override;
    const BpeParts& parts() const { return parts_; }

private:
    struct Rule {
        std::int32_t rank = 0;
        Id product = 0;
    };
    struct Call;  // what one call to encode needs

    const std::string* text_of(std::int64_t id) const {
        if (id < 0 || id >= vocab_size()) return nullptr;
        const std::string& text = parts_.tokens[static_cast<std::size_t>(id)];
        return text.empty() ? nullptr : &text;
    }
    void encode_plain(std::string_view text, Call& call) const;
    void encode_piece(std::string_view piece, Call& call) const;
    void merge(std::string_view piece, Call& call) const;

    BpeParts parts_;
    Splitter splitter_;
    AddedTokens first_, second_;  // second: those that are looked for in normalized text
    std::array<Id, 256> bytes_{};
    std::vector<bool> special_;
    std::unordered_map<std::uint64_t, Rule> rules_;
    std::unordered_map<std::string_view, Id> whole_;  // with ignore_merges
};

struct BpeTokenizer::Call {
    // A piece on its way: a list of ids that shrinks.
    struct Symbol {
        Id id = no_id;  // no_id: merged into the one before
        std::size_t previous = 0, next = 0;
    };
    struct Candidate {
        std::int32_t rank = 0;
        std::size_t at = 0;
        Id left = 0, right = 0, product = 0;
        // The rule learned first, of the same rule the leftmost place.
        bool operator>(const Candidate& o) const {
            return rank != o.rank ? rank > o.rank : at > o.at;
        }
    };

    std::vector<std::int64_t> ids;
    Pieces pieces;
    std::vector<Symbol> symbols;
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    // Where in `ids` the ids of a piece stand that was met before.
    std::unordered_map<std::string_view, std::pair<std::size_t, std::size_t>> known;
};

BpeTokenizer::BpeTokenizer(BpeParts parts, const std::string& source)
    : parts_(std::move(parts)), splitter_(parts_.pre_tokenizer, source) {
    std::vector<AddedToken> first, second;
    std::vector<bool> added(parts_.tokens.size());
    special_.resize(parts_.tokens.size());
    for (const auto& token : parts_.added) {
        (token.normalized ? second : first).push_back(token);
        added[static_cast<std::size_t>(token.id)] = true;
        if (token.special) special_[static_cast<std::size_t>(token.id)] = true;
    }
    first_ = AddedTokens(first);
    second_ = AddedTokens(second);
    bytes_.fill(no_id);
    for (std::size_t id = 0; id < parts_.tokens.size(); ++id) {
        const std::string& text = parts_.tokens[id];
        if (added[id] || text.empty()) continue;
        if (text.size() == 1) bytes_[static_cast<unsigned char>(text[0])] = static_cast<Id>(id);
        if (parts_.ignore_merges) whole_.emplace(text, static_cast<Id>(id));
    }
    rules_.reserve(parts_.merges.size());
    for (const auto& merge : parts_.merges)
        rules_.emplace(pair_key(merge.left, merge.right),
                       Rule{static_cast<std::int32_t>(rules_.size()), merge.product});
}

std::vector<std::int64_t> BpeTokenizer::encode(std::string_view text) const {
    Call call;
    const auto walk = [](std::string_view whole, const AddedTokens& tokens, Call& to,
                         const auto& plain) {
        std::size_t done = 0;
        while (const auto found = tokens.find(whole, done)) {
            plain(whole.substr(done, found->begin - done));
            to.ids.push_back(found->id);
            done = found->end;
        }
        plain(whole.substr(done));
    };
    walk(text, first_, call, [&](std::string_view between) {
        walk(between, second_, call, [&](std::string_view plain) { encode_plain(plain, call); });
    });
    return std::move(call.ids);
}

void BpeTokenizer::encode_plain(std::string_view text, Call& call) const {
    if (text.empty()) return;
    call.pieces.views.clear();  // but not `owned`, which `known` points into
    splitter_.split(text, call.pieces);
    for (const std::string_view piece : call.pieces.views) encode_piece(piece, call);
}

void BpeTokenizer::encode_piece(std::string_view piece, Call& call) const {
    if (piece.size() == 1) {
        const Id id = bytes_[static_cast<unsigned char>(piece[0])];
        if (id != no_id) call.ids.push_back(id);
        return;
    }
    const auto [entry, unknown] = call.known.try_emplace(piece);
    auto& [begin, end] = entry->second;
    if (!unknown) {
        for (std::size_t i = begin; i < end; ++i) {
            const std::int64_t id = call.ids[i];
            call.ids.push_back(id);
        }
        return;
    }
    begin = call.ids.size();
    const auto whole = whole_.find(piece);
    if (whole != whole_.end())
        call.ids.push_back(whole->second);
    else
        merge(piece, call);
    end = call.ids.size();
}

void BpeTokenizer::merge(std::string_view piece, Call& call) const {
    auto& symbols = call.symbols;
    symbols.clear();
    for (const char c : piece) {
        const Id id = bytes_[static_cast<unsigned char>(c)];
        const std::size_t at = symbols.size();
        if (id != no_id) symbols.push_back({id, at - 1, at + 1});
    }
    const std::size_t count = symbols.size();
    const auto propose = [&](std::size_t at) {
        if (symbols[at].next >= count) return;
        const Id left = symbols[at].id, right = symbols[symbols[at].next].id;
        const auto rule = rules_.find(pair_key(left, right));
        if (rule != rules_.end())
            call.candidates.push({rule->second.rank, at, left, right, rule->second.product});
    };
    for (std::size_t at = 0; at < count; ++at) propose(at);
    while (!call.candidates.empty()) {
        const auto best = call.candidates.top();
        call.candidates.pop();
        Call::Symbol& left = symbols[best.at];
        // A candidate is out of date when one of its two has been merged meanwhile.
        if (left.id != best.left || left.next >= count || symbols[left.next].id != best.right)
            continue;
        Call::Symbol& right = symbols[left.next];
        left.id = best.product;
        left.next = right.next;
        right.id = no_id;
        if (left.next < count) symbols[left.next].previous = best.at;
        propose(best.at);
        if (best.at > 0) propose(left.previous);
    }
    for (std::size_t at = 0; at < count; at = symbols[at].next) call.ids.push_back(symbols[at].id);
}

std::string BpeTokenizer::decode(const std::vector<std::int64_t>& ids) const {
    std::string text;
    for (const auto id : ids) {
        const std::string* token = text_of(id);
        if (token && !special_[static_cast<std::size_t>(id)]) text += *token;
    }
    return text;
}

std::string BpeTokenizer::label(std::int64_t id) const {
    const std::string* token = text_of(id);
    return token ? text_label(*token) : id_label(id);
}

}  // namespace

std::shared_ptr<const Tokenizer> bpe_tokenizer(BpeParts parts, const std::string& source) {
    return std::make_shared<BpeTokenizer>(std::move(parts), source);
}

const BpeParts* bpe_parts(const Tokenizer& tokenizer) {
    const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
    return bpe ? &bpe->parts() : nullptr;
}

}  // namespace sf
