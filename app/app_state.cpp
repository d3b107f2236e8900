#include "app/app_state.h"

#include "app/session.h"
#include "core/error.h"
#include "core/io/checkpoint.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace sf {

namespace {

using nlohmann::json;

constexpr std::int64_t state_limit = 1 << 20;

json to_json(const SettingValue& value) {
    return std::visit([](const auto& v) { return json(v); }, value);
}

SettingValue setting_from(const json& value) {
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_number()) return value.get<double>();
    return value.get<std::string>();
}

// Reads the fields that are there; a wrong type names the field.
class Reader {
public:
    Reader(const json& object, const std::string& file) : object_(object), file_(file) {}
    template <class T>
    void field(const char* name, T& into) const {
        const auto it = object_.find(name);
        if (it == object_.end()) return;
        try {
            into = it->template get<T>();
        } catch (const json::exception&) {
            throw UserError(file_, name, "has the wrong type");
        }
    }

private:
    const json& object_;
    const std::string& file_;
};

}  // namespace

std::filesystem::path standard_state_file() {
    const char* config = std::getenv("XDG_CONFIG_HOME");
    if (config && *config == '/')
        return std::filesystem::path(config) / "stepformer" / "state.json";
    const char* home = std::getenv("HOME");
    if (!home || !*home) return {};
    return std::filesystem::path(home) / ".config" / "stepformer" / "state.json";
}

std::string state_json(const AppState& s) {
    json settings = json::object();
    for (const auto& [view, values] : s.settings) {
        json one = json::object();
        for (const auto& [name, value] : values) one[name] = to_json(value);
        settings[view] = std::move(one);
    }
    json runs = json::array();
    for (const RunFolder& run : s.runs)
        runs.push_back({{"name", run.name}, {"folder", run.folder}});
    const json object = {{"views", s.views},
                         {"focus", s.focus},
                         {"settings", std::move(settings)},
                         {"theme", s.dark ? "dark" : "light"},
                         {"text_percent", s.text_percent},
                         {"reduce_motion", s.reduce_motion},
                         {"panel", s.panel},
                         {"playing", s.playing},
                         {"save_format", s.save_format},
                         {"prompt", s.prompt},
                         {"step", s.step},
                         {"token", s.token},
                         {"train_step", s.train_step},
                         {"follow", s.follow},
                         {"training", s.training},
                         {"training_panel", s.training_panel},
                         {"runs", std::move(runs)},
                         {"compare", s.compare}};
    return object.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

AppState parse_state(std::string_view text, const std::string& file) {
    const json object = json::parse(text, nullptr, false);
    if (!object.is_object()) throw UserError(file, "", "is not a JSON object");
    AppState s;
    const Reader read(object, file);
    std::string theme = "light";
    read.field("views", s.views);
    read.field("focus", s.focus);
    read.field("theme", theme);
    read.field("text_percent", s.text_percent);
    read.field("reduce_motion", s.reduce_motion);
    read.field("panel", s.panel);
    read.field("playing", s.playing);
    read.field("save_format", s.save_format);
    read.field("prompt", s.prompt);
    read.field("step", s.step);
    read.field("token", s.token);
    read.field("train_step", s.train_step);
    read.field("follow", s.follow);
    read.field("training", s.training);
    read.field("training_panel", s.training_panel);
    read.field("compare", s.compare);
    if (const auto it = object.find("runs"); it != object.end()) {
        try {
            for (const json& run : *it)
                s.runs.push_back(
                    {run.at("name").get<std::string>(), run.at("folder").get<std::string>()});
        } catch (const json::exception&) {
            throw UserError(file, "runs", "has the wrong type");
        }
    }
    if (const auto it = object.find("settings"); it != object.end()) {
        try {
            for (const auto& [view, values] : it->items())
                for (const auto& [name, value] : values.items())
                    s.settings[view][name] = setting_from(value);
        } catch (const json::exception&) {
            throw UserError(file, "settings", "has the wrong type");
        }
    }
    s.dark = theme == "dark";
    if (s.views.empty()) s.views = {"map"};
    if (s.views.size() > 2) s.views.resize(2);
    s.focus = std::clamp(s.focus, 0, static_cast<int>(s.views.size()) - 1);
    s.text_percent = std::clamp(s.text_percent, min_text_percent, max_text_percent);
    if (s.save_format != "svg" && s.save_format != "pdf") s.save_format = "png";
    if (s.panel != "on" && s.panel != "off") s.panel = "auto";
    s.step = std::max<std::int64_t>(s.step, 0);
    s.token = std::max<std::int64_t>(s.token, -1);
    s.train_step = std::max<std::int64_t>(s.train_step, -1);
    if (s.training_panel != "on" && s.training_panel != "off") s.training_panel = "auto";
    return s;
}

AppState load_state(const std::filesystem::path& file, std::string& message) {
    std::error_code ignored;
    if (file.empty() || !std::filesystem::exists(file, ignored)) return {};
    try {
        return parse_state(read_file(file, state_limit), file.string());
    } catch (const UserError& error) {
        message = std::string(error.what()) + "; starting afresh";
        return {};
    }
}

void save_state(const std::filesystem::path& file, const AppState& state) {
    if (file.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) throw UserError(file.parent_path().string(), "", error.message());
    write_file(file, state_json(state));
}

}  // namespace sf
