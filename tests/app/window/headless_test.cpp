#include "app/headless.h"

#include "app/controller.h"
#include "core/error.h"
#include "core/io/checkpoint.h"
#include "views/canvas/cairo_canvas.h"

#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

namespace sf {
namespace {

ShotOptions nano() {
    ShotOptions o;
    o.model = preset_model("nano", 1);
    o.model_arguments = {"--preset", "nano", "--seed", "1"};
    o.width = 960;
    o.height = 600;
    return o;
}

std::unique_ptr<Headless> start(const ShotOptions& options, std::string& why) {
    try {
        return std::make_unique<Headless>(options);
    } catch (const DeviceError& error) {
        why = error.what();
        return nullptr;
    }
}

#define START(name, options)               \
    std::string why;                       \
    const auto name = start(options, why); \
    if (!name) GTEST_SKIP() << "no headless window on this machine: " << why

std::size_t colours(const Image& image) {
    std::set<std::uint32_t> all;
    for (const Colour& c : image.pixels)
        all.insert(static_cast<std::uint32_t>(c.r << 16 | c.g << 8 | c.b));
    return all.size();
}

void type_and_run(Headless& h, const std::string& text) {
    h.type(text);
    h.key("Enter");
    h.finish();
}

TEST(Window, TypedTextRunsAndKeysMoveTheCursor) {
    START(h, nano());
    EXPECT_TRUE(h->typing()) << "the prompt has the keys at the start";
    h->type("the cat sat ? / 1 t");
    h->key("Enter");
    EXPECT_FALSE(h->typing()) << "Enter moves the keys to the picture";
    h->finish();
    EXPECT_EQ(h->controller().snapshot().prompt, "the cat sat ? / 1 t");
    EXPECT_EQ(h->controller().step(), 0);
    h->key("Right");
    EXPECT_EQ(h->controller().step(), 1);
    h->key("Space");
    EXPECT_EQ(h->controller().step(), 2);
    h->key("Left");
    EXPECT_EQ(h->controller().step(), 1);
    h->key("End");
    EXPECT_EQ(h->controller().step(), h->controller().snapshot().timeline->size() - 1);
}

TEST(Window, BackIsTheSamePictureByteForByte) {
    START(h, nano());
    type_and_run(*h, "the cat sat");
    h->key("Right");
    h->finish();
    const Image before = h->picture();
    h->key("Right");
    h->advance(0.1);
    const Image during = h->picture();
    h->finish();
    const Image after = h->picture();
    h->key("Left");
    h->finish();
    const Image back = h->picture();
    EXPECT_NE(before.pixels, after.pixels);
    EXPECT_NE(during.pixels, before.pixels);
    EXPECT_TRUE(back.pixels == before.pixels);
    EXPECT_GT(colours(before), 50U) << "an empty picture";
}

TEST(Window, ArrowRightAfterEnterWaitsForTheRun) {
    START(h, nano());
    h->type("a longer text to run");
    h->key("Enter");
    h->key("Right");
    h->key("Right");
    h->finish();
    EXPECT_EQ(h->controller().step(), 2);
}

TEST(Window, SlashGoesBackToThePromptAndTypingReplacesIt) {
    START(h, nano());
    type_and_run(*h, "one");
    h->key("/");
    EXPECT_TRUE(h->typing());
    h->type("two");
    EXPECT_EQ(h->controller().state().prompt, "two");
    h->key("Escape");
    EXPECT_FALSE(h->typing());
    EXPECT_EQ(h->controller().snapshot().prompt, "one") << "Escape runs nothing";
}

TEST(Window, PaletteFindsByName) {
    START(h, nano());
    type_and_run(*h, "the cat");
    h->key("Ctrl+P");
    EXPECT_TRUE(h->typing());
    h->type("step layers.1.kv_latent");
    h->key("Enter");
    h->finish();
    ASSERT_NE(h->controller().current_step(), nullptr);
    EXPECT_EQ(h->controller().current_step()->name, "layers.1.kv_latent");
    EXPECT_EQ(h->controller().overlay(), Overlay::none);
    EXPECT_FALSE(h->typing());
}

TEST(Window, ChipsAndTimelineAnswerThePointer) {
    START(h, nano());
    type_and_run(*h, "the cat");
    // The strip stands below the top row; its first chip is the first token.
    h->click({20, 56});
    EXPECT_EQ(h->controller().token(), 0);
    const double before = static_cast<double>(h->controller().step());
    h->click({700, 600 - 33});
    EXPECT_GT(h->controller().step(), before);
    h->finish();
    EXPECT_FALSE(h->controller().animating()) << "scrubbing is instant";
}

TEST(Window, PointingAtACellLightsItAndMenuCopies) {
    START(h, nano());
    type_and_run(*h, "the cat");
    h->controller().attempt("inspect layers.0.kv_latent");
    h->finish();
    // Somewhere in the picture there is a cell.
    bool found = false;
    for (int y = 150; y < 480 && !found; y += 12)
        for (int x = 160; x < 600 && !found; x += 12) {
            h->input(mouse_move({static_cast<double>(x), static_cast<double>(y)}));
            h->advance(0);
            found = h->controller().frame(0).hover_node == "layers.0.kv_latent";
        }
    ASSERT_TRUE(found);
    EXPECT_GE(h->controller().frame(0).hover_index, 0);
}

TEST(Window, ASecondClickGoesIntoTheBoxAndEscapeComesBack) {
    START(h, nano());
    type_and_run(*h, "the cat");
    h->controller().attempt("step layers.0.q");
    h->finish();
    // Some box of the map.
    Vec2 at;
    std::string node;
    for (int y = 150; y < 480 && node.empty(); y += 12)
        for (int x = 160; x < 500 && node.empty(); x += 12) {
            at = {static_cast<double>(x), static_cast<double>(y)};
            h->input(mouse_move(at));
            h->advance(0);
            node = h->controller().frame(0).hover_node;
        }
    ASSERT_FALSE(node.empty());
    h->click(at);
    h->click(at);
    EXPECT_EQ(h->controller().view(0).id(), "inspector");
    h->key("Escape");
    EXPECT_EQ(h->controller().view(0).id(), "map");
}

TEST(Window, AHandleInThePictureIsDraggedAndSetBack) {
    START(h, nano());
    type_and_run(*h, "the cat sat");
    h->controller().attempt("view attention");
    h->finish();
    const auto handle = [&](const std::string& name) {
        RecordingCanvas canvas(h->controller().frame(0).area);
        h->controller().view(0).draw(canvas, h->controller().frame(0));
        Hit found;
        for (const Hit& hit : canvas.hits())
            if (const auto names = settings_of(hit.target); !names.empty() && names[0] == name)
                found = hit;
        return found;
    };
    const auto drag = [&](Vec2 from, Vec2 to) {
        h->input(mouse_move(from));
        h->advance(0);
        h->input(mouse_button(0, true));
        h->advance(0);
        h->input(mouse_move(to));
        h->advance(0);
        h->input(mouse_button(0, false));
        h->advance(1);
    };
    Hit knob = handle("push");
    ASSERT_FALSE(knob.target.node.empty());
    const Vec2 at = knob.rect.centre();
    drag(at, {at.x, at.y - 40});
    const double raised = h->controller().number(0, "push");
    EXPECT_GT(raised, 0);
    // As far as the axis says, within a pixel.
    EXPECT_NEAR(raised, -41e-6 * static_cast<double>(knob.target.row_stride),
                -2e-6 * static_cast<double>(knob.target.row_stride));
    // It goes on beyond the hit's own rectangle, and ends at the setting's range.
    knob = handle("push");
    drag(knob.rect.centre(), {knob.rect.centre().x, knob.rect.centre().y + 200000});
    EXPECT_EQ(h->controller().number(0, "push"), -64);
    knob = handle("push");
    h->click(knob.rect.centre());
    h->click(knob.rect.centre());
    EXPECT_EQ(h->controller().number(0, "push"), 0) << "a double click sets it back";
    // Whole numbers follow a press alone.
    const Hit heads = handle("head");
    h->advance(1);
    h->click(heads.rect.centre());
    EXPECT_EQ(h->controller().number(0, "head"), static_cast<double>(heads.target.first));
    h->advance(1);
    const Hit strip = handle("arrived");
    drag({strip.rect.x + 2, strip.rect.centre().y},
         {strip.rect.right() - 2, strip.rect.centre().y});
    EXPECT_EQ(h->controller().number(0, "arrived"), static_cast<double>(strip.target.cols));
}

TEST(Window, SavesTheSameBytesAsThePrintedCommandLine) {
    ShotOptions options = nano();
    const auto folder = std::filesystem::temp_directory_path() / "sf_window_save";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    options.save_folder = folder;
    START(h, options);
    type_and_run(*h, "it's a cat");
    for (const char* line : {"step 9", "token 2", "theme dark", "text 125", "set zoom=1.5"})
        h->controller().attempt(line);
    h->finish();
    h->key("Ctrl+S");
    std::istringstream lines(h->printed());
    std::string file, command;
    std::getline(lines, file);
    std::getline(lines, command);
    ASSERT_EQ(command.rfind("stepformer ", 0), 0U) << h->printed();
    const std::string saved = read_file(file);
    std::filesystem::remove(file);
    command.replace(0, std::string("stepformer").size(), SF_BINARY);
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    EXPECT_TRUE(read_file(file) == saved) << command;
    std::filesystem::remove_all(folder);
}

TEST(Window, ThemesAndTextSizesDraw) {
    START(h, nano());
    type_and_run(*h, "the cat");
    std::set<std::string> pictures;
    for (const char* line : {"theme light", "theme dark", "text 200", "text 300", "panel on",
                             "beside inspector", "help", "back", "checks"}) {
        h->controller().attempt(line);
        h->advance(0);
        EXPECT_EQ(h->controller().error(), "") << line;
        pictures.insert(encode_png(h->picture()));
    }
    EXPECT_GE(pictures.size(), 8U);
}

TEST(Window, ErrorsAreShownNotThrown) {
    START(h, nano());
    h->key("Enter");
    h->finish();
    EXPECT_NE(h->controller().error(), "") << "an empty prompt is refused with a sentence";
    EXPECT_GT(colours(h->picture()), 10U);
}

TEST(Shot, IsAPngOfTheSizeAndRepeats) {
    ShotOptions o = nano();
    o.run = RunPrompt{"the cat"};
    o.commands = {"step 4", "theme dark"};
    std::string once;
    try {
        once = shot_png(o);
    } catch (const DeviceError& error) {
        GTEST_SKIP() << "no headless window on this machine: " << error.what();
    }
    const Image image = decode_png(once);
    EXPECT_EQ(image.w, 960);
    EXPECT_EQ(image.h, 600);
    EXPECT_GT(colours(image), 50U);
    EXPECT_EQ(once, shot_png(o));
    o.commands = {"fly"};
    EXPECT_THROW(shot_png(o), UserError);
    o.commands = {};
    o.width = 1 << 20;
    EXPECT_THROW(shot_png(o), UserError);
}

}  // namespace
}  // namespace sf
