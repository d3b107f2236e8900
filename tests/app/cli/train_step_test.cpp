#include "tests/app/cli/process.h"

#include <gtest/gtest.h>

namespace sf::test {
namespace {

using Words = std::vector<std::string>;

// A small trained model, made once.
class TrainStep : public testing::Test {
protected:
    static void SetUpTestSuite() {
        folder_ = new Folder;
        const Outcome made = run({"train", "--preset", "nano", "--steps", "6", "--set", "batch=2",
                                  "--set", "seq=16", "--out", "run"},
                                 folder_->path());
        ASSERT_EQ(made.status, 0) << made.err;
    }
    static void TearDownTestSuite() {
        delete folder_;
        folder_ = nullptr;
    }
    static Outcome at(const std::string& step, Words words, const Words& more = {}) {
        words.insert(words.end(), {"--model", "run", "--train-step", step});
        words.insert(words.end(), more.begin(), more.end());
        return run(words, folder_->path());
    }
    static Folder* folder_;
};
Folder* TrainStep::folder_ = nullptr;

TEST_F(TrainStep, ShowsTheLatestKeptStepUpToIt) {
    const Outcome two = at("2", {"describe", "map"}), four = at("4", {"describe", "map"});
    EXPECT_EQ(two.status, 0) << two.err;
    EXPECT_NE(two.out.find("2 steps"), std::string::npos) << two.out;
    EXPECT_EQ(two.out.rfind("run ", 0), 0U) << "the model's own name: " << two.out;
    EXPECT_EQ(four.out, two.out);
    EXPECT_NE(at("5", {"describe", "map"}).out, two.out);
    EXPECT_EQ(at("0", {"describe", "map"}).status, 0);
}

TEST_F(TrainStep, DrawsAndSavesAndNamesItself) {
    const Outcome figure = at("4", {"figure", "map", "-o", "map.svg"});
    ASSERT_EQ(figure.status, 0) << figure.err;
    const std::string svg = slurp(*folder_ / "map.svg");
    EXPECT_NE(svg.find("--model run --train-step 2"), std::string::npos)
        << "the command that makes the same picture";
    EXPECT_EQ(svg.find("--prompt"), std::string::npos);
    ASSERT_EQ(at("4", {"trace", "-o", "t.safetensors"}).status, 0);
    const Outcome again = run({"describe", "map", "--trace", "t.safetensors"}, folder_->path());
    EXPECT_EQ(again.out, at("4", {"describe", "map"}).out);
    EXPECT_EQ(at("4", {"figure", "map", "--list"}).status, 0);
}

TEST_F(TrainStep, RefusesInASentence) {
    struct Case {
        Words words, more, named;
    };
    const Case cases[] = {
        {{"describe", "map"}, {"--prompt", "a"}, {"--prompt", "its own text"}},
        {{"describe", "map"}, {"--ids", "[1]"}, {"--ids", "its own text"}},
        {{"describe", "map"}, {"--trace", "t"}, {"--trace", "--train-step"}},
        {{"describe", "map"}, {"--attention", "absorbed"}, {"--train-step", "--attention"}},
        {{"trace", "-o", "x"}, {"--decode", "2"}, {"--decode", "--train-step"}},
        {{"generate"}, {"--max-new", "2"}, {"--train-step", "generate"}},
    };
    for (const Case& c : cases) {
        const Outcome o = at("2", c.words, c.more);
        EXPECT_EQ(o.status, 2) << o.err;
        for (const auto& word : c.named)
            EXPECT_NE(o.err.find(word), std::string::npos) << word << " in " << o.err;
    }
    for (const char* step : {"-1", "two", "1.5", ""})
        EXPECT_EQ(at(step, {"describe", "map"}).status, 2) << step;
    const Outcome none =
        run({"describe", "map", "--preset", "nano", "--train-step", "3"}, folder_->path());
    EXPECT_EQ(none.status, 2);
    EXPECT_NE(none.err.find("history"), std::string::npos) << none.err;
    EXPECT_NE(run({"figure", "--help"}, folder_->path()).out.find("--train-step"),
              std::string::npos);
}

TEST_F(TrainStep, ADamagedHistoryIsSaidAndTheModelRuns) {
    Folder damaged;
    fs::copy(*folder_ / "run", damaged / "run");
    fs::resize_file(damaged / "run/history.safetensors", 500);
    const Outcome runs =
        run({"describe", "map", "--model", "run", "--prompt", "a cat"}, damaged.path());
    EXPECT_EQ(runs.status, 0);
    EXPECT_NE(runs.err.find("history.safetensors"), std::string::npos) << runs.err;
    const Outcome shot =
        run({"shot", "--model", "run", "--prompt", "a cat", "-o", "s.png"}, damaged.path());
    if (shot.status != 1) {  // there is EGL
        EXPECT_EQ(shot.status, 0) << shot.err;
        EXPECT_NE(shot.err.find("history.safetensors"), std::string::npos) << shot.err;
    }
    const Outcome probe =
        run({"describe", "map", "--model", "run", "--train-step", "2"}, damaged.path());
    EXPECT_EQ(probe.status, 2);
    EXPECT_NE(probe.err.find("history.safetensors"), std::string::npos) << probe.err;
}

}  // namespace
}  // namespace sf::test
