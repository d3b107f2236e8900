#include "app/exporter.h"

#include "app/named_run.h"
#include "app/shipped_model.h"

#include "core/error.h"
#include "core/io/checkpoint.h"
#include "views/canvas/cairo_canvas.h"
#include "views/canvas/recording_canvas.h"
#include "views/canvas/svg_canvas.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace sf {

namespace {

std::string number_text(double value) {
    std::array<char, 32> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), result.ptr};
}

std::string setting_value_text(const SettingValue& value) {
    if (const bool* toggle = std::get_if<bool>(&value)) return *toggle ? "true" : "false";
    if (const double* number = std::get_if<double>(&value)) return number_text(*number);
    return std::get<std::string>(value);
}

}  // namespace

FigureFormat figure_format(const std::filesystem::path& file) {
    std::string extension = file.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (extension == ".png") return FigureFormat::png;
    if (extension == ".svg") return FigureFormat::svg;
    if (extension == ".pdf") return FigureFormat::pdf;
    throw UserError(file.string(), "", "a figure's name ends in .png, .svg or .pdf");
}

Theme figure_theme(const FigureRequest& request) {
    const double text_scale = request.text_percent / 100.0;
    return request.dark ? Theme::dark_theme(text_scale) : Theme::light(text_scale);
}

Frame figure_frame(const FigureRequest& request, const Theme& theme) {
    Frame frame;
    frame.trace = request.trace.get();
    frame.timeline = request.timeline.get();
    frame.cursor = request.cursor;
    if (request.edited) {
        frame.trace = request.edited->run.get();
        frame.base = request.edited->base.get();
        frame.timeline = request.edited->timeline.get();
        if (request.timeline != request.edited->timeline && request.timeline &&
            request.cursor.step < request.timeline->size())
            frame.cursor.step = std::max<std::int64_t>(
                0, frame.timeline->find((*request.timeline)[request.cursor.step].name));
    }
    frame.history = request.history.get();
    if (!request.runs.empty()) frame.runs = &request.runs;
    frame.gpu = request.backend.backend;
    frame.gpu_note = request.backend.note;
    frame.train_step = request.train_step;
    frame.derived = &request.derived;
    frame.settings = &request.settings;
    if (frame.trace != nullptr) frame.twin = shipped_twin(frame.trace->graph->config);
    frame.theme = &theme;
    frame.area = {0, 0, static_cast<double>(request.width), static_cast<double>(request.height)};
    return frame;
}

namespace {

// What the view's own settings set beside the request's edits.
std::vector<Edit> edits_of_view(const FigureRequest& request, const Theme& theme) {
    FigureRequest plain = request;
    plain.edited = nullptr;
    return plain.trace ? request.view->edits(figure_frame(plain, theme)) : std::vector<Edit>{};
}

void settle_edits(FigureRequest& request, const Theme& theme) {
    std::vector<Edit> all = request.edits;
    for (const Edit& e : edits_of_view(request, theme))
        if (std::find(all.begin(), all.end(), e) == all.end()) all.push_back(e);
    if (all.empty()) request.edited = nullptr;
    if (all.empty() || (request.edited && request.edited->base == request.trace &&
                        request.edited->run->edits == all))
        return;
    const Derived::Entry entry =
        Derived::computed(edited_run(request.trace, all), [](double) { return true; });
    if (!entry.value) throw UserError(entry.error);
    request.edited = std::dynamic_pointer_cast<const EditedRun>(entry.value);
}

}  // namespace

void settle_figure(FigureRequest& request) {
    const Theme theme = figure_theme(request);
    settle_edits(request, theme);
    request.derived.settle(request.view->needs(figure_frame(request, theme)));
}

