#include "core/error.h"
#include "core/io/history_format.h"
#include "core/io/json_text.h"

#include <charconv>
#include <string_view>

namespace sf::history_format {

namespace {

using Json = nlohmann::json;

constexpr std::size_t most_beginnings = 64;
constexpr std::size_t most_ids = std::size_t{1} << 12;
constexpr std::size_t most_kind = 256;

class Reader {
public:
    Reader(const std::string& source, History& history) : source_(source), history_(history) {}

    void read(const Json& json) {
        const Json& beginnings = field(json, "beginnings");
        if (!beginnings.is_array() || beginnings.size() > most_beginnings)
            refuse("beginnings must be a list of at most " + std::to_string(most_beginnings) +
                   ", got " + json_kind(beginnings));
        for (const Json& one : beginnings) history_.about.beginnings.push_back(beginning(one));
        const Json& steps = field(json, "steps");
        if (!steps.is_object()) refuse("steps must be an object, got " + json_kind(steps));
        for (const auto& [name, texts] : steps.items()) read_step(name, texts);
    }

private:
    [[noreturn]] void refuse(const std::string& reason) const {
        throw UserError(source_, "", reason);
    }

    const Json& field(const Json& json, const char* name) const {
        if (!json.is_object()) refuse("must be an object, got " + json_kind(json));
        const auto found = json.find(name);
        if (found == json.end()) refuse(std::string(name) + " is missing");
        return *found;
    }
    std::vector<std::int64_t> ids(const Json& json, const char* what) const {
        if (!json.is_array() || json.size() > most_ids)
            refuse(std::string(what) + " must be a list of at most " + std::to_string(most_ids) +
                   " ids, got " + json_kind(json));
        const auto vocab = static_cast<std::uint64_t>(history_.config().vocab_size);
        std::vector<std::int64_t> list;
        for (const Json& id : json) {
            if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= vocab)
                refuse(std::string(what) + " must hold ids below " + std::to_string(vocab) +
                       ", got " + json_kind(id));
            list.push_back(id.get<std::int64_t>());
        }
        return list;
    }
    Beginning beginning(const Json& json) const {
        const Json& kind = field(json, "kind");
        if (!kind.is_string() || kind.get_ref<const std::string&>().size() > most_kind)
            refuse("kind must be a short string, got " + json_kind(kind));
        return {kind.get<std::string>(), ids(field(json, "prompt"), "prompt"),
                ids(field(json, "answer"), "answer")};
    }
    void read_step(const std::string& name, const Json& texts) {
        std::int64_t step = -1;
        const char* const end = name.data() + name.size();
        const auto result = std::from_chars(name.data(), end, step);
        if (result.ec != std::errc{} || result.ptr != end || step < 0 || !kept(step))
            refuse("steps names a step without a probe");
        if (!texts.is_array() || texts.size() != history_.about.beginnings.size())
            refuse("step " + std::to_string(step) + " must be a list of " +
                   std::to_string(history_.about.beginnings.size()) + " texts, got " +
                   json_kind(texts));
        Written written;
        for (const Json& text : texts) written.push_back(ids(text, "a text"));
        history_.add_written(step, std::move(written));
    }
    bool kept(std::int64_t step) const {
        const TracePtr probe = history_.probe(step);
        return probe && probe->trained_step == step;
    }

    const std::string& source_;
    History& history_;
};

}  // namespace

std::string written_json(const History& history) {
    nlohmann::ordered_json beginnings = nlohmann::ordered_json::array();
    for (const Beginning& b : history.about.beginnings)
        beginnings.push_back({{"kind", b.kind}, {"prompt", b.prompt}, {"answer", b.answer}});
    nlohmann::ordered_json steps = nlohmann::ordered_json::object();
    for (const std::int64_t step : history.probe_steps())
        if (const auto written = history.written(step)) steps[std::to_string(step)] = *written;
    const nlohmann::ordered_json json{{"beginnings", beginnings}, {"steps", steps}};
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void read_written(const std::string& json, const std::string& source, History& history) {
    Reader(source, history).read(parse_json(json, source));
}

}  // namespace sf::history_format
