#pragma once

#include "views/view.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// A run to compare with that lies in a folder.
struct RunFolder {
    std::string name, folder;
    bool operator==(const RunFolder&) const = default;
};

// Everything that a person chose, kept between sessions. A plain value: knows no engine, no window.
struct AppState {
    std::vector<std::string> views{"map"};     // one, or two side by side
    int focus = 0;                             // which of them keys and the panel speak to
    std::map<std::string, Settings> settings;  // by view
    bool dark = false;
    int text_percent = 100;
    bool reduce_motion = false;
    std::string panel = "auto";  // the right panel: "on", "off", or where there is room
    bool playing = false;
    std::string save_format = "png";
    std::string prompt;
    std::int64_t step = 0;
    std::int64_t token = -1;  // position followed; -1: the last one
    // The training clock: the step whose probe is shown; -1: live, the model's own weights.
    std::int64_t train_step = -1;
    bool follow = true;                           // what is shown is run anew while it trains
    std::map<std::string, std::string> training;  // settings chosen for it, as `--set` takes them
    std::string training_panel = "auto";          // its section: "on", "off", or while it trains
    std::vector<RunFolder> runs;
    // The run whose pictures stand in the right pane, beside the same view of the own one; empty:
    // none.
    std::string compare;
    bool operator==(const AppState&) const = default;
};

inline constexpr int min_text_percent = 75, max_text_percent = 300;

std::string state_json(const AppState& state);
// Values out of range are brought into it, unknown fields ignored. Throws UserError naming `file`
// and field for what is no state at all.
AppState parse_state(std::string_view json, const std::string& file);

// The state of the last session. A missing file is the standard state; a damaged one too, with a
// sentence in `message`.
AppState load_state(const std::filesystem::path& file, std::string& message);
// Makes the folder when needed. Throws UserError.
void save_state(const std::filesystem::path& file, const AppState& state);

}  // namespace sf
