#include "core/run/edited_run.h"

#include "core/error.h"
#include "tests/support/runs.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

TEST(EditedRun, IsTheRunWithTheValueAndSharesTheRest) {
    const TracePtr base = test::changed_run("the cat");
    Derived derived;
    const Need need = edited_run(base, {{"layers.1.scores", 3, 2.5}});
    derived.settle({need});
    const EditedRun* run = derived.find<EditedRun>(need.key);
    ASSERT_NE(run, nullptr);
    EXPECT_EQ(run->base, base);
    EXPECT_EQ(run->run->find("layers.1.scores")->at(3), 2.5);
    EXPECT_EQ(run->run->find("layers.0.scores"), base->find("layers.0.scores"));
    EXPECT_NE(run->run->find("logits"), base->find("logits"));
    EXPECT_GT(run->bytes(), base->find("layers.1.scores")->bytes());
    EXPECT_LT(run->bytes(), base->bytes());
    EXPECT_GE(run->timeline->find("layers.1.attn_probs"), 0);
}

TEST(EditedRun, EditsThatDifferAtAllAreOtherRuns) {
    const TracePtr base = test::changed_run("the cat");
    const double value = 2.5, next = std::nextafter(value, 3.0);
    EXPECT_EQ(edited_run(base, {{"logits", 3, value}}).key,
              edited_run(base, {{"logits", 3, value}}).key);
    EXPECT_NE(edited_run(base, {{"logits", 3, value}}).key,
              edited_run(base, {{"logits", 3, next}}).key);
    EXPECT_NE(edited_run(base, {{"logits", 3, value}}).key,
              edited_run(base, {{"logits", 4, value}}).key);
}

TEST(EditedRun, AModuleThatHasNoTokensStandsInNobodysWay) {
    const TracePtr base = test::changed_run("t");
    ASSERT_GT(base->graph->config.num_nextn_predict_layers, 0);
    Derived derived;
    const Need need = edited_run(base, {{"layers.0.scores", 0, 2.5}});
    derived.settle({need});
    EXPECT_EQ(derived.entry(need.key)->error, "");
}

TEST(EditedRun, ATraceWithoutWeightsSaysSo) {
    auto saved = std::make_shared<Trace>(*test::changed_run("the cat"));
    saved->weights = nullptr;
    const Need need = edited_run(saved, {{"layers.1.scores", 3, 2.5}});
    Derived derived;
    derived.settle({need});
    EXPECT_NE(derived.entry(need.key)->error.find("weights"), std::string::npos);
}

TEST(ReadEdit, TakesFlatAndWholeIndices) {
    const TracePtr run = test::changed_run("the cat");
    const Shape s = run->shape(run->graph->find("layers.1.scores"));
    const Edit flat{"layers.1.scores", s[2] * s[3] + 2 * s[3] + 1, -0.5};
    EXPECT_EQ(read_edit(*run, "layers.1.scores[0,1,2,1]=-0.5"), flat);
    EXPECT_EQ(read_edit(*run, edits_text({flat})), flat);
    for (const char* wrong :
         {"", "layers.1.scores", "layers.1.scores=1", "layers.1.scores[]=1", "layers.1.scores[a]=1",
          "layers.1.scores[0,0]=1", "layers.1.scores[0,0,0,0,0]=1", "layers.1.scores[1e9]=1",
          "layers.1.scores[99999999]=1", "layers.1.scores[0]=", "layers.1.scores[0]=nan",
          "layers.1.scores[0]=1x", "nothing[0]=1", "]=[", "layers.1.scores[0,]=1"})
        EXPECT_THROW(read_edit(*run, wrong), UserError) << wrong;
}

}  // namespace
}  // namespace sf
