#include "app/command_arguments.h"
#include "app/controller.h"

namespace sf {

namespace {

using C = Controller;
using Text = std::string_view;

constexpr const char* keep = "Keep";

}  // namespace

std::vector<AppCommand> keeping_commands() {
    return {
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

}  // namespace sf
