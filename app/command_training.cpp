#include "app/command_arguments.h"
#include "app/controller.h"

namespace sf {

namespace {

using C = Controller;
using Text = std::string_view;

constexpr const char* train = "Train";

}  // namespace

std::vector<AppCommand> training_commands() {
    return {
        {"train",
         "Train or pause",
         "on|off",
         train,
         {{"r"}},
         "Starts training the model, pauses it and lets it go on.",
         [](C& c, Text a) { c.toggle_training(a); }},
        {"train-step",
         "One training step",
         "STEPS",
         train,
         {{"n"}},
         "Trains one step, or as many as are given, then pauses.",
         [](C& c, Text a) { c.step_training(a.empty() ? 1 : whole_number("train-step", a)); }},
        {"train-back",
         "Back in training",
         "",
         train,
         {{","}, {"Alt+Left"}},
         "Shows the model as it was at the kept training step before.",
         [](C& c, Text) { c.move_in_training(-1); }},
        {"train-forward",
         "Forward in training",
         "",
         train,
         {{"."}, {"Alt+Right"}},
         "Shows the model at the next kept training step, at last as it is now.",
         [](C& c, Text) { c.move_in_training(1); }},
        {"train-at",
         "Go to a training step",
         "STEP|live",
         train,
         {},
         "Shows the model at the latest kept training step up to this one, or as it is now.",
         [](C& c, Text a) { c.look_at_training(a.empty() ? "live" : a); }},
        {"train-start",
         "Start training on a text",
         "FILE",
         train,
         {},
         "Begins a training run on a text file; without one, on the generated corpus.",
         [](C& c, Text a) { c.start_training(std::string(a)); }},
        {"train-restart",
         "Restart training",
         "SEED",
         train,
         {},
         "Begins the training run again with other first weights and order of the text.",
         [](C& c, Text a) { c.restart_training(a); }},
        {"train-stop",
         "Stop training",
         "",
         train,
         {},
         "Ends the training run; its last weights stay the model.",
         [](C& c, Text) { c.stop_training(); }},
        {"train-save",
         "Save the training run",
         "FOLDER",
         train,
         {},
         "Saves model, history and the state to go on from into a new folder.",
         [](C& c, Text a) { c.save_training(std::string(a)); }},
        {"train-set",
         "Set a training setting",
         "NAME=VALUE",
         train,
         {},
         "Changes lr, gamma, lambda, alpha, balance, hot and others, also while it trains.",
         [](C& c, Text a) { c.set_training(a); }},
        {"train-kick",
         "Kick an expert",
         "LAYER EXPERT BY",
         train,
         {},
         "Adds to the bias of an expert of the training run (layers.1 3 0.2); the balance of loads "
         "undoes it, gamma a step.",
         [](C& c, Text a) { c.kick_expert(a); }},
        {"train-follow",
         "Follow training",
         "on|off",
         train,
         {},
         "Whether what is shown is run again with the newest weights while it trains.",
         [](C& c, Text a) { c.follow_training(switched("train-follow", a, c.state().follow)); }},
        {"train-panel",
         "Fold the training section",
         "on|off",
         train,
         {},
         "Folds or unfolds the training section of the panel.",
         [](C& c, Text a) {
             c.set_training_panel(switched("train-panel", a, c.training_panel_open()));
         }},
    };
}

}  // namespace sf
