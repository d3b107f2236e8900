#include "app/controller.h"

#include "core/error.h"
#include "core/io/checkpoint.h"

#include <cmath>

namespace sf {

FigureRequest Controller::figure_request(int pane) const {
    const Frame f = frame(pane);
    FigureRequest r;
    r.view = &view(pane);
    r.cursor = f.cursor;
    r.cursor.within = 1;
    r.settings = *f.settings;
    r.dark = state_.dark;
    r.text_percent = state_.text_percent;
    r.width = std::max(1, static_cast<int>(std::lround(f.area.w)));
    r.height = std::max(1, static_cast<int>(std::lround(f.area.h)));
    r.derived = *derived_;
    r.train_step = shown_probe_;
    if (f.runs != nullptr) r.runs = *f.runs;
    r.backend = chosen_;
    r.run_arguments = run_arguments_;
    if (shown_probe_ >= 0) r.run_arguments = {"--train-step", std::to_string(shown_probe_)};
    if (shows_other(pane)) {
        add_other_run(r);
        return r;
    }
    r.trace = plain_->trace;
    r.edited = edited_;
    r.edits = edits();
    r.timeline = timeline_;
    r.history = snapshot_->history();
    r.model_arguments = model_arguments_;
    r.unnamed = !name_weights(r);
    return r;
}

// The right pane's: the same run of another model.
void Controller::add_other_run(FigureRequest& r) const {
    const NamedRun* const run = other_run();
    r.unnamed = run == nullptr || beside_ == nullptr || run->model->folder.empty();
    if (run == nullptr || beside_ == nullptr) return;
    r.trace = beside_->trace;
    r.timeline = beside_->timeline;
    r.history = run->history;
    r.model_arguments = {"--model", run->model->folder.string()};
}

// "stepformer-map-12.png", or with -2, -3 ... where that is taken.
std::filesystem::path Controller::free_name(const std::string& stem,
                                            const std::string& ending) const {
    constexpr int most = 10000;
    std::error_code ignored;
    for (int n = 1; n < most; ++n) {
        std::string name = stem;
        if (n > 1) name.append("-").append(std::to_string(n));
        const auto file = save_folder_ / name.append(".").append(ending);
        if (!std::filesystem::exists(file, ignored)) return file;
    }
    throw UserError((save_folder_ / (stem + "." + ending)).string(), "",
                    "so many pictures of this name are there already");
}

std::string Controller::step_label() const {
    return snapshot_->trace ? std::to_string(state_.step) : "empty";
}

void Controller::save_view(const std::string& name) {
    const FigureRequest request = figure_request(state_.focus);
    const std::string stem = "stepformer-" + request.view->id() + "-" + step_label();
    const std::filesystem::path file =
        name.empty() ? free_name(stem, state_.save_format) : save_folder_ / name;
    export_figure(request, file);
    const std::string command = figure_command(request, file.string());
    if (host_.print) {
        host_.print(std::filesystem::absolute(file).lexically_normal().string());
        if (!command.empty()) host_.print(command);
    }
    say("Saved " + file.lexically_normal().string());
    if (name.empty())
        for (const char* format : {"png", "svg", "pdf"})
            if (format != state_.save_format)
                toast_.offers.push_back(
                    {format, "save " + free_name(stem, format).filename().string()});
}

void Controller::save_window(const std::string& name) {
    if (!host_.window_png) throw UserError("save-window", "", "there is no window here");
    const std::filesystem::path file =
        name.empty() ? free_name("stepformer-window-" + step_label(), "png") : save_folder_ / name;
    write_file(file, host_.window_png());
    if (host_.print) host_.print(std::filesystem::absolute(file).lexically_normal().string());
    say("Saved " + file.lexically_normal().string());
}

void Controller::set_save_format(const std::string& format) {
    if (format != "png" && format != "svg" && format != "pdf")
        throw UserError("save-format", "", "takes 'png', 'svg' or 'pdf', not '" + format + "'");
    state_.save_format = format;
    changed();
}

void Controller::copy_text(const std::string& text, const std::string& what) {
    if (host_.copy) host_.copy(text);
    say("Copied " + what);
}

void Controller::copy_command() {
    const FigureRequest request = figure_request(state_.focus);
    if (request.unnamed)
        throw UserError("copy-command", "",
                        "the weights of this picture are only in memory; train-save FOLDER keeps "
                        "them where a command line finds them");
    const std::string command =
        figure_command(request, request.view->id() + "." + state_.save_format);
    if (command.empty())
        throw UserError("copy-command", "",
                        "a run that this picture compares with is only in memory; run-save NAME "
                        "FOLDER keeps it where a command line finds it");
    copy_text(command, "the command line");
}

void Controller::copy_description() {
    copy_text(description(state_.focus), "the description");
}

}  // namespace sf
