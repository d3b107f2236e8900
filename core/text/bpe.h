#pragma once

#include "core/text/split.h"
#include "core/text/tokenizer.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// A piece of text that is one id wherever it stands, found before the text is cut.
struct AddedToken {
    std::int64_t id = 0;
    std::string text;
    bool special = false;     // decoding gives nothing for it
    bool lstrip = false;      // takes the white space before it along
    bool rstrip = false;      // and behind it
    bool normalized = false;  // looked for after those that are not
    bool operator==(const AddedToken&) const = default;
};

// Two neighbouring ids become `product`; what was learned first is merged first.
struct BpeMerge {
    std::int32_t left = 0, right = 0, product = 0;
    bool operator==(const BpeMerge&) const = default;
};

// All that a byte-level BPE tokenizer is made of.
struct BpeParts {
    std::vector<std::string> tokens;  // the bytes of each id; empty: the id has no text
    std::vector<BpeMerge> merges;
    std::vector<AddedToken> added;  // their texts are in `tokens` too
    PreTokenizer pre_tokenizer;
    bool ignore_merges = false;  // a piece that is a token as a whole is not built by merging
    bool operator==(const BpeParts&) const = default;
};

// The parts must fit: ids inside `tokens`, no pair merged twice. `source` is named in errors of the
// pre-tokenizer's expressions, also in those that encode() throws. Bytes that no token stands for
// are left out by encode.
std::shared_ptr<const Tokenizer> bpe_tokenizer(BpeParts parts, const std::string& source);
// What `tokenizer` is made of, null when it is of another kind.
const BpeParts* bpe_parts(const Tokenizer& tokenizer);

constexpr std::string_view bos_text = "<|bos|>", eos_text = "<|eos|>";

struct BpeOptions {
    std::int64_t vocab_size = 512;
    std::int64_t bos_id = 256, eos_id = 257;  // different, inside the vocabulary
    std::string source;                       // the corpus' file name, for errors
};

// Byte pair encoding (Sennrich, Haddow & Birch 2016, algorithm 1) over bytes: the 256 bytes in
// order, then merges in the order learned, both laid around the special ids. The most frequent pair
// is merged next, of equally frequent ones that with the lower ids; a pair that occurs once is not
// merged. The same text gives the same tokenizer. Throws UserError naming source and sizes when the
// options do not fit or the text does not yield enough merges.
std::shared_ptr<const Tokenizer> train_bpe(std::span<const std::string_view> documents,
                                           const BpeOptions& options);

}  // namespace sf
