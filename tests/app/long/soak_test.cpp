// Two thousand steps of live training while a person who cannot sit still walks, scrubs, changes
// views, settings and training: everything that must hold does, all the time. Also run under the
// sanitizers (test.sh --all).
#include "app/command_table.h"
#include "app/controller.h"
#include "app/session.h"
#include "tests/views/random/random_settings.h"
#include "views/canvas/recording_canvas.h"
#include "views/registry.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace sf {
namespace {

using test::Dice;
using State = TrainingStatus::State;

constexpr std::int64_t training_steps = 2000;
constexpr std::int64_t lead = 20;  // steps that training may be ahead of the commands

std::int64_t number_from(const char* variable, std::int64_t otherwise) {
    const char* const set = std::getenv(variable);
    return set ? std::atoll(set) : otherwise;
}
// How restless the person is.
std::int64_t commands() {
    return std::max<std::int64_t>(1, number_from("STEPFORMER_SOAK_COMMANDS", SF_SOAK_COMMANDS));
}

class Soak {
public:
    explicit Soak(std::uint64_t seed) : dice_(seed), c_(options(), Host{}) {
        c_.wait_idle(0);
        for (const std::string& line : std::vector<std::string>{
                 "train-set batch=2", "train-set seq=32", "train-set warmup=20",
                 "train-set lr=0.002", "train-set steps=" + std::to_string(training_steps),
                 "train on"})
            carry_out(c_, line);
        c_.wait_idle(0);
    }

    void live() {
        const std::int64_t count = commands();
        for (std::int64_t i = 0; i < count; ++i) {
            const std::string line = anything();
            SCOPED_TRACE("command " + std::to_string(i) + " at training step " +
                         std::to_string(c_.training() ? c_.training()->step : -1) + ": " + line);
            live_ += c_.training()->step < training_steps;
            c_.attempt(line);
            expect_no_error(line);
            tick();
            look(i % 8 == 0);
            const std::int64_t due = training_steps * (i + 1) / count;
            if (c_.training()->step > due + lead) c_.attempt("train off");
            train_until(due);
            if (testing::Test::HasFailure()) return;
        }
        train_until(training_steps);
        c_.wait_idle(now_);
        look(true);
        EXPECT_EQ(c_.training()->step, training_steps);
        EXPECT_EQ(c_.training()->history.back().step, training_steps);
        EXPECT_GT(live_, count / 2) << "most commands came while it trained";
        std::printf("%lld of %lld commands while it trained, %lld refused\n",
                    static_cast<long long>(live_), static_cast<long long>(count),
                    static_cast<long long>(refused_));
        EXPECT_LT(refused_, std::max<std::int64_t>(4, count / 5)) << "of " << count << " commands";
    }

private:
    static SessionOptions options() {
        SessionOptions o;
        o.model = preset_model("nano", 1);
        o.run = RunPrompt{"the cat sat"};
        o.engine.threads = 2;
        return o;
    }

    std::string number(double low, double high) {
        return std::to_string(low + (high - low) * dice_.uniform());
    }
    std::string expert() {
        return std::to_string(dice_.whole(0, c_.training()->history.experts() - 1));
    }
    std::string anything() {
        switch (dice_.whole(0, 16)) {
            case 0:
                return "next";
            case 1:
                return "previous";
            case 2:
                return dice_.chance(0.5) ? "next-layer" : "previous-operation";
            case 3:
                return "step " + std::to_string(dice_.whole(0, c_.snapshot().timeline->size() - 1));
            case 4:
                return "token " + std::to_string(dice_.whole(0, c_.token_count() - 1));
            case 5:
            case 6:
                return "view " + views()[static_cast<std::size_t>(dice_.whole(
                                             0, static_cast<std::int64_t>(views().size()) - 1))]
                                     ->id();
            case 7:
                return dice_.chance(0.3) ? "beside " + dice_.any(views())->id() : "other";
            case 8:
            case 9:
                return setting();
            case 10:
                return dice_.chance(0.7)
                           ? "train-at " + std::to_string(dice_.whole(0, c_.training()->step))
                           : "train-at live";
            case 11:
                return train_setting();
            case 12:
                return dice_.chance(0.5) ? "train off" : "train on";
            case 13:
                return kick();
            case 14:
                return dice_.chance(0.5) ? "prompt " + dice_.any(prompts_) : dice_.any(rest_);
            case 15:
                return edit();
            default:
                return dice_.chance(0.5) ? "train-back" : "train-forward";
        }
    }
    std::string setting() {
        const Frame frame = c_.frame(c_.state().focus);
        const auto declared = c_.view(c_.state().focus).parameters(frame);
        if (declared.empty() || dice_.chance(0.2)) return "reset";
        const Parameter& p = dice_.any(declared);
        return "set " + p.name + "=" + test::random_value(dice_, p, *frame.trace);
    }
    std::string train_setting() {
        switch (dice_.whole(0, 5)) {
            case 0:
                return "train-set lr=" + number(0, 0.003);
            case 1:
                return "train-set gamma=" + number(0, 0.05);
            case 2:
                return "train-set lambda=" + number(0, 1);
            case 3:
                return "train-set alpha=" + number(0, 0.01);
            case 4:
                return "train-set hot=" + number(0, 1);
            default:
                return "train-set balance=" +
                       dice_.any(std::vector<std::string>{"none", "aux", "bias", "bias+seq"});
        }
    }
    std::string edit() {
        if (c_.edited() > 0 && dice_.chance(0.4)) return "restore";
        const std::string& node = dice_.any(edited_);
        // Beyond the first, the scores of the first query are masked.
        const std::int64_t index = node.ends_with("scores") ? 0 : dice_.whole(0, 3);
        return "edit " + node + "[" + std::to_string(index) + "]=" + number(-3, 3);
    }
    // Only where the balance moves the bias: elsewhere it is refused.
    std::string kick() {
        const auto mode = c_.training_setting("balance");
        if (mode != "bias" && mode != "bias+seq") return "train-set balance=bias";
        return "train-kick " + dice_.any(c_.training()->history.layers()) + " " + expert() + " " +
               number(-0.5, 0.5);
    }

