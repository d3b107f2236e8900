#pragma once

#include "core/engine/background.h"
#include "core/engine/training.h"
#include "core/model/model.h"
#include "core/train/trainer.h"

#include <memory>

namespace sf {

// A training run in the engine's worker: a trainer, and whether it goes on. Knows no clock and
// nothing of what is on screen.
class LiveTraining {
public:
    // Throws UserError when the run cannot begin.
    LiveTraining(const TrainStart& start, const ModelPtr& model, int threads);

    bool running() const { return state_ == TrainingStatus::State::running; }
    // One step. A loss that is not finite ends in `failed`, at the last good state.
    void advance();

    void pause();
    void resume();
    void step(std::int64_t count);
    void restart(std::uint64_t seed);
    void set(const std::string& name, const std::string& value);
    void kick(const TrainKick& kick);
    void save(const std::string& folder);

    std::int64_t steps_done() const { return trainer_->steps_done(); }
    // With the newest weights, and the history of the run when asked for.
    ModelPtr model(bool with_history = false) const;
    std::shared_ptr<TrainingStatus> status() const;

private:
    using State = TrainingStatus::State;
    bool continue_saved(const TrainStart& start, const ModelPtr& model);
    void begin(const ModelConfig& config, const TrainSettings& settings);
    TrainingTextPtr text_of(const ModelConfig& config, const TrainSettings& settings) const;
    void need_steps() const;

    int threads_;
    std::string name_, corpus_, message_, saved_to_;
    std::int64_t saved_step_ = -1;
    std::shared_ptr<const Tokenizer> tokenizer_;
    Background background_;
    std::unique_ptr<Trainer> trainer_;  // made and stepped in the background
    State state_ = State::paused;
    std::int64_t pause_at_ = -1;  // none
    double rate_ = 0;
};

}  // namespace sf
