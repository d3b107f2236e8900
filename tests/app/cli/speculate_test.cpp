// `generate --speculate`: the text of the shipped model stays, and what is reported adds up.
#include "tests/app/cli/process.h"

#include <gtest/gtest.h>
#include <cmath>
#include <nlohmann/json.hpp>

namespace sf::test {
namespace {

using nlohmann::json;

json generated(const Folder& folder, std::vector<std::string> more) {
    std::vector<std::string> arguments{"generate", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome o = run(arguments, folder.path());
    EXPECT_EQ(o.status, 0) << o.err;
    return json::parse(o.out);
}

TEST(Speculate, GreedyTextOfTheShippedModelStays) {
    const Folder folder;
    for (const std::string prompt : {"Tom has the red ball.", "23 + 45 =", "a = 3; b = a + 4;"}) {
        const std::vector<std::string> plain{"--prompt", prompt, "--max-new", "64", "--greedy"};
        const json one = generated(folder, plain);
        EXPECT_FALSE(one.contains("acceptance"));
        for (const std::string drafts : {"1", "2", "3", "7", "auto"}) {
            std::vector<std::string> with = plain;
            with.insert(with.end(), {"--speculate", drafts});
            const json many = generated(folder, with);
            EXPECT_EQ(many["sequences"], one["sequences"]) << prompt << drafts;
            EXPECT_GT(many["acceptance"], 0.2);
            EXPECT_LE(many["acceptance"], 1);
            EXPECT_GT(many["tokens_per_pass"], 1.2);
        }
    }
}

TEST(Speculate, CountsOverAllSequences) {
    const Folder folder;
    spill(folder / "ids.json", "[[5, 9, 200], [7], [3, 4]]");
    const json all = generated(folder, {"--ids", "ids.json", "--max-new", "10", "--temperature",
                                        "1", "--speculate", "2", "--seed", "4"});
    ASSERT_EQ(all["sequences"].size(), 3u);
    for (const json& s : all["sequences"]) EXPECT_EQ(s["ids"].size(), 10u);
    // 30 tokens in so many whole passes.
    const double passes = 30 / all["tokens_per_pass"].get<double>();
    EXPECT_NEAR(passes, std::round(passes), 1e-6);
    EXPECT_LE(passes, 30);
}

TEST(Speculate, SaysWhatItDidOnStderr) {
    const Folder folder;
    const Outcome o =
        run({"generate", "--prompt", "Tom", "--max-new", "9", "--greedy", "--speculate", "2"},
            folder.path());
    EXPECT_EQ(o.status, 0);
    EXPECT_NE(o.err.find("drafts accepted"), std::string::npos) << o.err;
}

}  // namespace
}  // namespace sf::test
