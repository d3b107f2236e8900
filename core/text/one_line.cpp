#include "core/text/one_line.h"

#include "core/text/tokenizer.h"

namespace sf {

std::string one_line(std::string_view text, std::size_t limit) {
    const bool cut = text.size() > limit;
    std::string_view kept = text.substr(0, limit);
    // A character that the cut went through is left out.
    if (cut)
        while (!kept.empty() && (static_cast<unsigned char>(kept.back()) & 0xC0) == 0x80)
            kept.remove_suffix(1);
    if (cut && !kept.empty() && static_cast<unsigned char>(kept.back()) >= 0xC0)
        kept.remove_suffix(1);
    std::string line = to_valid_utf8(kept);
    for (char& c : line)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    return cut ? line + "…" : line;
}

}  // namespace sf