    void tick() { c_.tick(now_ += 0.05); }
    // What is on screen holds. Now and then pending results are waited for, with the training
    // paused: beside it they would take ten times as long, and it would be over.
    void look(bool settled) {
        const bool pauses = settled && c_.training()->state == State::running;
        if (pauses) c_.attempt("train off");
        if (settled) c_.wait_idle(now_ += 1);
        for (int pane = 0; pane < c_.panes(); ++pane) {
            const Frame frame = c_.frame(pane);
            RecordingCanvas canvas(frame.area);
            c_.view(pane).draw(canvas, frame);
            EXPECT_EQ(canvas.outside(), std::vector<std::string>{}) << c_.view(pane).id();
            EXPECT_GT(canvas.texts().size(), 0U) << c_.view(pane).id();
            for (const Invariant& i : c_.invariants(pane))
                EXPECT_TRUE(i.holds || test::may_be_red(i))
                    << c_.view(pane).id() << ": " << i.name << ": " << i.figure << "\n"
                    << where();
            EXPECT_FALSE(c_.description(pane).empty());
        }
        if (pauses) c_.attempt("train on");
    }
    std::string where() const {
        const Step* const step = c_.current_step();
        const TracePtr& trace = c_.snapshot().trace;
        return "at " + (step ? step->name : "no step") + ", token " + std::to_string(c_.token()) +
               ", weights of step " + std::to_string(trace ? trace->trained_step : -1) +
               ", edits " + (trace ? edits_text(trace->edits) : "") + "\n" + state_json(c_.state());
    }
    // What a person asked for may be refused in a sentence, training may not fail.
    void expect_no_error(const std::string& line) {
        ASSERT_NE(c_.training(), nullptr);
        EXPECT_NE(c_.training()->state, State::failed) << c_.training()->message;
        if (c_.error().empty()) return;
        EXPECT_EQ(c_.error().find('\n'), std::string::npos) << line << ": " << c_.error();
        ++refused_;
        c_.attempt("dismiss");
    }
    void train_until(std::int64_t step) {
        for (;;) {
            tick();
            ASSERT_NE(c_.training()->state, State::failed) << c_.training()->message;
            if (c_.training()->step >= step) return;
            if (c_.training()->state == State::paused) c_.attempt("train on");
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    Dice dice_;
    Controller c_;
    double now_ = 0;
    std::int64_t refused_ = 0, live_ = 0;
    const std::vector<std::string> edited_{"layers.1.kv_latent", "layers.1.scores", "layers.0.q",
                                           "layers.1.q_pe",      "layers.1.hidden", "mtp.1.k_pe",
                                           "layers.0.attn_out",  "embed",           "logits"};
    const std::vector<std::string> prompts_{"the cat sat", "23 + 45 =", "x", "( [ ] )",
                                            "a red kite and a blue one"};
    const std::vector<std::string> rest_{
        "attention absorbed", "attention naive", "gradients on", "gradients off",
        "train-follow",       "plain",           "back",         "restore"};
};

TEST(SoakTraining, EverythingHoldsThroughTwoThousandLiveSteps) {
    Soak(static_cast<std::uint64_t>(number_from("STEPFORMER_SOAK_SEED", 5))).live();
}

}  // namespace
}  // namespace sf
