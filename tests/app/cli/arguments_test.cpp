// Every mistake on the command line: status 2, one sentence that names what and why, nothing left.
#include "tests/app/cli/process.h"

#include <gtest/gtest.h>
#include <algorithm>

namespace sf::test {
namespace {

struct Mistake {
    std::string name;
    std::vector<std::string> arguments;
    std::vector<std::string> said;  // all of these are in the sentence
};
void PrintTo(const Mistake& mistake, std::ostream* out) {
    *out << mistake.name;
}

class Mistakes : public ::testing::TestWithParam<Mistake> {};

void expect_refused(const Outcome& outcome, const std::vector<std::string>& said) {
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.err.rfind("stepformer: ", 0), 0u) << outcome.err;
    for (const auto& part : said)
        EXPECT_NE(outcome.err.find(part), std::string::npos)
            << "'" << part << "' is not in: " << outcome.err;
}

TEST_P(Mistakes, OneSentenceNothingLeft) {
    const Folder folder;
    fs::create_directory(folder / "folder.png");
    spill(folder / "ids.json", "[1, 2, 3]");
    spill(folder / "one.json", "[1]");
    spill(folder / "ragged.json", "[[1, 2, 3], [4, 5]]");
    spill(folder / "outside.json", "[1, 999999]");
    spill(folder / "negative.json", "[1, -5]");
    spill(folder / "half.json", "[1, 2.5]");
    spill(folder / "words.json", "[\"cat\"]");
    spill(folder / "empty.json", "[]");
    spill(folder / "hole.json", "[[1], []]");
    spill(folder / "broken.json", "[1, 2");
    spill(folder / "long.json", [] {
        std::string text = "[1";
        for (int i = 0; i < 5000; ++i) text += ",1";
        return text + "]";
    }());
    spill(folder / "noise.safetensors", "this is not a trace at all, only text");
    const auto before = folder.files();
    expect_refused(run(GetParam().arguments, folder.path()), GetParam().said);
    EXPECT_EQ(folder.files(), before);
}

const std::string prompt_bytes_not_utf8 = "the \xFF cat";

std::vector<std::string> figure(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"figure", "map", "--prompt", "the cat", "-o", "out.png"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}
std::vector<std::string> generated(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"generate", "--prompt", "the cat"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}
std::vector<std::string> traced(const std::string& ids, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"trace", "--ids", ids, "-o", "out.safetensors"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

INSTANTIATE_TEST_SUITE_P(
    Commands, Mistakes,
    ::testing::Values(
        Mistake{"unknown_command", {"fly"}, {"'fly'", "command"}},
        Mistake{"unknown_option", figure({"--bogus"}), {"figure", "'--bogus'", "option"}},
        Mistake{"option_before_command",
                {"--prompt", "a", "figure", "map", "-o", "a.png"},
                {"--prompt", "behind figure"}},
        Mistake{"value_missing", {"figure", "map", "--prompt"}, {"--prompt"}},
        Mistake{"option_twice", figure({"--size", "100x100", "--size", "200x200"}), {"--size"}},
        Mistake{"view_missing", {"figure", "--prompt", "a", "-o", "a.png"}, {"VIEW", "map"}},
        Mistake{"view_unknown",
                {"figure", "ropes", "--prompt", "a", "-o", "a.png"},
                {"VIEW", "'ropes'", "map", "inspector"}},
        Mistake{"describe_unknown", {"describe", "moon", "--prompt", "a"}, {"'moon'", "map"}},
        Mistake{"list_unknown", {"figure", "moon", "--list"}, {"'moon'", "map"}},
        Mistake{"second_view",
                {"figure", "map", "inspector", "--prompt", "a", "-o", "a.png"},
                {"inspector"}}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Runs, Mistakes,
    ::testing::Values(
        Mistake{"no_source", {"figure", "map", "-o", "out.png"}, {"exactly one of", "--prompt"}},
        Mistake{"two_sources", figure({"--ids", "ids.json"}), {"--prompt and --ids"}},
        Mistake{"trace_and_prompt", figure({"--trace", "noise.safetensors"}), {"--trace"}},
        Mistake{"trace_and_model",
                {"figure", "map", "--trace", "noise.safetensors", "--model", "m", "-o", "o.png"},
                {"--trace", "--model"}},
        Mistake{"model_and_preset",
                figure({"--model", "m", "--preset", "nano"}),
                {"--model", "--preset"}},
        Mistake{"preset_unknown", figure({"--preset", "huge"}), {"--preset", "'huge'", "nano"}},
        Mistake{"seed_negative", figure({"--seed", "-1"}), {"--seed", "'-1'"}},
        Mistake{"seed_fraction", figure({"--seed", "1.5"}), {"--seed", "'1.5'"}},
        Mistake{"seed_huge", figure({"--seed", "99999999999999999999"}), {"--seed"}},
        Mistake{"backend_unknown", figure({"--backend", "tpu"}), {"--backend", "'tpu'"}},
        Mistake{"threads_none", figure({"--threads", "0"}), {"--threads", "'0'"}},
        Mistake{"threads_many", figure({"--threads", "1000000"}), {"--threads", "'1000000'"}},
        Mistake{"train_step",
                figure({"--preset", "nano", "--train-step", "3"}),
                {"--train-step", "history"}},
        Mistake{"prompt_empty",
                {"figure", "map", "--prompt", "", "-o", "out.png"},
                {"--prompt", "empty"}},
        Mistake{"prompt_not_utf8",
                {"figure", "map", "--prompt", prompt_bytes_not_utf8, "-o", "out.png"},
                {"--prompt", "byte 4", "UTF-8"}},
        Mistake{"prompt_long",
                {"figure", "map", "--preset", "nano", "--prompt", std::string(100000, 'a'), "-o",
                 "out.png"},
                {"--prompt", "100000", "max_position_embeddings"}},
        Mistake{"prompt_without_text",
                {"figure", "map", "--prompt", "a", "--model", reference("A"), "-o", "o.png"},
                {"--prompt", "tokenizer"}},
        Mistake{"ids_missing", traced("nowhere.json"), {"nowhere.json"}},
        Mistake{"ids_inline_broken", traced("[[1,"), {"--ids", "JSON"}},
        Mistake{"ids_inline_outside", traced("[[1,99999]]"), {"--ids", "99999"}},
        Mistake{"ids_folder", traced("folder.png"), {"folder.png"}},
        Mistake{"ids_broken", traced("broken.json"), {"broken.json"}},
        Mistake{"ids_words", traced("words.json"), {"words.json", "whole number"}},
        Mistake{"ids_fraction", traced("half.json"), {"half.json", "whole number"}},
        Mistake{"ids_negative", traced("negative.json"), {"negative.json", "-5"}},
        Mistake{"ids_empty", traced("empty.json"), {"empty.json", "empty"}},
        Mistake{"ids_row_empty", traced("hole.json"), {"hole.json", "empty"}},
        Mistake{"ids_outside", traced("outside.json"), {"outside.json", "999999", "vocabulary"}},
        Mistake{"ids_long", traced("long.json"), {"long.json", "5001", "context"}},
        Mistake{"ids_ragged", traced("ragged.json"), {"ragged.json", "one length"}}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Pictures, Mistakes,
    ::testing::Values(
        Mistake{"output_missing", {"figure", "map", "--prompt", "a"}, {"-o"}},
        Mistake{"edit_words", figure({"--edit", "a score"}), {"--edit", "NODE[INDEX]=VALUE"}},
        Mistake{"edit_node", figure({"--edit", "scores[0]=1"}), {"--edit", "'scores'"}},
        Mistake{"edit_value", figure({"--edit", "layers.0.scores[0]=much"}), {"--edit", "number"}},
        Mistake{"edit_infinite", figure({"--edit", "layers.0.scores[0]=inf"}), {"finite"}},
        Mistake{"edit_index", figure({"--edit", "layers.0.scores[-1]=1"}), {"--edit", "outside"}},
        Mistake{"edit_indices",
                figure({"--edit", "layers.0.scores[0,0,99,0]=1"}),
                {"--edit", "outside"}},
        Mistake{"edit_whole", figure({"--edit", "ids[0]=1"}), {"edit", "real"}},
        Mistake{"output_kind",
                {"figure", "map", "--prompt", "a", "-o", "out.gif"},
                {"out.gif", ".png, .svg or .pdf"}},
        Mistake{"output_nowhere",
                {"figure", "map", "--prompt", "a", "--preset", "nano", "-o", "no/such/out.png"},
                {"no/such/out.png"}},
        Mistake{"output_folder",
                {"figure", "map", "--prompt", "a", "--preset", "nano", "-o", "folder.png"},
                {"folder.png"}},
        Mistake{"size_word", figure({"--size", "big"}), {"--size", "'big'", "WIDTHxHEIGHT"}},
        Mistake{"size_none", figure({"--size", "0x0"}), {"--size", "'0x0'"}},
        Mistake{"size_negative", figure({"--size", "-5x100"}), {"--size", "'-5x100'"}},
        Mistake{"size_huge", figure({"--size", "999999x999999"}), {"--size"}},
        Mistake{"size_trailing", figure({"--size", "100x100x"}), {"--size"}},
        Mistake{"pixels_many", figure({"--size", "16384x16384"}), {"--size", "100 million"}},
        Mistake{"scale_none", figure({"--scale", "0"}), {"--scale", "'0'"}},
        Mistake{"scale_nan", figure({"--scale", "nan"}), {"--scale", "'nan'"}},
        Mistake{"theme_unknown", figure({"--theme", "blue"}), {"--theme", "light, dark"}},
        Mistake{"text_small", figure({"--text", "10"}), {"--text", "75 to 300"}},
        Mistake{"phase_far", figure({"--phase", "2"}), {"--phase", "0 to 1"}},
        Mistake{"step_unknown", figure({"--at", "nowhere"}), {"--at", "'nowhere'"}},
        Mistake{"step_far", figure({"--at", "999999"}), {"--at", "'999999'"}},
        Mistake{"step_negative", figure({"--at", "-1"}), {"--at", "'-1'"}},
        Mistake{"token_far", figure({"--token", "7"}), {"--token", "from 0 to"}},
        Mistake{"sequence_far", figure({"--sequence", "1"}), {"--sequence"}},
        Mistake{"setting_unknown", figure({"--set", "nothing=1"}), {"nothing"}},
        Mistake{"setting_no_value", figure({"--set", "nothing"}), {"nothing"}},
        Mistake{"trace_noise",
                {"figure", "map", "--trace", "noise.safetensors", "-o", "out.png"},
                {"noise.safetensors"}},
        Mistake{"trace_missing",
                {"figure", "map", "--trace", "nowhere.safetensors", "-o", "out.png"},
                {"nowhere.safetensors"}},
        Mistake{"trace_and_grad",
                {"figure", "inspector", "--trace", "noise.safetensors", "--grad", "-o", "out.png"},
                {"--trace and --grad"}},
        Mistake{"shot_kind", {"shot", "--prompt", "a", "-o", "out.svg"}, {"out.svg", ".png"}},
        Mistake{"shot_command",
                {"shot", "--prompt", "a", "-o", "out.png", "--do", "no such command"},
                {"no such command"}}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Numbers, Mistakes,
    ::testing::Values(
        Mistake{"trace_output", {"trace", "--ids", "ids.json"}, {"-o"}},
        Mistake{"trace_nowhere",
                {"trace", "--ids", "ids.json", "--preset", "nano", "-o", "no/out.safetensors"},
                {"no/out.safetensors"}},
        Mistake{"trace_trace", traced("ids.json", {"--trace", "x"}), {"--trace", "option"}},
        Mistake{"trace_grad_short", traced("one.json", {"--grad"}), {"gradients", "at least 2"}},
        Mistake{"trace_decode_none", traced("ids.json", {"--decode", "0"}), {"--decode", "1 to 3"}},
        Mistake{"trace_decode_far", traced("ids.json", {"--decode", "4"}), {"--decode", "1 to 3"}},
        Mistake{"attention",
                traced("ids.json", {"--attention", "flash"}),
                {"--attention", "'flash'", "absorbed"}},
        Mistake{"max_new_missing", generated({}), {"--max-new"}},
        Mistake{"max_new_none", generated({"--max-new", "0"}), {"--max-new", "'0'"}},
        Mistake{"max_new_word", generated({"--max-new", "ten"}), {"--max-new", "'ten'"}},
        Mistake{"max_new_far", generated({"--max-new", "1000000"}), {"--max-new", "context"}},
        Mistake{"greedy_and_temperature",
                generated({"--max-new", "2", "--greedy", "--temperature", "1"}),
                {"--greedy", "--temperature"}},
        Mistake{"temperature",
                generated({"--max-new", "2", "--temperature", "-1"}),
                {"--temperature", "'-1'"}},
        Mistake{"top_k", generated({"--max-new", "2", "--top-k", "0"}), {"--top-k", "'0'"}},
        Mistake{"top_p", generated({"--max-new", "2", "--top-p", "1.5"}), {"--top-p", "'1.5'"}},
        Mistake{"top_p_none", generated({"--max-new", "2", "--top-p", "0"}), {"--top-p"}},
        Mistake{"speculate",
                generated({"--max-new", "2", "--speculate", "none"}),
                {"--speculate", "'none'"}},
        Mistake{"speculate_far",
                generated({"--max-new", "2", "--speculate", "17"}),
                {"--speculate", "'17'"}}),
    [](const auto& test) { return test.param.name; });

TEST(Help, EverywhereAndOnStdout) {
    const Folder folder;
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--help"},
                                                      {"figure", "--help"},
                                                      {"shot", "--help"},
                                                      {"describe", "--help"},
                                                      {"trace", "--help"},
                                                      {"generate", "--help"},
                                                      {"bench", "--help"}}) {
        const Outcome outcome = run(arguments, folder.path());
        EXPECT_EQ(outcome.status, 0) << arguments.front();
        EXPECT_EQ(outcome.err, "");
        EXPECT_NE(outcome.out.find("--help"), std::string::npos) << outcome.out;
    }
}

TEST(Help, VersionNamesCommitAndLibraries) {
    const Folder folder;
    const Outcome outcome = run({"--version"}, folder.path());
    EXPECT_EQ(outcome.status, 0);
    for (const char* part : {"stepformer 0.", "commit ", "Dear ImGui 1.", "GLFW 3.", "cairo 1.",
                             "FreeType 2.", "CLI11 "})
        EXPECT_NE(outcome.out.find(part), std::string::npos) << outcome.out;
}

TEST(NoDisplay, TheWindowSaysSo) {
    const Folder folder;
    const Outcome outcome = run({"--preset", "nano"}, folder.path());
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find("display"), std::string::npos) << outcome.err;
    EXPECT_TRUE(folder.files().empty());
}

}  // namespace
}  // namespace sf::test
