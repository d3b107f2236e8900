#pragma once

#include "core/backend/gradient_executor.h"
#include "core/model/model.h"
#include "core/run/history.h"
#include "core/train/parameter_set.h"
#include "core/train/settings.h"
#include "core/train/training_text.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// A training run: weights, moments and the position in the data, one step at a time. The loss is
// L = L_main + lambda / D sum_k L_MTP^k (DeepSeek-V3 eqs. 24-25), plus alpha L_Bal or the auxiliary
// loss as the mode says; AdamW with clipping by the global norm; then the biases move by gamma. The
// same settings and seed give the same bits, whatever the number of threads. Not thread-safe.
class Trainer {
public:
    Trainer(const ModelConfig& config, const TrainSettings& settings, TrainingTextPtr text,
            int threads);
    ~Trainer();
    Trainer(const Trainer&) = delete;
    Trainer& operator=(const Trainer&) = delete;

    // One step; the record goes into the history, with the held-out loss after it when asked for.
    // Throws UserError when a loss or gradient is not finite: it names step and tensor, and the run
    // stands at its last good state again.
    const StepRecord& step(bool held_out = false);
    // Loss of the next token on the held-out rows, with the weights as they are.
    double held_out_loss();
    double bigram_loss() const { return bigram_loss_; }

    std::int64_t steps_done() const { return done_; }
    bool finished() const { return done_ >= settings_.steps; }
    const ModelConfig& config() const { return config_; }
    const TrainSettings& settings() const { return settings_; }
    // Learning rate, gamma, lambda, alpha, balance ... may change between steps; seed, batch and
    // seq too (the data's position is a row's number). Throws UserError for values out of range.
    void change(const TrainSettings& settings);
    // Adds `by` to the bias of one expert, for the loop of balance to undo. `layer` as
    // History::layers() names it; the bias is a weight like any other, so it is saved with them.
    // Throws UserError: no such layer or expert, a mode that moves no bias, `by` beyond max_kick.
    static constexpr double max_kick = 1000;
    void kick(const std::string& layer, std::int64_t expert, double by);
    const TrainingText& text() const { return *text_; }
    const History& history() const { return history_; }
    // A version of the weights that others may keep.
    WeightsPtr weights() const { return weights_.publish(done_); }
    // As a model that can be run.
    ModelPtr model(const std::string& name) const;

    // For the state file: everything that a resumed run continues with.
    struct State {
        std::int64_t done = 0;
        std::uint64_t next_row = 0;
        ParameterSet weights, m, v;
    };
    const ParameterSet& moments_m() const { return m_; }
    const ParameterSet& moments_v() const { return v_; }
    const ParameterSet& parameters() const { return weights_; }
    std::uint64_t next_row() const { return next_row_; }
    const std::shared_ptr<const ParameterLayout>& layout() const { return layout_; }
    void restore(const State& state, History history);

private:
    struct Nodes;
    void find_nodes();
    void take_rows(std::vector<std::int64_t>& ids);
    void choose_losses();
    double gradient_norm();
    void update(double norm);
    StepRecord record(double norm, double seconds);
    [[noreturn]] void fail_not_finite(const std::vector<std::int64_t>& ids);
    void keep_good_state();
    void keep_probe();
    void see_rows();
    void see_text();

    ModelConfig config_;
    TrainSettings settings_;
    TrainingTextPtr text_;
    std::shared_ptr<const Graph> graph_;
    std::shared_ptr<const ParameterLayout> layout_;
    ParameterSet weights_, gradients_, m_, v_;
    std::shared_ptr<ThreadPool> pool_;
    GradientExecutor executor_, evaluator_;
    std::vector<ConstView> params_;  // by node
    std::vector<Real*> gradient_of_, nowhere_;
    std::unique_ptr<Nodes> nodes_;
    std::vector<GradientExecutor::Seed> losses_;
    std::int64_t done_ = 0;
    std::uint64_t next_row_ = 0;
    History history_;
    std::vector<std::vector<std::int64_t>> held_out_;
    double bigram_loss_ = 0;
    std::unique_ptr<State> good_;
};

}  // namespace sf
