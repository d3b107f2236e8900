// trace --grad and the pictures of gradients, through the program itself.
#include "core/io/trace_io.h"
#include "tests/app/cli/process.h"

#include <gtest/gtest.h>

namespace sf::test {
namespace {

std::vector<std::string> traced(const std::string& prompt, const std::string& file) {
    return {"trace", "--preset", "nano", "--prompt", prompt, "--grad", "-o", file};
}

TEST(GradientTrace, HoldsEveryGradientAndIsReadBack) {
    const Folder folder;
    const Outcome outcome = run(traced("the cat", "t.safetensors"), folder.path());
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    const TracePtr trace = read_trace(folder / "t.safetensors");
    EXPECT_EQ(loss_text(trace->loss), "loss + 0.3·mtp.1.loss");
    for (const char* name : {"loss", "mtp.1.nll", "grad.layers.0.q", "grad.embed",
                             "grad.model.layers.0.self_attn.q_b_proj.weight"})
        EXPECT_TRUE(trace->has(name)) << name;
    // The same run gives the same bytes, and a figure of it needs no model.
    run(traced("the cat", "again.safetensors"), folder.path());
    EXPECT_EQ(slurp(folder / "again.safetensors"), slurp(folder / "t.safetensors"));
    const Outcome said =
        run({"describe", "inspector", "--trace", "t.safetensors", "--at", "grad.layers.0.q"},
            folder.path());
    EXPECT_EQ(said.status, 0) << said.err;
    EXPECT_NE(said.out.find("grad.layers.0.q"), std::string::npos) << said.out;
    EXPECT_NE(said.out.find("loss + 0.3·mtp.1.loss"), std::string::npos) << said.out;
}

TEST(GradientTrace, SaysWhichLossIsLeftOut) {
    const Folder folder;
    const Outcome outcome = run(traced("ab", "t.safetensors"), folder.path());
    EXPECT_EQ(outcome.status, 0);
    EXPECT_NE(outcome.err.find("MTP module 1 has no token to predict in 2 tokens"),
              std::string::npos)
        << outcome.err;
}

TEST(GradientFigure, RunsTheBackwardPassWhereItIsNeeded) {
    const Folder folder;
    const std::vector<std::string> describe{"describe", "inspector", "--preset",
                                            "nano",     "--prompt",  "the cat"};
    const auto said = [&](std::vector<std::string> more) {
        std::vector<std::string> all = describe;
        all.insert(all.end(), more.begin(), more.end());
        const Outcome outcome = run(all, folder.path());
        EXPECT_EQ(outcome.status, 0) << outcome.err;
        return outcome.out;
    };
    const std::string at = said({"--at", "grad.layers.0.q"});
    EXPECT_NE(at.find("changes the loss by about"), std::string::npos) << at;
    EXPECT_EQ(said({"--at", "layers.0.q", "--set", "gradient=true"}), at);
    EXPECT_EQ(said({"--set", "node=grad.layers.0.q"}), at);
    EXPECT_NE(said({"--at", "layers.0.q", "--grad"}), at) << "a step forward shows the values";
    const Outcome list =
        run({"figure", "inspector", "--list", "--preset", "nano", "--prompt", "the cat", "--grad"},
            folder.path());
    EXPECT_NE(list.out.find("step\tgrad.layers.0.q\tgradient\t"), std::string::npos);
    EXPECT_NE(list.out.find("parameter\tgradient\ttoggle\t"), std::string::npos);
}

}  // namespace
}  // namespace sf::test
