// Figures, descriptions and generated text, from the real program.
#include "app/exporter.h"
#include "core/run/runner.h"
#include "core/text/tokenizer.h"
#include "tests/app/cli/process.h"
#include "views/canvas/cairo_canvas.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace sf::test {
namespace {

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> found;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) found.push_back(line);
    return found;
}
std::vector<std::string> fields(const std::string& line) {
    std::vector<std::string> found(1);
    for (const char c : line) {
        if (c == '\t')
            found.emplace_back();
        else
            found.back() += c;
    }
    return found;
}

void expect_done(const Outcome& outcome) {
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
}

// What an SVG draws: without <metadata> that says how it was made.
std::string drawn(std::string svg) {
    const auto begin = svg.find("<metadata"), end = svg.find("</metadata>");
    if (begin != std::string::npos && end != std::string::npos) svg.erase(begin, end - begin);
    return svg;
}

const std::vector<std::string> nano = {"--preset", "nano", "--seed", "0", "--prompt", "the cat"};

std::vector<std::string> with_run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), nano.begin(), nano.end());
    return arguments;
}

TEST(Lists, ViewsThenParametersAndSteps) {
    const Folder folder;
    const Outcome views = run({"figure", "--list"}, folder.path());
    expect_done(views);
    ASSERT_GE(lines(views.out).size(), 2u);
    for (const auto& line : lines(views.out)) {
        const auto view = fields(line);
        ASSERT_EQ(view.size(), 3u) << line;
        EXPECT_EQ(view[0], "view");
        const Outcome detail = run(with_run({"figure", view[1], "--list"}), folder.path());
        expect_done(detail);
        int steps = 0;
        for (const auto& row : lines(detail.out)) {
            const auto cells = fields(row);
            ASSERT_EQ(cells.size(), 6u) << row;
            ASSERT_TRUE(cells[0] == "parameter" || cells[0] == "step") << row;
            if (cells[0] == "step") {
                EXPECT_EQ(cells[3], std::to_string(steps++));
            }
        }
        EXPECT_GT(steps, 20);
        // Without a run: the parameters alone.
        const Outcome bare = run({"figure", view[1], "--list"}, folder.path());
        expect_done(bare);
        for (const auto& row : lines(bare.out)) EXPECT_EQ(fields(row)[0], "parameter");
    }
}

class Formats : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(Formats, AreMadeTwiceTheSame) {
    const auto& [view, extension] = GetParam();
    const Folder folder;
    std::string bytes;
    for (const char* const name : {"one", "two"}) {
        const std::string file = std::string(name) + "." + extension;
        expect_done(run(with_run({"figure", view, "-o", file}), folder.path()));
        const std::string made = slurp(folder / file);
        if (!bytes.empty()) {
            EXPECT_TRUE(made == bytes);
        }
        bytes = made;
    }
    EXPECT_EQ(folder.files().size(), 2u);
    const std::string kind = extension;
    if (kind == "png") {
        const Image image = decode_png(bytes);
        EXPECT_EQ(image.w, 1280);
        EXPECT_EQ(image.h, 720);
        const bool blank = std::all_of(image.pixels.begin(), image.pixels.end(),
                                       [&](Colour c) { return c == image.pixels.front(); });
        EXPECT_FALSE(blank);
    } else if (kind == "svg") {
        EXPECT_NE(bytes.find("<svg"), std::string::npos);
        EXPECT_NE(bytes.find("<text"), std::string::npos);
        EXPECT_NE(bytes.find("<desc"), std::string::npos);
    } else {
        EXPECT_EQ(bytes.rfind("%PDF-", 0), 0u);
    }
}

INSTANTIATE_TEST_SUITE_P(Figures, Formats,
                         ::testing::Combine(::testing::Values("map", "rope", "latent-kv",
                                                              "attention", "mtp", "inspector"),
                                            ::testing::Values("png", "svg", "pdf")),
                         [](const auto& test) {
                             std::string name = std::get<0>(test.param);
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name + "_" + std::get<1>(test.param);
                         });

