#include "app/command_table.h"

#include "app/controller.h"
#include "core/error.h"

#include <charconv>

namespace sf {

namespace {

using Text = std::string_view;

std::int64_t whole_number(const char* command, Text text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        throw UserError(command, "", "'" + std::string(text) + "' is not a whole number");
    return value;
}

// "on", "off" or nothing for the other one.
bool switched(const char* command, Text text, bool now) {
    if (text.empty()) return !now;
    if (text == "on") return true;
    if (text == "off") return false;
    throw UserError(command, "", "takes 'on' or 'off', not '" + std::string(text) + "'");
}

void set_text_percent(Controller& c, Text text) {
    const std::int64_t percent = whole_number("text", text);
    if (percent < min_text_percent || percent > max_text_percent)
        throw UserError("text", "",
                        "takes " + std::to_string(min_text_percent) + " to " +
                            std::to_string(max_text_percent) + " percent, not " +
                            std::string(text));
    c.set_text_percent(static_cast<int>(percent));
}

void set_theme(Controller& c, Text text) {
    if (text.empty()) return c.set_dark(!c.state().dark);
    if (text != "light" && text != "dark")
        throw UserError("theme", "", "takes 'light' or 'dark', not '" + std::string(text) + "'");
    c.set_dark(text == "dark");
}

void use_preset(Controller& c, Text text) {
    const auto space = text.find(' ');
    const std::int64_t seed =
        space == Text::npos ? 0 : whole_number("preset", text.substr(space + 1));
    if (seed < 0) throw UserError("preset", "", "the seed must not be negative");
    c.use_preset(std::string(text.substr(0, space)), static_cast<std::uint64_t>(seed));
}

constexpr const char* walk = "Walk through the run";
constexpr const char* look = "Look";
constexpr const char* run = "Run";
constexpr const char* keep = "Keep";

std::vector<AppCommand> make_table() {
    using C = Controller;
    return {
        {"next",
         "Next step",
         "",
         walk,
         {{"Right"}, {"Space"}},
         "Moves one step on; pressed while a run is in progress, it follows when the run is there.",
         [](C& c, Text) { c.move(Move::next); }},
        {"previous",
         "Previous step",
         "",
         walk,
         {{"Left"}},
         "Goes exactly one step back, to the same picture.",
         [](C& c, Text) { c.move(Move::previous); }},
        {"next-operation",
         "Next operation",
         "",
         walk,
         {{"Shift+Right"}},
         "Moves to the next operation, past tiles and experts.",
         [](C& c, Text) { c.move(Move::next_operation); }},
        {"previous-operation",
         "Previous operation",
         "",
         walk,
         {{"Shift+Left"}},
         "Goes back one operation.",
         [](C& c, Text) { c.move(Move::previous_operation); }},
        {"next-layer",
         "Next layer",
         "",
         walk,
         {{"Ctrl+Right"}},
         "Moves to the beginning of the next layer.",
         [](C& c, Text) { c.move(Move::next_layer); }},
        {"previous-layer",
         "Previous layer",
         "",
         walk,
         {{"Ctrl+Left"}},
         "Goes back one layer.",
         [](C& c, Text) { c.move(Move::previous_layer); }},
        {"first",
         "First step",
         "",
         walk,
         {{"Home"}},
         "Goes to the beginning of the run.",
         [](C& c, Text) { c.move(Move::first); }},
        {"last",
         "Last step",
         "",
         walk,
         {{"End"}},
         "Goes to the end of the run.",
         [](C& c, Text) { c.move(Move::last); }},
        {"step",
         "Go to step",
         "STEP",
         walk,
         {},
         "Goes to a step by its number from 0 or its name.",
         [](C& c, Text a) { c.go_to_step(a); }},
        {"play",
         "Play or pause",
         "",
         walk,
         {{"p"}},
         "Walks on by itself, one step a second, until the end.",
         [](C& c, Text) { c.set_playing(!c.state().playing); }},
        {"token",
         "Follow a token",
         "POSITION",
         walk,
         {},
         "Lights the token at this position from 0 in every view; 'last' follows the last one.",
         [](C& c, Text a) { c.set_token(a == "last" ? -1 : whole_number("token", a)); }},
        {"next-token",
         "Next token",
         "",
         walk,
         {{"]"}},
         "Follows the token to the right.",
         [](C& c, Text) { c.move_token(1); }},
        {"previous-token",
         "Previous token",
         "",
         walk,
         {{"["}},
         "Follows the token to the left.",
         [](C& c, Text) { c.move_token(-1); }},

        {"view",
         "Show a view",
         "VIEW",
         look,
         {{"1", "1"},
          {"2", "2"},
          {"3", "3"},
          {"4", "4"},
          {"5", "5"},
          {"6", "6"},
          {"7", "7"},
          {"8", "8"},
          {"9", "9"}},
         "Shows a view by its name or its number in the list.",
         [](C& c, Text a) { c.show_view(a); }},
        {"beside",
         "Two views side by side",
         "VIEW",
         look,
         {{"b"}},
         "Puts a view beside the one shown; without a name, the inspector or back to one.",
         [](C& c, Text a) { c.show_beside(a); }},
        {"other",
         "Other of two views",
         "",
         look,
         {{"Tab"}},
         "Turns keys and panel to the other of two views.",
         [](C& c, Text) { c.focus_other(); }},
        {"enter",
         "Go into",
         "",
         look,
         {{"Enter"}},
         "Opens the current step's tensor in the inspector.",
         [](C& c, Text) { c.enter(); }},
        {"inspect",
         "Inspect a tensor",
         "TENSOR",
         look,
         {},
         "Opens a tensor by its name in the inspector.",
         [](C& c, Text a) { c.inspect(std::string(a)); }},
        {"back",
         "Back",
         "",
         look,
         {{"Escape"}},
         "Closes what lies over the picture, stops playing, or goes back to the view before.",
         [](C& c, Text) { c.back(); }},
        {"set",
         "Set a parameter",
         "VIEW.NAME=VALUE",
         look,
         {},
         "Sets a parameter of a view; without VIEW, of the one in focus.",
         [](C& c, Text a) { c.set_parameter(a); }},
        {"reset",
         "Reset parameters",
         "",
         look,
         {{"0"}},
         "Sets every parameter of the view in focus back to its default.",
         [](C& c, Text) { c.reset_parameters(); }},
        {"zoom-in",
         "Zoom in",
         "",
         look,
         {{"+"}, {"="}},
         "Makes the picture larger.",
         [](C& c, Text) { c.zoom(1.25); }},
        {"zoom-out",
         "Zoom out",
         "",
         look,
         {{"-"}},
         "Makes the picture smaller.",
         [](C& c, Text) { c.zoom(1 / 1.25); }},
        {"theme",
         "Light or dark",
         "light|dark",
         look,
         {{"t"}},
         "Changes the colours; without an argument, to the other theme.",
         set_theme},
        {"text",
         "Text size",
         "PERCENT",
         look,
         {{"Ctrl+0", "100"}},
         "Sets the size of all text, 75 to 300 percent.",
         set_text_percent},
        {"text-larger",
         "Larger text",
         "",
         look,
         {{"Ctrl++"}, {"Ctrl+="}, {"Ctrl+Shift++"}},
         "Makes all text a quarter of its normal size larger.",
         [](C& c, Text) { c.set_text_percent(c.state().text_percent + 25); }},
        {"text-smaller",
         "Smaller text",
         "",
         look,
         {{"Ctrl+-"}},
         "Makes all text a quarter of its normal size smaller.",
         [](C& c, Text) { c.set_text_percent(c.state().text_percent - 25); }},
        {"panel",
         "Fold the panel",
         "on|off",
         look,
         {{"f"}},
         "Folds or unfolds the panel on the right.",
         [](C& c, Text a) { c.set_panel(switched("panel", a, c.state().panel)); }},
        {"checks",
         "Self-check",
         "",
         look,
         {{"c"}},
         "Shows what must hold of the picture, with the measured figures.",
         [](C& c, Text) { c.toggle(Overlay::checks); }},
        {"reduce-motion",
         "Reduce motion",
         "on|off",
         look,
         {{"m"}},
         "Makes every move instant.",
         [](C& c, Text a) {
             c.set_reduce_motion(switched("reduce-motion", a, c.state().reduce_motion));
         }},

        {"prompt",
         "Run a text",
         "TEXT",
         run,
         {{"/"}},
         "Runs the model on a text; without one, puts the caret into the prompt.",
         [](C& c, Text a) { a.empty() ? c.focus_prompt() : c.run_prompt(std::string(a)); }},
        {"preset",
         "Use an untrained model",
         "NAME SEED",
         run,
         {},
         "Makes a model of a named shape from a seed and runs the prompt through it.",
         use_preset},
        {"model",
         "Open a model",
         "FOLDER",
         run,
         {},
         "Loads config.json and model.safetensors from a folder.",
         [](C& c, Text a) { c.open_model(std::string(a)); }},
        {"trace",
         "Open a trace",
         "FILE",
         run,
         {},
         "Shows a run that was saved to a file.",
         [](C& c, Text a) { c.open_trace(std::string(a)); }},
        {"attention",
         "Way of attention",
         "naive|absorbed",
         run,
         {},
         "Computes attention from expanded keys and values, or straight from the latent.",
         [](C& c, Text a) { c.set_attention(a); }},
        {"continue",
         "Write on",
         "TOKENS",
         run,
         {},
         "Appends the tokens that the model finds most likely, then shows the run.",
         [](C& c, Text a) { c.write_on(a.empty() ? 8 : whole_number("continue", a)); }},

        {"save",
         "Save the view",
         "FILE",
         keep,
         {{"Ctrl+S"}},
         "Saves the view at its step as PNG, SVG or PDF, by the file's ending.",
         [](C& c, Text a) { c.save_view(std::string(a)); }},
        {"save-format",
         "Format of Ctrl+S",
         "png|svg|pdf",
         keep,
         {},
         "Chooses what Ctrl+S writes.",
         [](C& c, Text a) { c.set_save_format(std::string(a)); }},
        {"save-window",
         "Save the whole window",
         "FILE",
         keep,
         {{"Ctrl+Shift+S"}},
         "Saves a picture of the whole window as PNG.",
         [](C& c, Text a) { c.save_window(std::string(a)); }},
        {"copy-command",
         "Copy the command line",
         "",
         keep,
         {{"Ctrl+Shift+C"}},
         "Copies the 'stepformer figure' line that makes the same picture.",
         [](C& c, Text) { c.copy_command(); }},
        {"copy-description",
         "Copy the description",
         "",
         keep,
         {{"Ctrl+D"}},
         "Copies what the view shows, in words.",
         [](C& c, Text) { c.copy_description(); }},

        {"palette",
         "Find anything",
         "",
         keep,
         {{"Ctrl+P"}},
         "Finds any command, view, tensor or step by its name.",
         [](C& c, Text) { c.toggle(Overlay::palette); }},
        {"help",
         "Keys",
         "",
         keep,
         {{"?"}, {"F1"}},
         "Shows all keys over the picture.",
         [](C& c, Text) { c.toggle(Overlay::help); }},
        {"dismiss",
         "Dismiss the message",
         "",
         keep,
         {},
         "Closes the error bar.",
         [](C& c, Text) { c.dismiss_error(); }},
        {"quit",
         "Quit",
         "",
         keep,
         {{"Ctrl+Q"}},
         "Closes the window; the state is kept.",
         [](C& c, Text) { c.quit(); }},
    };
}

}  // namespace

const std::vector<AppCommand>& command_table() {
    static const std::vector<AppCommand> table = make_table();
    return table;
}

const AppCommand* find_command(std::string_view id) {
    for (const AppCommand& command : command_table())
        if (command.id == id) return &command;
    return nullptr;
}

std::string command_of_key(std::string_view chord) {
    for (const AppCommand& command : command_table())
        for (const KeyBinding& key : command.keys)
            if (key.chord == chord)
                return key.argument.empty() ? command.id : command.id + " " + key.argument;
    return {};
}

void carry_out(Controller& controller, std::string_view line) {
    const auto space = line.find(' ');
    const std::string_view id = line.substr(0, space);
    const AppCommand* command = find_command(id);
    if (!command)
        throw UserError("command", std::string(id),
                        "there is no such command; ? lists the keys, "
                        "Ctrl+P finds a command");
    std::string_view argument = space == std::string_view::npos ? "" : line.substr(space + 1);
    if (command->argument.empty() && !argument.empty())
        throw UserError("command", command->id, "takes no argument");
    command->run(controller, argument);
}

}  // namespace sf
