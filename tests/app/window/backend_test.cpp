// The device that the window computes on: chosen, shown, given up.
#include "app/chrome.h"
#include "app/command_table.h"
#include "app/controller.h"
#include "core/error.h"
#include "core/run/runner.h"

#include <gtest/gtest.h>
#include <cmath>
#include <cstdlib>

namespace sf {
namespace {

SessionOptions nano() {
    SessionOptions o;
    o.model = preset_model("nano", 1);
    o.wish = BackendWish::cpu;
    o.run = RunPrompt{"the cat"};
    return o;
}

class BackendOfTheWindow : public testing::Test {
protected:
    void open(const SessionOptions& options) {
        c_ = std::make_unique<Controller>(options, Host{});
        c_->wait_idle(0);
    }
    void run(const std::string& line) {
        carry_out(*c_, line);
        c_->wait_idle(0);
    }
    bool no_device() const { return c_->error().find("needs EGL") != std::string::npos; }
    Tensor logits() const { return *c_->snapshot().trace->find("logits"); }
    std::unique_ptr<Controller> c_;
};

TEST_F(BackendOfTheWindow, IsSwitchedAndTheTextRunsAgain) {
    open(nano());
    EXPECT_EQ(c_->backend_text(), "CPU");
    EXPECT_EQ(c_->snapshot().trace->backend, nullptr);
    const Tensor cpu = logits();
    run("backend gl");
    if (no_device()) GTEST_SKIP() << c_->error();
    EXPECT_EQ(c_->error(), "");
    ASSERT_NE(c_->snapshot().trace->backend, nullptr);
    const std::string name = c_->snapshot().trace->backend->device().name;
    EXPECT_EQ(c_->backend_text(), "CPU + " + name.substr(0, name.find(" (")));
    const Tensor gl = logits();
    for (std::int64_t i = 0; i < cpu.size(); ++i) ASSERT_NEAR(gl.at(i), cpu.at(i), 1e-4);
    // Without a word: the other one.
    run("backend");
    EXPECT_EQ(c_->backend_text(), "CPU");
    EXPECT_EQ(logits().real, cpu.real);
    run("backend");
    EXPECT_NE(c_->snapshot().trace->backend, nullptr);
    EXPECT_EQ(logits().real, gl.real);
    // Never a software renderer for its speed.
    if (c_->snapshot().trace->backend->device().software) {
        run("backend auto");
        EXPECT_EQ(c_->backend_text(), "CPU");
        EXPECT_EQ(logits().real, cpu.real);
    }
    EXPECT_THROW(carry_out(*c_, "backend tpu"), UserError);
}

TEST_F(BackendOfTheWindow, OpensWhileTheWindowIsThere) {
    SessionOptions o = nano();
    o.wish = BackendWish::gl;
    c_ = std::make_unique<Controller>(o, Host{});
    EXPECT_NE(c_->backend_text(), "CPU");  // it is being opened
    EXPECT_LT(c_->next_wake(), 1);         // and its progress looked at
    c_->wait_idle(0);
    if (no_device()) GTEST_SKIP() << c_->error();
    EXPECT_NE(c_->snapshot().trace->backend, nullptr);
    EXPECT_GT(c_->next_wake(), 1e12);  // an idle window sleeps
}

TEST_F(BackendOfTheWindow, ADeviceThatFailsIsGivenUpAndNothingLost) {
    open(nano());
    const Tensor cpu = logits();
    for (const char* const fault : {"compile", "memory", "lost"}) {
        SCOPED_TRACE(fault);
        setenv("STEPFORMER_GL_FAULT", fault, 1);
        run("backend gl");
        unsetenv("STEPFORMER_GL_FAULT");
        if (no_device()) GTEST_SKIP() << c_->error();
        EXPECT_NE(c_->error().find("the CPU computes all"), std::string::npos) << c_->error();
        EXPECT_EQ(c_->backend_text(), "CPU");
        ASSERT_NE(c_->snapshot().trace, nullptr);
        EXPECT_EQ(c_->snapshot().trace->backend, nullptr);
        EXPECT_EQ(logits().real, cpu.real);
        c_->dismiss_error();
    }
}

}  // namespace
}  // namespace sf