TEST(Figures, FromATraceEqualTheLiveRun) {
    const Folder folder;
    expect_done(run(with_run({"trace", "-o", "t.safetensors"}), folder.path()));
    // The inspector also shows weights, which a trace does not hold: steps without any.
    for (const auto& [view, steps] :
         {std::pair<std::string, std::vector<std::string>>{"map", {"0", "17", "probs"}},
          {"attention", {"layers.1.attn_probs", "probs"}},
          {"mtp", {"mtp.1.input", "probs"}},
          {"inspector", {"ids", "layers.0.q_pe", "probs"}}})
        for (const auto& at : steps) {
            expect_done(
                run(with_run({"figure", view, "--at", at, "-o", "live.svg"}), folder.path()));
            expect_done(
                run({"figure", view, "--at", at, "--trace", "t.safetensors", "-o", "saved.svg"},
                    folder.path()));
            EXPECT_TRUE(drawn(slurp(folder / "live.svg")) == drawn(slurp(folder / "saved.svg")))
                << view << " at " << at;
            expect_done(
                run(with_run({"figure", view, "--at", at, "-o", "live.png"}), folder.path()));
            expect_done(
                run({"figure", view, "--at", at, "--trace", "t.safetensors", "-o", "saved.png"},
                    folder.path()));
            EXPECT_TRUE(decode_png(slurp(folder / "live.png")).pixels ==
                        decode_png(slurp(folder / "saved.png")).pixels)
                << view << " at " << at;
        }
}

TEST(Figures, OptionsChangeThePicture) {
    const Folder folder;
    expect_done(run(with_run({"figure", "map", "-o", "plain.png"}), folder.path()));
    const Image plain = decode_png(slurp(folder / "plain.png"));
    const auto made = [&](std::vector<std::string> more) {
        std::vector<std::string> arguments = with_run({"figure", "map", "-o", "other.png"});
        arguments.insert(arguments.end(), more.begin(), more.end());
        expect_done(run(arguments, folder.path()));
        return decode_png(slurp(folder / "other.png"));
    };
    for (const std::vector<std::string>& more : {std::vector<std::string>{"--theme", "dark"},
                                                 {"--text", "150"},
                                                 {"--at", "3"},
                                                 {"--at", "layers.1.kv_latent"},
                                                 {"--token", "0"}}) {
        const Image image = made(more);
        EXPECT_EQ(image.w, plain.w);
        EXPECT_FALSE(image.pixels == plain.pixels) << more[0] << " " << more[1];
    }
    const Image large = made({"--size", "800x600", "--scale", "1.5"});
    EXPECT_EQ(large.w, 1200);
    EXPECT_EQ(large.h, 900);
}

TEST(Figures, TheDefaultModelIsNamedOnce) {
    const Folder folder;
    const Outcome outcome =
        run({"figure", "map", "--prompt", "the cat", "-o", "a.png"}, folder.path());
    EXPECT_EQ(outcome.status, 0);
    if (fs::exists(fs::path(SF_SOURCE_DIR) / "assets/models/micro/model.safetensors")) {
        EXPECT_EQ(outcome.err, "") << "the trained model in the program needs no word";
        const Outcome said = run({"describe", "map", "--prompt", "the cat"}, folder.path());
        EXPECT_EQ(said.out.rfind("micro has been trained", 0), 0u) << said.out;
        return;
    }
    EXPECT_EQ(lines(outcome.err).size(), 1u) << outcome.err;
    EXPECT_NE(outcome.err.find("untrained"), std::string::npos);
    expect_done(run(with_run({"figure", "map", "-o", "b.png"}), folder.path()));
    EXPECT_TRUE(slurp(folder / "a.png") == slurp(folder / "b.png"));
}

TEST(Describe, IsOneParagraphAboutThisRun) {
    const Folder folder;
    const Outcome one = run(with_run({"describe", "map", "--at", "0"}), folder.path());
    const Outcome two = run(with_run({"describe", "map"}), folder.path());
    expect_done(one);
    expect_done(two);
    EXPECT_EQ(lines(one.out).size(), 1u);
    EXPECT_GT(one.out.size(), 40u);
    EXPECT_NE(one.out, two.out);
}

