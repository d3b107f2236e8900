// `eval`: the JSON that scripts read, the tables that people read, and every mistake.
#include "tests/app/cli/process.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace sf::test {
namespace {

using nlohmann::json;

std::string lines_of_text() {
    std::string text;
    for (int i = 0; i < 400; ++i) text += "line " + std::to_string(i) + " of a text\n";
    return text;
}

TEST(Eval, JsonOfTheGeneratedCorpus) {
    const Folder folder;
    const Outcome o =
        run({"eval", "--preset", "nano", "--seed", "3", "--set", "corpus.story=0", "--json"},
            folder.path());
    ASSERT_EQ(o.status, 0) << o.err;
    EXPECT_EQ(o.err, "");
    EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 1);
    const json e = json::parse(o.out);
    EXPECT_GE(e["tokens"], 8192);
    EXPECT_GT(e["loss"], 4.0);  // untrained: about ln 258
    EXPECT_LT(e["loss"], 7.0);
    EXPECT_GT(e["floor"], 0.1);
    EXPECT_LT(e["floor"], e["bigram_loss"]);
    EXPECT_LT(e["bigram_loss"], e["loss"]);
    EXPECT_NEAR(e["floor"].get<double>(), e["entropy"].get<double>(), 0.05);
    EXPECT_TRUE(e["exact_match"].is_number());
    ASSERT_EQ(e["kinds"].size(), 6u);
    for (const json& kind : e["kinds"]) {
        EXPECT_TRUE(kind["kind"].is_string());
        EXPECT_GE(kind["answers"], 100);
        EXPECT_GE(kind["documents"], 100);
        EXPECT_GE(kind["exact_match"], 0);
        EXPECT_LT(kind["floor"], kind["loss"]);
        EXPECT_EQ(kind["mtp_acceptance"].size(), 1u);
    }
    EXPECT_EQ(e["mtp_agreement"].size(), 1u);
    EXPECT_EQ(e["mtp_accuracy"].size(), 1u);
    ASSERT_EQ(e["violation"].size(), 3u);  // layers.1, layers.2, mtp.1
    ASSERT_EQ(e["experts"].size(), 3u);
    const json& matrix = e["experts"]["mtp.1"];
    ASSERT_EQ(matrix.size(), 6u);
    std::int64_t all = 0;
    for (const json& row : matrix) {
        EXPECT_EQ(row.size(), 8u);
        for (const json& load : row) all += load.get<std::int64_t>();
    }
    // Module 1 reads every token that is foretold, each with two experts.
    EXPECT_EQ(all, 2 * e["tokens"].get<std::int64_t>());
    EXPECT_GT(e["specialisation"]["layers.1"], 0);
}

TEST(Eval, AFileHasNoFloor) {
    const Folder folder;
    spill(folder / "text.txt", lines_of_text());
    const auto before = folder.files();
    const Outcome o =
        run({"eval", "--preset", "nano", "--corpus", "text.txt", "--json"}, folder.path());
    ASSERT_EQ(o.status, 0) << o.err;
    const json e = json::parse(o.out);
    EXPECT_TRUE(e["floor"].is_null());
    EXPECT_TRUE(e["exact_match"].is_null());
    EXPECT_GT(e["loss"], e["bigram_loss"]);
    ASSERT_EQ(e["kinds"].size(), 1u);
    EXPECT_EQ(e["kinds"][0]["kind"], "text.txt");
    EXPECT_TRUE(e["kinds"][0]["exact_match"].is_null());
    EXPECT_EQ(e["violation"].size(), 3u);
    EXPECT_EQ(run({"eval", "--preset", "nano", "--corpus", "text.txt", "--json", "--threads", "3"},
                  folder.path())
                  .out,
              o.out);
    EXPECT_EQ(folder.files(), before);
}

TEST(Eval, TablesForPeople) {
    const Folder folder;
    spill(folder / "text.txt", lines_of_text());
    const Outcome table = run({"eval", "--preset", "nano", "--corpus", "text.txt"}, folder.path());
    ASSERT_EQ(table.status, 0) << table.err;
    for (const char* const said : {"untrained", "text.txt", "layers.1", "mtp.1", "acceptance"})
        EXPECT_NE(table.out.find(said), std::string::npos) << said << " in\n" << table.out;
    const Outcome markdown =
        run({"eval", "--preset", "nano", "--corpus", "text.txt", "--markdown"}, folder.path());
    EXPECT_EQ(markdown.out.rfind("| kind | loss | floor | bigram | exact | answers | MTP 1 |\n"
                                 "|---|--:|--:|--:|--:|--:|--:|\n| text.txt | ",
                                 0),
              0u)
        << markdown.out;
}

struct Mistake {
    std::string name;
    std::vector<std::string> arguments, said;
};
void PrintTo(const Mistake& mistake, std::ostream* out) {
    *out << mistake.name;
}
class EvalMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(EvalMistakes, OneSentence) {
    const Folder folder;
    spill(folder / "empty.txt", "");
    spill(folder / "binary.txt", std::string("ab\0cd", 5));
    std::vector<std::string> arguments = {"eval"};
    arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
    const Outcome o = run(arguments, folder.path());
    EXPECT_EQ(o.status, 2);
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    for (const auto& part : GetParam().said)
        EXPECT_NE(o.err.find(part), std::string::npos) << "'" << part << "' not in: " << o.err;
}

INSTANTIATE_TEST_SUITE_P(
    Eval, EvalMistakes,
    ::testing::Values(
        Mistake{"no_tokenizer", {"--model", reference("A")}, {"A", "no tokenizer", "held-out"}},
        Mistake{"no_model", {"--model", "nowhere"}, {"nowhere", "not a folder"}},
        Mistake{"two_models", {"--model", "m", "--preset", "nano"}, {"--model", "--preset"}},
        Mistake{"two_outputs", {"--json", "--markdown"}, {"--json", "--markdown"}},
        Mistake{"corpus_missing", {"--corpus", "nowhere.txt"}, {"nowhere.txt"}},
        Mistake{"corpus_empty", {"--corpus", "empty.txt"}, {"empty.txt", "empty"}},
        Mistake{"corpus_binary", {"--corpus", "binary.txt"}, {"binary.txt", "2"}},
        Mistake{"corpus_unnamed", {"--corpus", ""}, {"--corpus", "empty"}},
        Mistake{"kind_unknown", {"--set", "corpus.poem=1"}, {"corpus.poem", "story"}},
        Mistake{"weight_negative", {"--set", "corpus.story=-1"}, {"corpus.story"}},
        Mistake{"no_kind", {"--set", "lr=1"}, {"lr=1", "corpus.KIND=WEIGHT"}},
        Mistake{"set_of_a_file",
                {"--corpus", "empty.txt", "--set", "corpus.story=1"},
                {"corpus.story=1", "file"}},
        Mistake{"threads_none", {"--threads", "0"}, {"--threads", "'0'"}},
        Mistake{"backend_gl", {"--backend", "gl"}, {"--backend", "GL"}},
        Mistake{"prompt", {"--prompt", "the cat"}, {"eval", "--prompt"}}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace sf::test
