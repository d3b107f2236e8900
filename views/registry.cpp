#include "views/registry.h"

#include "core/error.h"
#include "views/draw/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace sf {
namespace {

const char* type_name(Parameter::Type type) {
    switch (type) {
        case Parameter::Type::toggle:
            return "true or false";
        case Parameter::Type::integer:
            return "a whole number";
        case Parameter::Type::real:
            return "a number";
        case Parameter::Type::choice:
            return "a choice";
        case Parameter::Type::text:
            return "a text";
    }
    return "";
}

std::string range_text(const Parameter& p) {
    if (p.type == Parameter::Type::choice) {
        std::string all;
        for (const std::string& c : p.choices) all += (all.empty() ? "" : ", ") + c;
        return "one of " + all;
    }
    if (p.type == Parameter::Type::integer || p.type == Parameter::Type::real)
        return std::string(type_name(p.type)) + " from " + format_number(p.min) + " to " +
               format_number(p.max);
    return type_name(p.type);
}

Parameter declared(const Frame& frame, const View& view, std::string_view name) {
    for (Parameter& p : view.parameters(frame))
        if (p.name == name) return std::move(p);
    std::string known;
    for (const Parameter& p : view.parameters(frame)) known += (known.empty() ? "" : ", ") + p.name;
    throw UserError(view.id() + ": no setting \"" + std::string(name) + "\"; there are " +
                    (known.empty() ? "none" : known));
}

// What is set, where it is of the declared type; else the default. A value saved with another model
// may lie outside today's range: it is held to it.
SettingValue value_of(const Frame& frame, const View& view, std::string_view name) {
    const Parameter p = declared(frame, view, name);
    if (frame.settings == nullptr) return p.standard;
    const auto it = frame.settings->find(std::string(name));
    if (it == frame.settings->end() || it->second.index() != p.standard.index()) return p.standard;
    if (const double* number = std::get_if<double>(&it->second)) {
        if (!std::isfinite(*number)) return p.standard;
        return std::clamp(*number, p.min, std::max(p.min, p.max));
    }
    if (p.type == Parameter::Type::choice &&
        std::find(p.choices.begin(), p.choices.end(), std::get<std::string>(it->second)) ==
            p.choices.end())
        return p.standard;
    return it->second;
}

SettingValue parse(const View& view, const Parameter& p, const std::string& text) {
    const auto refuse = [&]() -> SettingValue {
        throw UserError(view.id() + "." + p.name + ": must be " + range_text(p) + ", not \"" +
                        text + "\"");
    };
    switch (p.type) {
        case Parameter::Type::toggle:
            if (text == "true" || text == "1" || text == "on") return true;
            if (text == "false" || text == "0" || text == "off") return false;
            return refuse();
        case Parameter::Type::integer:
        case Parameter::Type::real: {
            double number = 0;
            const char* const end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, number);
            if (error != std::errc() || stop != end || !(number >= p.min) || !(number <= p.max))
                return refuse();
            if (p.type == Parameter::Type::integer && number != std::floor(number)) return refuse();
            return number;
        }
        case Parameter::Type::choice:
            if (std::find(p.choices.begin(), p.choices.end(), text) == p.choices.end())
                return refuse();
            return text;
        case Parameter::Type::text:
            return text;
    }
    return refuse();
}

}  // namespace

double Parameter::part_of(double value) const {
    if (!(max > min)) return 0;
    const double part = log ? std::log(std::max(value, min) / min) / std::log(max / min)
                            : (value - min) / (max - min);
    return std::clamp(part, 0.0, 1.0);
}

double Parameter::value_at(double part) const {
    part = std::clamp(part, 0.0, 1.0);
    const double v = log ? min * std::pow(max / min, part) : min + (max - min) * part;
    return type == Type::integer ? std::round(v) : v;
}

const std::vector<std::unique_ptr<const View>>& views() {
    static const std::vector<std::unique_ptr<const View>> all = [] {
        std::vector<std::unique_ptr<const View>> list;
        list.push_back(make_map_view());
        list.push_back(make_rope_view());
        list.push_back(make_latent_view());
        list.push_back(make_attention_view());
        list.push_back(make_experts_view());
        list.push_back(make_mtp_view());
        list.push_back(make_training_view());
        list.push_back(make_gpu_view());
        list.push_back(make_inspector_view());
        return list;
    }();
    return all;
}

const View* find_view(std::string_view id) {
    for (const auto& view : views())
        if (view->id() == id) return view.get();
    return nullptr;
}

const NamedRun* find_run(const Frame& frame, std::string_view name) {
    if (frame.runs != nullptr)
        for (const NamedRun& run : *frame.runs)
            if (run.name == name) return &run;
    return nullptr;
}

bool setting_bool(const Frame& frame, const View& view, std::string_view name) {
    return std::get<bool>(value_of(frame, view, name));
}

double setting_number(const Frame& frame, const View& view, std::string_view name) {
    return std::get<double>(value_of(frame, view, name));
}

std::string setting_text(const Frame& frame, const View& view, std::string_view name) {
    return std::get<std::string>(value_of(frame, view, name));
}

void set_setting(Settings& settings, const View& view, const Frame& frame,
                 std::string_view assignment) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string_view::npos || equals == 0)
        throw UserError(view.id() + ": \"" + std::string(assignment) +
                        "\" is no setting: write name=value");
    const Parameter p = declared(frame, view, assignment.substr(0, equals));
    SettingValue value = parse(view, p, std::string(assignment.substr(equals + 1)));
    if (value == p.standard)
        settings.erase(p.name);
    else
        settings[p.name] = std::move(value);
}

}  // namespace sf
