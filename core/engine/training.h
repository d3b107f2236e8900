#pragma once

#include "core/config.h"
#include "core/run/history.h"
#include "core/train/settings.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sf {

// ---- what the window asks of a training run; answered between two steps

// Begins a run. A model that was opened from a folder with a training state goes on from there;
// else weights are drawn anew, of the model's shape or of `config`. With a config it takes the
// place of a run that stands before its first step.
struct TrainStart {
    std::optional<TrainSettings> settings;  // none: those of the saved run, else live_settings
    std::vector<std::pair<std::string, std::string>> set;  // over them, as `--set` takes it
    std::string corpus;                                    // a text file; empty: generated
    std::optional<ModelConfig> config;                     // none: the current model's shape
    bool afresh = false;                                   // a saved run is left alone
    bool paused = false;                                   // stands before its first step
};
struct TrainPause {};
struct TrainResume {};
struct TrainStep {
    std::int64_t count = 1;
};  // so many steps, then a pause
struct TrainRestart {
    std::uint64_t seed = 0;
};  // the same settings from the beginning
struct TrainSet {
    std::string name, value;
};  // a setting while it runs, as `--set` takes it; the run keeps the old one when it is refused
struct TrainKick {
    std::string layer;
    std::int64_t expert = 0;
    double by = 0;
};                    // adds to the bias of an expert (Trainer::kick)
struct TrainStop {};  // ends the run; its last weights stay the model
struct TrainSave {
    std::string folder;
};  // new, empty, or where this run was saved before
struct TrainFollow {
    bool on = true;
};  // whether what is on screen is run again with the newest weights

// What is published of a run.
struct TrainingStatus {
    enum class State : std::uint8_t { running, paused, finished, failed };
    State state = State::paused;
    bool stepping = false;   // running to a pause that was asked for
    std::int64_t step = 0;   // done
    TrainSettings settings;  // `steps` is the whole run
    History history;
    double tokens_per_second = 0;  // smoothed; 0: no step yet
    double bigram_loss = 0;        // of the held-out part
    std::string text;              // what it trains on: "generated corpus" or the file
    std::string message;           // why it failed, or where it began; a sentence, may be empty
    std::string saved_to;          // folder; empty: never saved
    std::int64_t saved_step = -1;
    bool follows = true;
};
using TrainingStatusPtr = std::shared_ptr<const TrainingStatus>;

// What a run of the window begins with: shorter rows where the model's context is.
TrainSettings live_settings(const ModelConfig& config);

}  // namespace sf
