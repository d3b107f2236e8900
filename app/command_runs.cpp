#include "app/command_arguments.h"
#include "app/controller.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace sf {

namespace {

using C = Controller;
using Text = std::string_view;

constexpr const char* compare = "Compare runs";

// "FOLDER" or "FOLDER NAME"; a folder's own name may have spaces.
std::pair<std::string, std::string> folder_and_name(Text text) {
    std::error_code error;
    const auto space = text.rfind(' ');
    if (space == Text::npos || std::filesystem::is_directory(std::filesystem::path(text), error))
        return {std::string(text), ""};
    return {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

void save(C& c, Text text) {
    const auto space = text.find(' ');
    c.save_run(std::string(text.substr(0, space)),
               space == Text::npos ? "" : std::string(text.substr(space + 1)));
}

}  // namespace

std::vector<AppCommand> run_commands() {
    return {
        {"run-keep",
         "Keep this run to compare with",
         "NAME",
         compare,
         {},
         "Keeps the present weights and their history under a name, while the run goes on.",
         [](C& c, Text a) { c.keep_run(std::string(a)); }},
        {"run-load",
         "Load a run to compare with",
         "FOLDER NAME",
         compare,
         {},
         "Loads a saved run; without a name it has the folder's.",
         [](C& c, Text a) {
             const auto [folder, name] = folder_and_name(a);
             c.load_run(folder, name);
         }},
        {"run-save",
         "Save a kept run",
         "NAME FOLDER",
         compare,
         {},
         "Writes a kept run into a new folder, from which it comes back with the session.",
         save},
        {"run-drop",
         "Drop a run",
         "NAME",
         compare,
         {},
         "Forgets a run to compare with; its folder stays.",
         [](C& c, Text a) { c.drop_run(std::string(a)); }},
        {"compare",
         "Compare with a run",
         "NAME",
         compare,
         {{"x"}},
         "Shows the same view of this run left and of another one right; without a name the first "
         "one kept, or back to one picture.",
         [](C& c, Text a) { a.empty() ? c.toggle_compare() : c.compare(std::string(a)); }},
        {"difference",
         "Difference of two runs",
         "",
         compare,
         {{"d"}},
         "Shows the current tensor of this run, of the other one, and their signed difference.",
         [](C& c, Text) { c.show_difference(); }},
    };
}

}  // namespace sf
