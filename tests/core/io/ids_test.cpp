#include "core/io/ids.h"

#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>
#include <ostream>

namespace sf {
namespace {

using test::Scratch;
using test::user_error;
using Rows = std::vector<std::vector<std::int64_t>>;

TEST(Ids, one_list_or_a_batch) {
    EXPECT_EQ(parse_ids("[1, 2, 3]", "x"), (Rows{{1, 2, 3}}));
    EXPECT_EQ(parse_ids("[[1, 2], [3]]", "x"), (Rows{{1, 2}, {3}}));
    EXPECT_EQ(parse_ids("[9223372036854775807]", "x"), (Rows{{9223372036854775807}}));
    EXPECT_EQ(read_ids(test::reference("A/input_ids.json")).size(), 2U);
}

struct Bad {
    const char* text;
    const char* sentence;
};
void PrintTo(const Bad& b, std::ostream* out) {
    *out << b.text;
}
class BadIds : public testing::TestWithParam<Bad> {};

TEST_P(BadIds, one_sentence) {
    EXPECT_EQ(
        user_error([&] { parse_ids(GetParam().text, "ids.json"); }).rfind(GetParam().sentence, 0),
        0U)
        << user_error([&] { parse_ids(GetParam().text, "ids.json"); });
}

INSTANTIATE_TEST_SUITE_P(
    all, BadIds,
    testing::Values(Bad{"", "ids.json: is not JSON"}, Bad{"[1", "ids.json: is not JSON"},
                    Bad{"[]", "ids.json: the list of ids is empty"},
                    Bad{"[[]]", "ids.json: sequence 0: is empty"},
                    Bad{"[[1], []]", "ids.json: sequence 1: is empty"},
                    Bad{"{}", "ids.json: must be a list of ids, got an object"},
                    Bad{"5", "ids.json: must be a list of ids"},
                    Bad{"[1, [2]]", "ids.json: position 1: an id must be a whole number"},
                    Bad{"[[1], 2]", "ids.json: sequence 1: must be a list like the first"},
                    Bad{"[[[1]]]", "ids.json: sequence 0, position 0: an id must be"},
                    Bad{"[1.5]", "ids.json: position 0: an id must be a whole number, got the"},
                    Bad{"[\"a\"]", "ids.json: position 0: an id must be a whole number"},
                    Bad{"[null]", "ids.json: position 0: an id must be a whole number"},
                    Bad{"[0, -1]", "ids.json: position 1: an id must not be negative"},
                    Bad{"[18446744073709551615]", "ids.json: position 0: an id must not be"},
                    Bad{"[99999999999999999999]", "ids.json: position 0: an id must be a whole"}));

TEST(Ids, the_file_is_named) {
    Scratch folder;
    EXPECT_EQ(user_error([&] { read_ids(folder / "ids.json"); }),
              (folder / "ids.json").string() + ": no such file");
}

}  // namespace
}  // namespace sf
