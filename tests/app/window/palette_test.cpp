#include "app/palette.h"

#include "app/controller.h"
#include "app/fuzzy.h"

#include <gtest/gtest.h>
#include <algorithm>

namespace sf {
namespace {

TEST(Fuzzy, LettersInOrderBeginningsFirst) {
    EXPECT_EQ(fuzzy_score("xyz", "Next operation"), 0);
    EXPECT_EQ(fuzzy_score("pox", "Next operation"), 0) << "order matters";
    EXPECT_GT(fuzzy_score("next op", "Next operation"), 0);
    EXPECT_GT(fuzzy_score("no", "Next operation"), fuzzy_score("no", "Renovation"));
    EXPECT_GT(fuzzy_score("q", "layers.0.q"), fuzzy_score("q", "a long text with q in the middle"));
    EXPECT_GT(fuzzy_score("", "anything"), 0);
}

SessionOptions nano() {
    SessionOptions o;
    o.model = preset_model("nano", 1);
    o.run = RunPrompt{"the cat"};
    return o;
}

TEST(Palette, FindsCommandsViewsTensorsAndSteps) {
    Controller c(nano(), {});
    c.wait_idle(0);
    const auto first = [&](const std::string& query) {
        const auto found = find_anything(c, query, 5);
        return found.empty() ? "" : found.front().line;
    };
    EXPECT_EQ(first("dark"), "theme ");
    EXPECT_EQ(first("larger text"), "text-larger");
    EXPECT_EQ(first("model map"), "view map");
    EXPECT_EQ(first("layers.1.kv_latent"), "inspect layers.1.kv_latent");
    EXPECT_EQ(first("text 150"), "text 150");
    EXPECT_EQ(first("qqqqqqqq"), "");
    const auto steps = find_anything(c, "layers.1.kv_latent", 12);
    EXPECT_TRUE(std::any_of(steps.begin(), steps.end(),
                            [](const Found& f) { return f.line == "step layers.1.kv_latent"; }));
}

}  // namespace
}  // namespace sf
