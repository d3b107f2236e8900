// Training as a person would do it, for minutes: kills at twenty moments, English text, and what
// the modes of balance do.
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

std::vector<json> reports(const Outcome& outcome) {
    std::vector<json> list;
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);) list.push_back(json::parse(line));
    return list;
}

// A few hundred kB of English that is not ours: the licences that come with every Debian.
void write_english(const fs::path& file) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator("/usr/share/common-licenses"))
        if (entry.is_regular_file() && !entry.is_symlink()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::string text;
    for (const auto& f : files) text += slurp(f) + "\n";
    spill(file, text);
}

TEST(LongTraining, KilledTwentyTimesItEndsWithTheSameWeights) {
    const Folder folder;
    const auto words = [](const std::string& out) {
        return Words{"train",  "--preset",  "nano", "--steps", "600",     "--checkpoint-every",
                     "20",     "--out",     out,    "--set",   "batch=4", "--set",
                     "seq=64", "--threads", "2",    "--resume"};
    };
    ASSERT_EQ(run(words("whole"), folder.path()).status, 0);
    int kills = 0;
    for (std::uint64_t i = 0; i < 20; ++i) {
        Process process(words("killed"), folder.path());
        std::this_thread::sleep_for(
            std::chrono::milliseconds(static_cast<int>(20 + 700 * random_uniform(9, 9, i))));
        process.send(SIGKILL);
        kills += process.wait().status == 1000 + SIGKILL;
    }
    EXPECT_GE(kills, 10) << "the run ended before it could be killed";
    const Outcome last = run(words("killed"), folder.path());
    ASSERT_EQ(last.status, 0) << last.err;
    EXPECT_EQ(slurp(folder / "killed/model.safetensors"),
              slurp(folder / "whole/model.safetensors"));
}

TEST(LongTraining, EnglishFallsBelowBigramsAndTheBiasBalances) {
    if (!fs::exists("/usr/share/common-licenses")) GTEST_SKIP();
    const Folder folder;
    write_english(folder / "english.txt");
    std::map<std::string, std::vector<double>> violation;
    for (const std::string mode : {"bias+seq", "none"}) {
        const Outcome made =
            run({"train", "--preset", "micro", "--corpus", "english.txt", "--steps", "400", "--out",
                 mode, "--set", "balance=" + mode, "--json"},
                folder.path());
        ASSERT_EQ(made.status, 0) << made.err;
        const auto list = reports(made);
        const json& last = list.back();
        EXPECT_EQ(last.at("step"), 400);
        EXPECT_LT(last.at("heldout_loss"), last.at("bigram_loss")) << mode;
        // Still falling.
        const json& before = list[list.size() * 3 / 4];
        EXPECT_LT(last.at("heldout_loss"), before.at("heldout_loss")) << mode;
        violation[mode] = last.at("violation").get<std::vector<double>>();
    }
    for (std::size_t l = 0; l < violation["none"].size(); ++l)
        EXPECT_GT(violation["none"][l], 1.5 * violation["bias+seq"][l]) << "layer " << l;
}

}  // namespace
}  // namespace sf::test