std::string render_figure(const FigureRequest& asked, FigureFormat format) {
    FigureRequest request = asked;
    settle_figure(request);
    const Theme theme = figure_theme(request);
    const Frame frame = figure_frame(request, theme);
    const double width = frame.area.w, height = frame.area.h;
    const char* const name[] = {"png", "svg", "pdf"};
    const PictureInfo info{
        request.view->title(), request.view->describe(frame),
        figure_command(request, request.view->id() + "." + name[static_cast<std::size_t>(format)])};
    if (format == FigureFormat::svg) {
        SvgCanvas canvas(width, height, theme.background, info);
        request.view->draw(canvas, frame);
        return canvas.finish();
    }
    const auto canvas = format == FigureFormat::png
                            ? CairoCanvas::png(width, height, request.scale, theme.background, info)
                            : CairoCanvas::pdf(width, height, theme.background, info);
    request.view->draw(*canvas, frame);
    return canvas->finish();
}

void export_figure(const FigureRequest& request, const std::filesystem::path& file) {
    write_file(file, render_figure(request, figure_format(file)));
}

std::string shell_quote(const std::string& word) {
    const auto plain = [](unsigned char c) {
        return std::isalnum(c) ||
               std::string_view("-_./=:,+@%").find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

namespace {

// Whether the picture would be another one without the runs to compare with.
bool shows_runs(const FigureRequest& request) {
    if (request.runs.empty()) return false;
    const Theme theme = figure_theme(request);
    Frame frame = figure_frame(request, theme);
    RecordingCanvas with(frame.area), without(frame.area);
    request.view->draw(with, frame);
    frame.runs = nullptr;
    request.view->draw(without, frame);
    return !(with == without);
}

bool in_memory(const NamedRun& run) {
    return run.model->folder.empty();
}

std::string compare_argument(const NamedRun& run) {
    const std::string folder = run.model->folder.string();
    return run.name == standard_run_name(folder) ? folder : folder + "=" + run.name;
}

}  // namespace

std::string figure_command(const FigureRequest& request, const std::string& output) {
    if (request.unnamed) return {};
    const bool compares = shows_runs(request);
    if (compares && std::any_of(request.runs.begin(), request.runs.end(), in_memory)) return {};
    std::vector<std::string> words = {"stepformer", "figure", request.view->id()};
    const auto add = [&](const std::string& option, const std::string& value) {
        words.push_back(option);
        words.push_back(value);
    };
    words.insert(words.end(), request.model_arguments.begin(), request.model_arguments.end());
    words.insert(words.end(), request.run_arguments.begin(), request.run_arguments.end());
    if (compares)
        for (const NamedRun& run : request.runs) add("--compare", compare_argument(run));
    const bool from_file = std::find(words.begin(), words.end(), "--trace") != words.end();
    if (request.trace && !from_file && request.trace->graph->attention == AttentionMode::absorbed)
        add("--attention", "absorbed");
    if (request.trace && !from_file && request.trace->graph->find("loss") != no_node)
        words.push_back("--grad");
    if (request.backend.backend && request.backend.by_name) add("--backend", "gl");
    const FigureRequest standard;
    if (request.timeline && request.cursor.step < request.timeline->size())
        add("--at", (*request.timeline)[request.cursor.step].name);
    if (request.cursor.within != standard.cursor.within)
        add("--phase", number_text(request.cursor.within));
    if (request.cursor.token >= 0) add("--token", std::to_string(request.cursor.token));
    if (request.cursor.batch != 0) add("--sequence", std::to_string(request.cursor.batch));
    const std::vector<Edit> of_view = edits_of_view(request, figure_theme(request));
    for (const Edit& e : request.edits)
        if (std::find(of_view.begin(), of_view.end(), e) == of_view.end())
            add("--edit", edits_text({e}));
    for (const auto& [name, value] : request.settings)
        add("--set", name + "=" + setting_value_text(value));
    if (request.width != standard.width || request.height != standard.height)
        add("--size", std::to_string(request.width) + "x" + std::to_string(request.height));
    if (request.scale != standard.scale) add("--scale", number_text(request.scale));
    if (request.dark) add("--theme", "dark");
    if (request.text_percent != standard.text_percent)
        add("--text", std::to_string(request.text_percent));
    add("-o", output);

    std::string command;
    for (const auto& word : words) command += (command.empty() ? "" : " ") + shell_quote(word);
    return command;
}

}  // namespace sf
