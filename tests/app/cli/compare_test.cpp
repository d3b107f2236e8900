// --compare on the command line.
#include "core/model/model.h"
#include "core/run/runner.h"
#include "tests/app/cli/process.h"
#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf::test {
namespace {

using Words = std::vector<std::string>;

// Two small runs of one seed, made once.
class Compare : public testing::Test {
protected:
    static void SetUpTestSuite() {
        folder_ = new Folder;
        for (const std::string mode : {"none", "bias"}) {
            const Outcome made =
                run({"train", "--preset", "nano", "--steps", "6", "--set", "batch=2", "--set",
                     "seq=16", "--set", "balance=" + mode, "--out", mode},
                    folder_->path());
            ASSERT_EQ(made.status, 0) << made.err;
        }
    }
    static void TearDownTestSuite() {
        delete folder_;
        folder_ = nullptr;
    }
    static Outcome with(Words words, const Words& more) {
        words.insert(words.end(), {"--model", "none", "--prompt", "Tom has"});
        words.insert(words.end(), more.begin(), more.end());
        return run(words, folder_->path());
    }
    static Folder* folder_;
};
Folder* Compare::folder_ = nullptr;

TEST_F(Compare, TheInspectorSetsATensorAgainstThatOfAnotherRun) {
    const Outcome o =
        with({"describe", "inspector"},
             {"--compare", "bias=other", "--set", "node=logits", "--set", "compare=run:other"});
    ASSERT_EQ(o.status, 0) << o.err;
    // By hand, from both models.
    const ModelPtr a = load_model(*folder_ / "none"), b = load_model(*folder_ / "bias");
    const TracePtr of_a = run_trace(a, {a->encode("Tom has")}),
                   of_b = run_trace(b, {b->encode("Tom has")});
    const Tensor &x = *of_a->find("logits"), &y = *of_b->find("logits");
    double largest = 0;
    for (std::int64_t i = 0; i < x.size(); ++i)
        largest = std::max(largest, std::fabs(x.at(i) - y.at(i)));
    ASSERT_GT(largest, 0);
    EXPECT_NE(o.out.find("Against the same tensor in run other the largest difference is " +
                         format_number(largest)),
              std::string::npos)
        << o.out;
}

TEST_F(Compare, FiguresNameTheRunsThatTheyShow) {
    const Outcome o = with(
        {"figure", "inspector", "-o", "a.svg"},
        {"--compare", "bias", "--set", "node=layers.1.router_scores", "--set", "compare=run:bias"});
    ASSERT_EQ(o.status, 0) << o.err;
    const std::string svg = slurp(*folder_ / "a.svg");
    EXPECT_NE(svg.find("layers.1.router_scores in bias"), std::string::npos);
    EXPECT_NE(svg.find("--compare bias"), std::string::npos) << "the command that makes it";
    // At a kept step of training both are the probes of that step.
    const Outcome early =
        run({"describe", "inspector", "--model", "none", "--train-step", "0", "--compare", "bias",
             "--set", "node=logits", "--set", "compare=run:bias"},
            folder_->path());
    ASSERT_EQ(early.status, 0) << early.err;
    EXPECT_NE(early.out.find("run bias the largest difference is 0"), std::string::npos)
        << early.out;
    // A picture that shows no run does not ask for one.
    ASSERT_EQ(with({"figure", "map", "-o", "m.svg"}, {"--compare", "bias"}).status, 0);
    EXPECT_EQ(slurp(*folder_ / "m.svg").find("--compare"), std::string::npos);
    ASSERT_EQ(with({"figure", "map", "-o", "n.svg"}, {}).status, 0);
    EXPECT_EQ(slurp(*folder_ / "m.svg"), slurp(*folder_ / "n.svg"));
}

TEST_F(Compare, TheWindowShowsTwoRunsSideBySide) {
    const Outcome o = with({"shot", "-o", "w.png"}, {"--compare", "bias", "--do", "compare bias"});
    if (o.status == 1) GTEST_SKIP() << o.err;
    ASSERT_EQ(o.status, 0) << o.err;
    EXPECT_GT(fs::file_size(*folder_ / "w.png"), 10000U);
    EXPECT_EQ(with({"shot", "-o", "x.png"}, {"--do", "compare bias"}).status, 2);
    EXPECT_EQ(with({"shot", "-o", "x.png"}, {"--do", "run-load nowhere"}).status, 2);
    EXPECT_FALSE(fs::exists(*folder_ / "x.png"));
}

TEST_F(Compare, RefusesInASentence) {
    struct Case {
        Words words, named;
    };
    const Case cases[] = {
        {{"--compare", "nowhere"}, {"--compare", "nowhere", "folder"}},
        {{"--compare", ""}, {"--compare", "folder"}},
        {{"--compare", "bias", "--compare", "none=bias"}, {"--compare", "'bias' already"}},
        {{"--compare", "bias="}, {"--compare", "name"}},
        {{"--compare", "bias=two words"}, {"--compare", "no space"}},
    };
    for (const Case& c : cases) {
        const Outcome o = with({"describe", "map"}, c.words);
        EXPECT_EQ(o.status, 2) << o.err;
        for (const std::string& word : c.named)
            EXPECT_NE(o.err.find(word), std::string::npos) << word << " in " << o.err;
    }
    const Outcome unknown = with({"describe", "inspector"}, {"--set", "compare=run:bias"});
    EXPECT_EQ(unknown.status, 0);
    EXPECT_EQ(unknown.out.find("Against"), std::string::npos);
    EXPECT_NE(run({"figure", "--help"}, folder_->path()).out.find("--compare"), std::string::npos);
}

}  // namespace
}  // namespace sf::test
