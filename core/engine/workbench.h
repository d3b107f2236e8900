#pragma once

#include "core/engine/engine.h"
#include "core/engine/live_training.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// What the worker's thread owns and no one else touches: the model that is shown, its run, the
// run that trains; commands carried out on them. Knows no thread and no queue.
struct Workbench {
    Engine::Options options;
    Snapshot now;  // as it would be published
    std::vector<std::vector<std::int64_t>> ids;
    AttentionMode attention = AttentionMode::naive;
    std::unique_ptr<LiveTraining> training;
    bool follow = true;
    bool kicked = false;  // the run's weights are others than at the end of its step
    double next_refresh = 0;

    // Throws what went wrong; all then is as it was.
    void carry_out(const RunPrompt& c);
    void carry_out(const RunIds& c);
    void carry_out(const UsePreset& c);
    void carry_out(const OpenModel& c);
    void carry_out(const OpenTrace& c);
    void carry_out(const SetAttention& c);
    void carry_out(const SetBackend& c);
    void carry_out(const SetGradients& c);
    void carry_out(const Continue& c);
    void carry_out(const Complete& c);
    void carry_out(const TrainStart& c);
    void carry_out(const TrainPause&);
    void carry_out(const TrainResume&);
    void carry_out(const TrainStep& c);
    void carry_out(const TrainRestart& c);
    void carry_out(const TrainSet& c);
    void carry_out(const TrainKick& c);
    void carry_out(const TrainSave& c);
    void carry_out(const TrainFollow& c);
    void carry_out(const TrainStop&);

    void tell();     // the training run's state into `now`
    void refresh();  // what is on screen, with the newest weights

private:
    void show(TracePtr trace);
    TracePtr traced(const ModelPtr& model,
                    const std::vector<std::vector<std::int64_t>>& rows) const;
    void run(std::vector<std::vector<std::int64_t>> rows);
    void run_text(const std::string& text);
    void need_model() const;
    void use(ModelPtr model);
    void take_newest();
    bool shows_newest() const;
    void need_no_training() const;
    LiveTraining& run_in_training() const;
    void show_new_run();
    void follow_once();
};

}  // namespace sf