TEST(Generate, TextIsThatOfTheIds) {
    const Folder folder;
    const auto generated = [&](std::vector<std::string> more) {
        std::vector<std::string> arguments =
            with_run({"generate", "--max-new", "24", "--temperature", "1"});
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run(arguments, folder.path());
    };
    const Outcome outcome = generated({"--json"});
    expect_done(outcome);
    const auto report = nlohmann::json::parse(outcome.out);
    ASSERT_EQ(report["sequences"].size(), 1u);
    const auto& sequence = report["sequences"][0];
    const auto ids = sequence["ids"].get<std::vector<std::int64_t>>();
    EXPECT_EQ(ids.size(), 24u);
    EXPECT_EQ(sequence["prompt_ids"].size(), 7u);
    const std::string text = to_valid_utf8(byte_tokenizer(258)->decode(ids));
    EXPECT_EQ(sequence["text"], text);
    // The same seed gives the same ids.
    EXPECT_EQ(nlohmann::json::parse(generated({"--json"}).out)["sequences"], report["sequences"]);

    // As plain text: valid UTF-8, no terminal commands.
    const Outcome plain = generated({});
    expect_done(plain);
    EXPECT_FALSE(first_invalid_utf8(plain.out).has_value());
    for (const char c : plain.out)
        EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
    EXPECT_EQ(plain.out.back(), '\n');
}

TEST(Generate, RaggedIdsGiveOneSequenceEach) {
    const Folder folder;
    spill(folder / "ids.json", "[[1, 2, 3], [4], [5, 6]]");
    const Outcome outcome = run({"generate", "--preset", "nano", "--ids", "ids.json", "--max-new",
                                 "3", "--greedy", "--json"},
                                folder.path());
    expect_done(outcome);
    const auto report = nlohmann::json::parse(outcome.out);
    ASSERT_EQ(report["sequences"].size(), 3u);
    for (const auto& sequence : report["sequences"]) EXPECT_EQ(sequence["ids"].size(), 3u);
    EXPECT_EQ(report["sequences"][1]["prompt_ids"], nlohmann::json({4}));
}

TEST(Interrupt, EndsWith130AndLeavesNothing) {
    const Folder folder;
    // Long enough to be interrupted: the context is filled again and again.
    std::string rows = "[[1]";
    for (int i = 0; i < 255; ++i) rows += ",[1]";
    spill(folder / "ids.json", rows + "]");
    Process process({"generate", "--preset", "micro", "--ids", "ids.json", "--max-new", "200"},
                    folder.path());
    for (int i = 0; i < 6000 && process.out().empty(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_FALSE(process.out().empty());
    process.send(SIGINT);
    EXPECT_EQ(process.wait().status, 130);
    EXPECT_EQ(folder.files(), std::set<std::string>{"ids.json"});
}

TEST(Command, MakesTheSameFigureAgain) {
    const Folder folder;
    const std::string prompt = "it's \"7\" $HOME";
    FigureRequest request;
    request.view = find_view("map");
    ASSERT_NE(request.view, nullptr);
    const ModelPtr model = preset_model("nano", 3);
    RunOptions options;
    options.attention = AttentionMode::absorbed;
    request.trace = run_trace(model, {model->encode(prompt)}, options);
    request.timeline = std::make_shared<Timeline>(*request.trace);
    request.cursor = {11, 0.5, 0, 2};
    request.dark = true;
    request.text_percent = 125;
    request.width = 1000;
    request.height = 640;
    request.scale = 1.5;
    request.model_arguments = {"--preset", "nano", "--seed", "3"};
    request.run_arguments = {"--prompt", prompt};
    for (const char* const name : {"map.png", "map.svg", "map.pdf"}) {
        const fs::path file = folder / name;
        std::string command = figure_command(request, file.string());
        command.replace(0, std::string("stepformer").size(), shell_quote(SF_BINARY));
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
        EXPECT_TRUE(slurp(file) == render_figure(request, figure_format(file))) << command;
    }
}

TEST(Quoting, IsWhatAShellReadsBack) {
    const Folder folder;
    for (const std::string word :
         {"plain", "two words", "it's", "", "a\"b$HOME`x`\\", "new\nline", "größe"}) {
        const std::string command =
            "printf %s " + shell_quote(word) + " > " + shell_quote((folder / "out").string());
        ASSERT_EQ(std::system(command.c_str()), 0);
        EXPECT_EQ(slurp(folder / "out"), word);
    }
}

}  // namespace
}  // namespace sf::test
