// `train`: what it makes, what it refuses, and that a run killed at any moment goes on as if
// nothing had been.
#include "core/random.h"
#include "tests/app/cli/process.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace sf::test {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

Words small(const std::string& out, int steps, const Words& more = {}) {
    Words words = {"train", "--preset", "nano",  "--steps", std::to_string(steps), "--out", out,
                   "--set", "batch=2",  "--set", "seq=32",  "--threads",           "1"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

std::string weights(const fs::path& folder) {
    return slurp(folder / "model.safetensors");
}

TEST(Train, WritesAModelThatRuns) {
    const Folder folder;
    const Outcome made = run(small("m", 12, {"--json", "--set", "report_every=5"}), folder.path());
    ASSERT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(folder.files(), (std::set<std::string>{"m", "m/config.json", "m/history.safetensors",
                                                     "m/model.safetensors", "m/tokenizer.json",
                                                     "m/train_state.safetensors"}));
    std::vector<int> steps;
    std::istringstream lines(made.out);
    for (std::string line; std::getline(lines, line);) {
        const json report = json::parse(line);
        steps.push_back(report.at("step"));
        for (const char* field :
             {"loss", "heldout_loss", "bigram_loss", "grad_norm", "tokens_per_second"})
            EXPECT_TRUE(report.at(field).is_number()) << field;
        EXPECT_EQ(report.at("mtp_loss").size(), 1U);
        EXPECT_EQ(report.at("violation").size(), 3U);
    }
    EXPECT_EQ(steps, (std::vector<int>{1, 5, 10, 12}));
    const Outcome text =
        run({"generate", "--model", "m", "--prompt", "Mia", "--max-new", "3"}, folder.path());
    EXPECT_EQ(text.status, 0) << text.err;
}

TEST(Train, ParallelMtpModulesAreASettingOfTheModel) {
    const Folder folder;
    const Outcome made =
        run(small("m", 4, {"--set", "mtp_kind=parallel", "--json"}), folder.path());
    ASSERT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(json::parse(slurp(folder / "m/config.json")).at("mtp_kind"), "parallel");
    const auto tokens = [&](const Words& more) {
        Words words = {"generate", "--model", "m", "--prompt", "Mia", "--max-new", "9", "--json"};
        words.insert(words.end(), more.begin(), more.end());
        const Outcome text = run(words, folder.path());
        EXPECT_EQ(text.status, 0) << text.err;
        return json::parse(text.out).at("sequences").at(0).at("ids");
    };
    EXPECT_EQ(tokens({"--greedy", "--speculate", "2"}), tokens({"--greedy"}));
    const Outcome wrong = run(small("n", 4, {"--set", "mtp_kind=tree"}), folder.path());
    EXPECT_EQ(wrong.status, 2);
    EXPECT_NE(wrong.err.find("mtp_kind: must be chain or parallel"), std::string::npos)
        << wrong.err;
}

TEST(Train, TheSameSeedGivesTheSameBytes) {
    const Folder folder;
    Words threads = small("b", 6);
    threads.back() = "3";
    EXPECT_EQ(run(small("a", 6), folder.path()).status, 0);
    EXPECT_EQ(run(threads, folder.path()).status, 0);
    EXPECT_EQ(run(small("c", 6, {"--seed", "1"}), folder.path()).status, 0);
    EXPECT_EQ(weights(folder / "a"), weights(folder / "b"));
    EXPECT_NE(weights(folder / "a"), weights(folder / "c"));
}

TEST(Train, AnInterruptFinishesTheStepAndSaves) {
    const Folder folder;
    Process process(small("m", 100000), folder.path());
    while (process.out().find("step") == std::string::npos)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    process.send(SIGINT);
    const Outcome stopped = process.wait();
    EXPECT_EQ(stopped.status, 130) << stopped.err;
    EXPECT_NE(stopped.err.find("--resume"), std::string::npos);
    EXPECT_EQ(folder.files().count("m/train_state.safetensors"), 1U);
    // It goes on from there.
    const Outcome again = run({"train", "--out", "m", "--resume", "--steps", "1"}, folder.path());
    EXPECT_EQ(again.status, 0) << again.err;
    EXPECT_NE(again.err.find("already"), std::string::npos) << again.err;
}

// The pace of the learning rate is that of the whole run, wherever it rests.
TEST(Train, RestsBehindAStepAndGoesOnBitForBit) {
    const Folder folder;
    EXPECT_EQ(run(small("whole", 9), folder.path()).status, 0);
    const Outcome first = run(small("m", 9, {"--until", "4"}), folder.path());
    EXPECT_EQ(first.status, 0) << first.err;
    EXPECT_NE(first.err.find("stopped after step 4 of 9"), std::string::npos) << first.err;
    EXPECT_NE(weights(folder / "m"), weights(folder / "whole"));
    const Outcome again = run(small("m", 9, {"--resume", "--until", "4"}), folder.path());
    EXPECT_EQ(again.status, 0) << again.err;
    EXPECT_NE(again.err.find("--until asks for more"), std::string::npos) << again.err;
    EXPECT_EQ(run(small("m", 9, {"--resume", "--until", "20"}), folder.path()).status, 0);
    EXPECT_EQ(weights(folder / "m"), weights(folder / "whole"));
}

TEST(Train, KilledAtAnyMomentItGoesOnBitForBit) {
    const Folder folder;
    const auto arguments = [](const std::string& out, bool resume) {
        Words words = small(out, 40, {"--checkpoint-every", "7"});
        if (resume) words.push_back("--resume");
        return words;
    };
    ASSERT_EQ(run(arguments("whole", false), folder.path()).status, 0);
    // Long runs kill it at twenty moments (tests/app/cli/kill_test.sh); a few do here.
    for (std::uint64_t i = 0; i < 5; ++i) {
        Process process(arguments("killed", true), folder.path());
        std::this_thread::sleep_for(
            std::chrono::milliseconds(static_cast<int>(60 + 400 * random_uniform(7, 7, i))));
        process.send(SIGKILL);
        process.wait();
    }
    const Outcome last = run(arguments("killed", true), folder.path());
    ASSERT_EQ(last.status, 0) << last.err;
    EXPECT_EQ(weights(folder / "killed"), weights(folder / "whole"));
    for (const std::string& file : folder.files())
        EXPECT_EQ(file.find(".tmp"), std::string::npos) << file;
}

struct Refusal {
    Words words;
    Words said;
};

TEST(Train, MistakesAreOneSentenceAndLeaveNothing) {
    const Folder folder;
    spill(folder / "empty.txt", "");
    spill(folder / "one.txt", "x");
    spill(folder / "binary.bin", std::string("ab\0cd", 5));
    spill(folder / "small.txt", "the cat sat on the mat and the cat sat on the hat\n");
    fs::create_directory(folder / "full");
    spill(folder / "full/notes.txt", "mine");
    const auto before = folder.files();
    const std::vector<Refusal> refusals = {
        {{"train", "--preset", "nano", "--out", "m"}, {"--steps"}},
        {{"train", "--preset", "nano", "--steps", "0", "--out", "m"}, {"--steps", "0"}},
        {{"train", "--preset", "nano", "--steps", "5"}, {"--out"}},
        {{"train", "--steps", "5", "--out", "m"}, {"--preset"}},
        {{"train", "--preset", "pico", "--steps", "5", "--out", "m"}, {"pico"}},
        {{"train", "--preset", "nano", "--config", "c.json", "--steps", "5", "--out", "m"},
         {"--preset", "--config"}},
        {small("full", 5), {"full", "not empty"}},
        {small("full", 5, {"--resume"}), {"full", "train_state"}},
        {{"train", "--out", "m", "--resume", "--steps", "5"}, {"m"}},
        {small("m", 5, {"--corpus", "empty.txt"}), {"empty.txt"}},
        {small("m", 5, {"--corpus", "one.txt"}), {"one.txt"}},
        {small("m", 5, {"--corpus", "binary.bin"}), {"binary.bin"}},
        {small("m", 5, {"--corpus", "none.txt"}), {"none.txt"}},
        {small("m", 5, {"--corpus", "small.txt", "--set", "vocab_size=4000"}),
         {"small.txt", "4000"}},
        {small("m", 5, {"--set", "lr=fast"}), {"lr", "fast"}},
        {small("m", 5, {"--set", "speed=1"}), {"speed"}},
        {small("m", 5, {"--set", "balance=most"}), {"balance", "most"}},
        {small("m", 5, {"--set", "n_group=3"}), {"n_group"}},
        {small("m", 5, {"--set", "seq=100000"}), {"seq"}},
        {small("m", 5, {"--set", "corpus.poems=2"}), {"poems"}},
        {small("m", 5, {"--until", "0"}), {"--until"}},
        {small("m", 5, {"--set", "whole=1", "--set", "seq=6"}), {"whole", "seq=6"}},
    };
    for (const Refusal& r : refusals) {
        std::string line;
        for (const auto& w : r.words) line += w + " ";
        SCOPED_TRACE(line);
        const Outcome outcome = run(r.words, folder.path());
        EXPECT_EQ(outcome.status, 2) << outcome.err;
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
        for (const auto& said : r.said)
            EXPECT_NE(outcome.err.find(said), std::string::npos) << outcome.err;
        EXPECT_EQ(folder.files(), before);
    }
}

TEST(Train, ADamagedOrForeignStateIsRefused) {
    const Folder folder;
    ASSERT_EQ(run(small("m", 3), folder.path()).status, 0);
    const std::string state = slurp(folder / "m/train_state.safetensors");
    const Words resume = small("m", 6, {"--resume"});
    const Outcome shape =
        run(small("m", 6, {"--resume", "--set", "hidden_size=32"}), folder.path());
    EXPECT_EQ(shape.status, 2);
    EXPECT_NE(shape.err.find("shape"), std::string::npos) << shape.err;
    const Outcome seed = run(small("m", 6, {"--resume", "--seed", "4"}), folder.path());
    EXPECT_EQ(seed.status, 2);
    EXPECT_NE(seed.err.find("--seed"), std::string::npos) << seed.err;
    spill(folder / "m/train_state.safetensors", state.substr(0, state.size() / 2));
    const Outcome half = run(resume, folder.path());
    EXPECT_EQ(half.status, 2);
    EXPECT_NE(half.err.find("train_state.safetensors"), std::string::npos) << half.err;
    EXPECT_EQ(slurp(folder / "m/train_state.safetensors"), state.substr(0, state.size() / 2));
}

TEST(Train, ANonFiniteLossNamesStepAndTensorAndKeepsTheLastGoodState) {
    const Folder folder;
    const Outcome outcome = run(small("m", 400,
                                      {"--set", "lr=10", "--set", "clip=0", "--set", "warmup=0",
                                       "--set", "weight_decay=1"}),
                                folder.path());
    EXPECT_EQ(outcome.status, 2);
    for (const char* said : {"step ", "not a finite number", "first seen in", "last good state"})
        EXPECT_NE(outcome.err.find(said), std::string::npos) << outcome.err;
    const Outcome text =
        run({"generate", "--model", "m", "--prompt", "a", "--max-new", "1"}, folder.path());
    EXPECT_EQ(text.status, 0) << text.err;
}

TEST(Train, AFullDiskKeepsWhatWasThere) {
    if (!fs::exists("/dev/full")) GTEST_SKIP();
    const Folder folder;
    ASSERT_EQ(run(small("m", 3), folder.path()).status, 0);
    const std::string state = slurp(folder / "m/train_state.safetensors");
    // The state's name leads to a device that is always full.
    fs::rename(folder / "m/model.safetensors", folder / "m/kept");
    fs::create_symlink("/dev/full", folder / "m/model.safetensors");
    const Outcome outcome = run({"train", "--out", "m", "--resume", "--steps", "5"}, folder.path());
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find("model.safetensors"), std::string::npos) << outcome.err;
    fs::remove(folder / "m/model.safetensors");
    const Outcome again = run({"train", "--out", "m", "--resume", "--steps", "6"}, folder.path());
    EXPECT_EQ(again.status, 0) << again.err;
}

}  // namespace
}  // namespace sf::test
