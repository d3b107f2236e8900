#include "app/cli_arguments.h"
#include "app/cli_interrupt.h"
#include "app/cli_parse.h"
#include "app/cli_run.h"
#include "app/exporter.h"
#include "app/headless.h"
#include "app/named_run.h"
#include "app/window.h"
#include "core/error.h"
#include "core/io/checkpoint.h"

#include <iostream>
#include <limits>
#include <utility>

namespace sf::cli {

namespace {

constexpr double most_pixels = 1e8;  // 400 MB while a PNG is drawn

const View& named_view(const FigureArguments& arguments) {
    std::string known;
    for (const auto& view : views()) known += (known.empty() ? "" : ", ") + view->id();
    if (!arguments.view.given)
        throw UserError(arguments.command + ": VIEW is missing, it is one of " + known);
    const View* const view = find_view(arguments.view.value);
    if (!view)
        throw UserError(arguments.command + ": VIEW: '" + arguments.view.value +
                        "' is not a view, use one of " + known);
    return *view;
}

std::string output_file(const RunArguments& arguments, const Text& output) {
    if (!output.given || output.value.empty())
        throw UserError("-o: " + arguments.command + " needs the name of the file to write");
    return output.value;
}

// Everything about the picture that does not need the run.
FigureRequest picture_of(const FigureArguments& arguments) {
    FigureRequest request;
    request.view = &named_view(arguments);
    if (arguments.size.given) {
        const PixelSize size = parse_size("--size", arguments.size.value);
        request.width = size.width;
        request.height = size.height;
    }
    request.scale = real_or(arguments.scale, "--scale", 0.25, 8, request.scale);
    if (request.width * request.scale * request.height * request.scale > most_pixels)
        throw UserError("--size: " + std::to_string(request.width) + "x" +
                        std::to_string(request.height) + " at scale " +
                        short_number(request.scale) + " is more than 100 million pixels");
    request.dark = choice_or(arguments.theme, "--theme", {"light", "dark"}, "light") == "dark";
    request.text_percent = static_cast<int>(integer_or(arguments.text, "--text", 75, 300, 100));
    request.cursor.within = real_or(arguments.phase, "--phase", 0, 1, 1);
    return request;
}

std::int64_t step_named(const Text& at, const Timeline& timeline) {
    const std::int64_t last = timeline.size() - 1;
    if (!at.given) {
        // The main model's prediction; what MTP modules add comes after it.
        const std::int64_t prediction = timeline.find("probs");
        return prediction >= 0 ? prediction : last;
    }
    const std::int64_t step = timeline.find(at.value);
    if (step < 0 || step > last)
        throw UserError("--at: '" + at.value + "' is neither a step's number from 0 to " +
                        std::to_string(last) +
                        " nor its name (figure VIEW --list with the same run names them)");
    return step;
}

// A picture of a gradient needs the backward pass, whether or not it was asked for by name.
FigureArguments with_gradients(FigureArguments arguments) {
    const std::string prefix(gradient_prefix);
    bool needed = arguments.at.value.starts_with(prefix);
    for (const std::string& set : arguments.set)
        for (const std::string& words :
             {std::string("gradient=true"), "node=" + prefix, "compare=" + prefix})
            needed = needed || set.starts_with(words);
    if (needed && !arguments.trace.given) arguments.grad = true;
    return arguments;
}

// The run, the place in it and the settings, into a request made by `picture_of`.
void add_run(FigureRequest& request, const FigureArguments& arguments, ChosenRun run) {
    request.trace = std::move(run.trace);
    request.timeline = std::make_shared<Timeline>(*request.trace);
    request.history = std::move(run.history);
    request.runs = compared_runs(arguments.compare);
    request.backend = run.backend;
    if (arguments.train_step.given) request.train_step = request.trace->trained_step;
    request.model_arguments = std::move(run.model_arguments);
    request.run_arguments = std::move(run.run_arguments);
    request.cursor.step = step_named(arguments.at, *request.timeline);
    const Extent& extent = request.trace->extent;
    request.cursor.token =
        integer_or(arguments.token, "--token", 0, extent.tokens - 1, request.cursor.token);
    request.cursor.batch = integer_or(arguments.sequence, "--sequence", 0, extent.batch - 1, 0);
    for (const std::string& edit : arguments.edits) try {
            request.edits.push_back(read_edit(*request.trace, edit));
        } catch (const UserError& error) {
            throw UserError(std::string("--") + error.what());
        }
    const Theme theme = figure_theme(request);
    for (const std::string& assignment : arguments.set)
        set_setting(request.settings, *request.view, figure_frame(request, theme), assignment);
}

std::string range_of(const Parameter& parameter) {
    std::string range;
    switch (parameter.type) {
        case Parameter::Type::toggle:
            return "false|true";
        case Parameter::Type::integer:
        case Parameter::Type::real:
            return short_number(parameter.min) + ".." + short_number(parameter.max);
        case Parameter::Type::choice:
            for (const auto& choice : parameter.choices)
                range += (range.empty() ? "" : "|") + choice;
            return range;
        case Parameter::Type::text:
            break;
    }
    return range;
}

const char* type_name(Parameter::Type type) {
    switch (type) {
        case Parameter::Type::toggle:
            return "toggle";
        case Parameter::Type::integer:
            return "integer";
        case Parameter::Type::real:
            return "real";
        case Parameter::Type::choice:
            return "choice";
        case Parameter::Type::text:
            break;
    }
    return "text";
}

const char* kind_name(Step::Kind kind) {
    switch (kind) {
        case Step::Kind::tile:
            return "tile";
        case Step::Kind::gradient:
            return "gradient";
        case Step::Kind::expert:
            return "expert";
        case Step::Kind::operation:
            break;
    }
    return "operation";
}

std::string value_text(const SettingValue& value) {
    if (const bool* toggle = std::get_if<bool>(&value)) return *toggle ? "true" : "false";
    if (const double* number = std::get_if<double>(&value)) return short_number(*number);
    return std::get<std::string>(value);
}

// One field of a list's line: tabs and line ends would break it.
std::string field(std::string text) {
    for (char& c : text)
        if (c == '\t' || c == '\n' || c == '\r') c = ' ';
    return text;
}

void list_line(std::initializer_list<std::string> fields) {
    bool first = true;
    for (const auto& text : fields) {
        if (!std::exchange(first, false)) std::cout << '\t';
        std::cout << field(text);
    }
    std::cout << '\n';
}

int list_views() {
    for (const auto& view : views()) list_line({"view", view->id(), view->title()});
    return 0;
}

int list_view(const FigureArguments& arguments) {
    FigureRequest request = picture_of(arguments);
    if (arguments.prompt.given || arguments.ids.given || arguments.trace.given ||
        arguments.train_step.given)
        add_run(request, arguments, choose_run(with_gradients(arguments)));
    const Theme theme = figure_theme(request);
    for (const Parameter& parameter : request.view->parameters(figure_frame(request, theme)))
        list_line({"parameter", parameter.name, type_name(parameter.type), range_of(parameter),
                   value_text(parameter.standard), parameter.help});
    if (request.timeline) {
        std::int64_t number = 0;
        for (const Step& step : request.timeline->steps())
            list_line({"step", step.name, kind_name(step.kind), std::to_string(number++), "",
                       step.title});
    }
    return 0;
}

SessionOptions session_of(const RunArguments& arguments) {
    SessionOptions session;
    session.engine.threads = threads(arguments);
    session.wish = backend_wish(arguments.backend.given ? arguments.backend.value : "auto");
    check_options(arguments);
    session.runs = compared_runs(arguments.compare);
    const bool has_run = arguments.prompt.given || arguments.ids.given || arguments.trace.given;
    if (has_run || arguments.train_step.given) check_source(arguments, true);
    if (has_run && !arguments.train_step.given) {
        session.run_arguments = source_arguments(arguments);
    }
    if (arguments.trace.given) {
        session.run = Command{OpenTrace{arguments.trace.value}};
        return session;
    }
    if (arguments.train_step.given)
        session.train_step = choose_probe(arguments).trace->trained_step;
    ChosenModel chosen = choose_model(arguments);
    session.model = chosen.model;
    session.model_arguments = chosen.arguments;
    if (!has_run) return session;
    // Refused here, before a window opens on it.
    auto ids = choose_ids(arguments, *chosen.model, false);
    if (arguments.prompt.given)
        session.run = Command{RunPrompt{arguments.prompt.value}};
    else
        session.run = Command{RunIds{std::move(ids)}};
    return session;
}

}  // namespace

int window(const RunArguments& arguments) {
    WindowOptions options;
    static_cast<SessionOptions&>(options) = session_of(arguments);
    options.state_file = standard_state_file();
    return run_window(options);
}

namespace {

// What was left out of the picture, once all is well.
void say_notes(const std::string& note, const std::vector<NamedRun>& runs) {
    if (!note.empty()) say(note);
    for (const NamedRun& run : runs)
        if (!run.model->no_history.empty()) say(run.name + ": " + run.model->no_history);
}

}  // namespace

int figure(const FigureArguments& arguments) {
    if (arguments.list) return arguments.view.given ? list_view(arguments) : list_views();
    FigureRequest request = picture_of(arguments);
    const std::string file = output_file(arguments, arguments.output);
    const FigureFormat format = figure_format(file);
    ChosenRun run = choose_run(with_gradients(arguments));
    const std::string note = run.note;
    add_run(request, arguments, std::move(run));
    const std::string bytes = render_figure(request, format);
    {
        const Uninterrupted writing;
        write_file(file, bytes);
    }
    say_notes(note, request.runs);
    say_backend(request.backend);
    return 0;
}

int describe(const FigureArguments& arguments) {
    FigureRequest request = picture_of(arguments);
    ChosenRun run = choose_run(with_gradients(arguments));
    const std::string note = run.note;
    add_run(request, arguments, std::move(run));
    settle_figure(request);
    const Theme theme = figure_theme(request);
    std::cout << request.view->describe(figure_frame(request, theme)) << '\n';
    say_notes(note, request.runs);
    say_backend(request.backend);
    return 0;
}

int shot(const FigureArguments& arguments) {
    ShotOptions options;
    const std::string file = output_file(arguments, arguments.output);
    if (figure_format(file) != FigureFormat::png)
        throw UserError("-o: " + file + ": a picture of the window is a .png");
    if (arguments.size.given) {
        const PixelSize size = parse_size("--size", arguments.size.value);
        options.width = size.width;
        options.height = size.height;
    }
    options.scale = real_or(arguments.scale, "--scale", 0.25, 8, options.scale);
    if (static_cast<double>(options.width) * options.height > most_pixels)
        throw UserError("--size: " + arguments.size.value + " is more than 100 million pixels");
    if (arguments.theme.given)
        options.theme = parse_choice("--theme", arguments.theme.value, {"light", "dark"});
    if (arguments.text.given)
        options.text_percent = static_cast<int>(integer_or(arguments.text, "--text", 75, 300, 0));
    check_source(arguments, true);
    static_cast<SessionOptions&>(options) = session_of(arguments);
    options.backend = choose_backend(arguments);
    options.commands = arguments.commands;
    if (options.model && !options.model->no_history.empty()) say(options.model->no_history);
    const std::string bytes = shot_png(options);
    say_backend(options.backend);
    const Uninterrupted writing;
    write_file(file, bytes);
    return 0;
}

}  // namespace sf::cli
