#include "core/text/corpus_file.h"

#include "core/error.h"
#include "core/io/files.h"
#include "core/text/tokenizer.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sf {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool continues_character(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Where the held-out part begins: in the first half of the last tenth, as good as it goes.
std::size_t cut_of(std::string_view text) {
    const std::size_t tenth = std::max<std::size_t>(text.size() / 10, 1);
    const std::size_t earliest = text.size() - tenth;
    const std::string_view near = text.substr(earliest, tenth / 2);
    if (const auto at = near.find('\n'); at != near.npos) return earliest + at + 1;
    if (const auto at = near.find(' '); at != near.npos && earliest + at > 0) return earliest + at;
    std::size_t cut = earliest;
    while (cut > 0 && continues_character(text[cut])) --cut;
    return cut;
}

}  // namespace

CorpusFile::CorpusFile(std::string text)
    : text_(std::make_shared<const std::string>(std::move(text))), cut_(cut_of(*text_)) {
    assert(cut_ > 0 && cut_ < text_->size());
}

CorpusFile read_corpus_file(const std::filesystem::path& file, std::int64_t limit) {
    std::string text = read_file(file, limit);
    const std::string_view bytes = text;
    const auto refuse = [&](const std::string& reason) {
        throw UserError(file.string(), "", reason);
    };
    const auto zero = bytes.find('\0');
    const auto invalid = first_invalid_utf8(bytes.substr(0, zero));
    if (invalid)
        refuse("is not UTF-8 text: byte " + std::to_string(*invalid) + " begins no character");
    if (zero != bytes.npos) refuse("is not text: byte " + std::to_string(zero) + " is zero");
    if (bytes.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
    if (text.empty()) refuse("is empty");
    if (std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }) < 2)
        refuse("is a single character, and a part of the text must be held out");
    return CorpusFile(std::move(text));
}

}  // namespace sf
