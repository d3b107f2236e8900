// The view "Multi-token prediction" on the recording canvas: nothing overlaps, is cut or leaves its
// frame.
#include "mtp_fixture.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

void expect_clean(const MtpPicture& p, const std::string& what) {
    const RecordingCanvas canvas = p.draw();
    test::expect_clean(canvas, what);
    EXPECT_GT(canvas.texts().size(), 1U) << what;
    EXPECT_TRUE(canvas == p.draw()) << what << ": two draws differ";
}

class MtpLayout : public testing::TestWithParam<test::PageSize> {
protected:
    static MtpPicture picture(const TracePtr& trace, const std::string& step = "probs") {
        const auto& s = GetParam();
        return MtpPicture(trace, step, s.w, s.h, s.percent / 100.0, s.dark);
    }
    static void staircase(const TracePtr& trace, const std::string& what) {
        MtpPicture p = picture(trace);
        expect_clean(p, what);
        for (const char* setting : {"depth=0", "position=0", "depth=2", "lambda=0.5"}) {
            try {
                p.set(setting);
            } catch (const std::exception&) {
                continue;  // fewer modules
            }
            expect_clean(p, what + ", " + setting);
        }
    }
    // Every size draws the same results: they are computed once for all.
    static void speculation(const TracePtr& trace, const std::string& what) {
        static Derived results;
        MtpPicture p = picture(trace);
        p.set("show=speculation");
        expect_clean(p, what + ", nothing computed yet");
        p.derived = results;
        for (const char* setting : {"temperature=1", "drafts=5", "damage=0.7", "temperature=0",
                                    "round=40", "new_tokens=1", "drafts=0"}) {
            p.set(setting);
            p.settle();
            expect_clean(p, what + ", " + setting);
        }
        results = p.derived;
    }
};

TEST_P(MtpLayout, TwoModules) {
    static const TracePtr trace = mtp_run();
    staircase(trace, "two");
    speculation(trace, "two");
}
TEST_P(MtpLayout, ParallelModules) {
    static const TracePtr trace = mtp_run("the cat sat", 3, parallel);
    staircase(trace, "parallel");
    speculation(trace, "parallel");
}
TEST_P(MtpLayout, OneTokenThreeModules) {
    static const TracePtr trace = mtp_run("x", 3);
    staircase(trace, "one token");
    speculation(trace, "one token");
}
TEST_P(MtpLayout, LongText) {
    staircase(mtp_run(std::string(120, 'a'), 3), "long");
}
TEST_P(MtpLayout, FullContext) {
    static const TracePtr trace =
        mtp_run("the cat sat", 1, [](ModelConfig& c) { c.max_position_embeddings = 11; });
    speculation(trace, "full context");
}
TEST_P(MtpLayout, NoModulesAndEmpty) {
    expect_clean(picture(mtp_run("the cat", 0)), "no modules");
    expect_clean(picture(nullptr), "nothing has run");
    MtpPicture p = picture(mtp_run("the cat", 0));
    p.set("show=speculation");
    expect_clean(p, "no modules to draft with");
}
TEST_P(MtpLayout, EveryStep) {
    const TracePtr trace = mtp_run("the cat sat", 2, {}, {}, 2);
    const Timeline timeline(*trace);
    for (std::int64_t i = 0; i < timeline.size(); i += 7) {
        MtpPicture p = picture(trace, timeline[i].name);
        p.frame.cursor.batch = 1;
        p.frame.cursor.token = i % 11;
        p.frame.cursor.within = i % 2 == 0 ? 0.4 : 1;
        expect_clean(p, timeline[i].name);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, MtpLayout,
    testing::Values(test::PageSize{1280, 720, 100, false}, test::PageSize{1280, 720, 200, true},
                    test::PageSize{2560, 1440, 100, true}, test::PageSize{2560, 1440, 200, false},
                    test::PageSize{900, 560, 100, false}, test::PageSize{640, 480, 100, true},
                    test::PageSize{680, 380, 150, false}),
    testing::PrintToStringParamName());

TEST(Mtp, EmptyStateSaysWhatToDo) {
    const MtpPicture p(nullptr);
    EXPECT_TRUE(p.draw().has_text("Type a text and press Enter"));
    EXPECT_FALSE(p.shown.describe(p.frame).empty());
    EXPECT_TRUE(p.shown.invariants(p.frame).empty());
    EXPECT_FALSE(p.shown.lesson().empty());
    for (const Parameter& parameter : p.shown.parameters(p.frame))
        EXPECT_FALSE(parameter.help.empty()) << parameter.name;
}

TEST(Mtp, WithoutModulesOrWeightsItSaysSo) {
    EXPECT_TRUE(MtpPicture(mtp_run("ab", 0)).draw().has_text("no MTP modules"));
    auto copy = std::make_shared<Trace>(*mtp_run());
    copy->weights = nullptr;
    MtpPicture p(copy);
    EXPECT_TRUE(p.draw().has_text("MTP 2"));  // the staircase needs none
    for (const Invariant& i : p.shown.invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
    p.set("show=speculation");
    EXPECT_TRUE(p.draw().has_text("no weights"));
    EXPECT_TRUE(p.shown.needs(p.frame).empty());
}

TEST(Mtp, AFullContextIsSaid) {
    MtpPicture p(mtp_run("the cat sat", 1, [](ModelConfig& c) { c.max_position_embeddings = 11; }));
    p.set("show=speculation");
    p.settle();
    EXPECT_TRUE(p.draw().has_text("1 token in 1 pass"));
    EXPECT_TRUE(p.draw().has_text("the context is full"));
}

}  // namespace
}  // namespace sf
