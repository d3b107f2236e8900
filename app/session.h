#pragma once

#include "app/backend_choice.h"
#include "core/engine/engine.h"
#include "views/view.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sf {

// What a session of the window starts with, on a screen and headless alike.
struct SessionOptions {
    ModelPtr model;  // null only when `run` is OpenTrace
    Engine::Options engine;
    BackendWish wish = BackendWish::automatic;  // opened while the window goes on
    ChosenBackend backend;                      // that is there already; its wish is fulfilled
    // RunPrompt, RunIds or OpenTrace, carried out first. None: the state's prompt, if it has one.
    std::optional<Command> run;
    // How the command line named the model, as it would be typed again; empty: the shipped one.
    std::vector<std::string> model_arguments;  // {"--preset", "nano", "--seed", "7"}
    // The same for a run without a prompt: {"--ids", "a.json"} or {"--trace", "t.safetensors"}.
    std::vector<std::string> run_arguments;
    std::vector<NamedRun> runs;  // to compare with, beside those of the state
    // The training step whose probe is looked at first; none: the state's.
    std::optional<std::int64_t> train_step;
    // Where the state is kept between sessions; empty: nothing is read or written.
    std::filesystem::path state_file;
    std::filesystem::path save_folder = ".";  // of Ctrl+S
    std::vector<std::string> commands;        // carried out after the first run, in order
};

// $XDG_CONFIG_HOME/stepformer/state.json, or below ~/.config; empty when there is no home.
std::filesystem::path standard_state_file();

}  // namespace sf
