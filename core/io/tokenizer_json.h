#pragma once

#include "core/text/bpe.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sf {

// Hugging Face's tokenizer.json of a byte-level BPE: model BPE, pre_tokenizer ByteLevel, before it
// any Split and Digits, decoder ByteLevel, no normalizer. Everything else that would change ids is
// refused, not guessed: UserError naming file, field and reason. Encoding gives the ids of the text
// alone: what a post_processor puts around it (TemplateProcessing) is left out.
std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view json, const std::string& file);
std::shared_ptr<const Tokenizer> read_tokenizer(const std::filesystem::path& file);

// What parse_tokenizer and Hugging Face's library read back with the same ids. A byte tokenizer is
// a BPE without merges.
std::string tokenizer_json(const Tokenizer& tokenizer);

}  // namespace sf
