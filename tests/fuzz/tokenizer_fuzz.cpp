#include "core/error.h"
#include "core/io/tokenizer_json.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

// A tokenizer that is taken must be safe to use, on the file's own bytes among others, and must
// survive writing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view json(reinterpret_cast<const char*>(data), size);
    try {
        const auto tokenizer = sf::parse_tokenizer(json, "tokenizer.json");
        const auto again = sf::parse_tokenizer(sf::tokenizer_json(*tokenizer), "again");
        for (const std::string_view text :
             {std::string_view("The cat's 12 é你\xFF\n  <|bos|>"), json}) {
            const auto ids = tokenizer->encode(text);
            for (const auto id : ids)
                if (id < 0 || id >= tokenizer->vocab_size()) std::abort();
            if (again->encode(text) != ids || again->decode(ids) != tokenizer->decode(ids))
                std::abort();
        }
        for (std::int64_t id = -1; id < std::min<std::int64_t>(tokenizer->vocab_size(), 500); ++id)
            if (sf::first_invalid_utf8(tokenizer->label(id))) std::abort();
    } catch (const sf::UserError&) {
    }
    return 0;
}
