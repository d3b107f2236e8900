#pragma once

#include "app/backend_choice.h"
#include "core/run/edited_run.h"
#include "core/run/history.h"
#include "core/run/timeline.h"
#include "core/run/trace.h"
#include "views/view.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// One picture of one view, as the window and the command line both make it. Knows no window and no
// options' syntax. Sizes are logical pixels; the PNG has size x scale pixels.
struct FigureRequest {
    const View* view = nullptr;
    TracePtr trace;  // null: the view's empty state
    std::shared_ptr<const Timeline> timeline;
    // Values of the run that are set; the view's settings may set further ones.
    std::vector<Edit> edits;
    std::shared_ptr<const EditedRun> edited;  // the run with all of them, where it is there
    std::shared_ptr<const History> history;   // of the training; null: none
    std::vector<NamedRun> runs;               // to compare with
    ChosenBackend backend;                    // a device to measure on
    std::int64_t train_step = -1;             // that the trace is the probe of; -1: none
    Derived derived;  // what is there already of the view's needs; the rest is computed
    Cursor cursor;
    Settings settings;  // only those that differ from the default
    bool dark = false;
    int text_percent = 100;  // 75..300
    int width = 1280, height = 720;
    double scale = 1;  // of PNG
    // How the command line names model and run, for the command in the file's metadata:
    // {"--preset", "nano", "--seed", "7"} and {"--prompt", "the cat"}.
    std::vector<std::string> model_arguments, run_arguments;
    bool unnamed = false;  // no command line makes it: the weights are nowhere but in memory
};

enum class FigureFormat : std::uint8_t { png, svg, pdf };

// By the file's extension; throws UserError for any other.
FigureFormat figure_format(const std::filesystem::path& file);

Theme figure_theme(const FigureRequest& request);
// The view's frame for this request. Points into `request` and `theme`, which must outlive it.
Frame figure_frame(const FigureRequest& request, const Theme& theme);
// Computes what the view needs and is not there.
void settle_figure(FigureRequest& request);

// The file's bytes; the same request gives the same bytes. Title and description (View::describe)
// and the command that makes the same picture are stored in it.
std::string render_figure(const FigureRequest& request, FigureFormat format);

// The same into a file (written to a temporary name and renamed; format by extension). Throws
// UserError.
void export_figure(const FigureRequest& request, const std::filesystem::path& file);

// "stepformer figure map --prompt 'the cat' --at 3 -o map.png", quoted for a POSIX shell; empty for
// what no command line makes: weights, or a run compared with, that are only in memory.
std::string figure_command(const FigureRequest& request, const std::string& output);

std::string shell_quote(const std::string& word);

}  // namespace sf
