// The view "Training" on the recording canvas: nothing overlaps, is cut or leaves its frame, with
// whatever history.
#include "tests/support/page.h"
#include "training_fixture.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

class TrainingLayout : public testing::TestWithParam<test::PageSize> {
protected:
    static void all_pages(const TracePtr& trace, const std::shared_ptr<const History>& history,
                          const std::string& what) {
        const test::PageSize size = GetParam();
        for (const char* page : {"curves", "text", "shape"}) {
            const auto clean = [&](TrainingPicture& p, const std::string& how) {
                const RecordingCanvas canvas = p.draw();
                test::expect_clean(canvas, what + ", " + page + how);
                EXPECT_GT(canvas.texts().size(), 1U) << what << page << how;
                EXPECT_TRUE(canvas == p.draw()) << what << page << how << ": two draws differ";
                EXPECT_FALSE(p.shown.describe(p.frame).empty());
            };
            TrainingPicture p(page, trace, history, size.w, size.h, size.percent / 100.0,
                              size.dark);
            clean(p, "");
            p.settle();
            clean(p, ", written");
            if (history != nullptr && !history->probe_steps().empty()) {
                p.look_at(history->probe_steps().back());
                clean(p, ", last kept");
                p.look_at(history->probe_steps().front());
                p.set("log_steps=false");
                p.set("log_loss=true");
                clean(p, ", first kept");
            }
        }
    }
};

TEST_P(TrainingLayout, ARun) {
    all_pages(small_run().trace, small_history(), "run");
}
TEST_P(TrainingLayout, AnOlderHistory) {
    all_pages(small_run().trace,
              std::make_shared<const History>(older(small_run().trainer->history())), "older");
}
TEST_P(TrainingLayout, BeforeTheFirstAndAfterOneStep) {
    for (const std::int64_t steps : {0, 1}) {
        const auto t = trained(small_shape(), steps);
        const ModelPtr model = t->model("m");
        all_pages(run_trace(model, {model->encode("x")}),
                  std::make_shared<const History>(t->history()), std::to_string(steps) + " steps");
    }
}
TEST_P(TrainingLayout, DenseWithoutMtp) {
    ModelConfig c = small_shape();
    c.n_routed_experts = 0;
    c.num_nextn_predict_layers = 0;
    const auto t = trained(c, 3);
    all_pages(nullptr, std::make_shared<const History>(t->history()), "dense");
}
TEST_P(TrainingLayout, NoHistoryOrNothing) {
    all_pages(small_run().trace, nullptr, "no history");
    all_pages(nullptr, nullptr, "nothing");
}
TEST_P(TrainingLayout, ShapesThatChangeAndThatCannotBe) {
    const test::PageSize size = GetParam();
    for (const auto& changes : std::vector<std::vector<const char*>>{
             {"n_routed_experts=0"},
             {"n_routed_experts=64", "n_group=8", "num_experts_per_tok=8", "topk_group=4",
              "num_hidden_layers=12", "hidden_size=256", "moe_intermediate_size=256"},
             {"attention_kind=gqa", "num_key_value_heads=1"},
             {"n_group=3", "topk_group=7", "num_experts_per_tok=9"},
             {"rebuild=true", "kv_lora_rank=1", "qk_rope_head_dim=7"}}) {
        TrainingPicture p("shape", small_run().trace, small_history(), size.w, size.h,
                          size.percent / 100.0, size.dark);
        for (const char* change : changes) p.set(change);
        test::expect_clean(p.draw(), changes.front());
    }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, TrainingLayout,
    testing::Values(test::PageSize{1280, 720, 100, false}, test::PageSize{1280, 720, 200, true},
                    test::PageSize{2560, 1440, 100, true}, test::PageSize{2560, 1440, 200, false},
                    test::PageSize{900, 560, 150, false}, test::PageSize{640, 480, 100, true},
                    test::PageSize{640, 380, 200, false}),
    testing::PrintToStringParamName());

}  // namespace
}  // namespace sf
