// Every size, text scale and state of the attention view: nothing overlaps, is cut or leaves it.
#include "tests/support/page.h"
#include "scene.h"

namespace sf {
namespace {

using test::expect_clean;
using test::PageSize;
using test::Scene;
using test::small_run;

class AttentionPage : public testing::TestWithParam<PageSize> {
protected:
    void set(Scene& s) const {
        const PageSize p = GetParam();
        s.theme = p.theme();
        s.area = {40, 30, p.w, p.h};
    }
};

std::string long_prompt() {
    std::string prompt;
    while (prompt.size() < 128) prompt += "Anna has 3 apples. ";
    return prompt.substr(0, 128);
}

TEST_P(AttentionPage, NothingOverlapsIsCutOrLeavesIt) {
    for (const std::string& prompt : {std::string("the cat sat"), long_prompt()}) {
        Scene s(small_run(AttentionMode::naive, prompt));
        set(s);
        const std::vector<std::vector<std::string>> states{
            {},
            {"query=0"},
            {"query=1", "tile=1"},
            {"push=25"},
            {"push=-40", "key=2", "order=smallest first"},
            {"half=true", "push=20", "key=4"},
            {"half=true"},
            {"divide=false", "order=shuffled"},
            {"tile=1", "order=smallest first"},
            {"arrived=0"},
            {"arrived=2"}};
        for (const auto& state : states) {
            s.settings.clear();
            std::string what = prompt.substr(0, 12);
            for (const std::string& assignment : state) {
                s.set(assignment);
                what += " " + assignment;
            }
            expect_clean(s.draw(), what);
        }
        s.settings.clear();
        for (const double within : {0.0, 0.3, 0.66}) {
            s.at("layers.1.attn_probs", within);
            expect_clean(s.draw(), "phase " + std::to_string(within));
        }
    }
    Scene empty(nullptr);
    set(empty);
    expect_clean(empty.draw(), "empty");
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, AttentionPage,
    testing::Values(PageSize{1280, 720, 100, false}, PageSize{1280, 720, 200, true},
                    PageSize{2560, 1440, 100, true}, PageSize{2560, 1440, 200, false},
                    PageSize{900, 560, 100, false}, PageSize{900, 560, 200, false},
                    PageSize{420, 560, 100, true}, PageSize{640, 300, 100, false},
                    PageSize{200, 120, 100, false}, PageSize{900, 560, 300, false}));

// Every tile size and order of the row, and all that was recorded of it, at the size of a lecture.
TEST(AttentionFrame, HoldsAt128Tokens) {
    const ModelPtr model = preset_model("micro", 1);
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < 128; ++i) ids.push_back(i * 37 % 512);
    Scene s(run_trace(model, {ids}));
    s.area = {0, 0, 900, 560};
    s.draw();
    EXPECT_EQ(s.red(), std::vector<std::string>{});
}

}  // namespace
}  // namespace sf
