#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sf {

// A text of the user's to train on. Its last tenth is held out.
class CorpusFile {
public:
    // `text` must be valid UTF-8 and long enough to be cut (at least two characters).
    explicit CorpusFile(std::string text);

    std::string_view text() const { return *text_; }
    // Together the text: cut behind a newline where there is one near, else before a word, else
    // between two characters. Neither is empty.
    std::string_view train() const { return text().substr(0, cut_); }
    std::string_view held_out() const { return text().substr(cut_); }

private:
    std::shared_ptr<const std::string> text_;  // copies share it, views stay valid with any of them
    std::size_t cut_ = 0;
};

// Any UTF-8 text; a byte order mark at its begin is left out. Throws UserError naming the file when
// it is missing, a folder, larger than `limit` bytes, empty, of one character only, or not text
// (invalid UTF-8 or a zero byte, with the offset).
CorpusFile read_corpus_file(const std::filesystem::path& file,
                            std::int64_t limit = std::int64_t{1} << 30);

}  // namespace sf
