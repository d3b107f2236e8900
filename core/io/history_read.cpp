#include "core/error.h"
#include "core/io/history_format.h"
#include "core/io/history_io.h"
#include "core/io/json_text.h"
#include "core/io/trace_io.h"
#include "core/model/model.h"
#include "core/run/probe.h"
#include "core/text/one_line.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace sf {

using namespace history_format;

namespace {

using Json = nlohmann::json;

constexpr std::int64_t max_count = std::int64_t{1} << 40;  // tokens of a record
constexpr std::size_t max_corpora = 64;
constexpr std::size_t max_text = std::size_t{1} << 16;
constexpr std::int64_t most_row_tokens = std::int64_t{1} << 32;

class Reader {
public:
    Reader(const SafetensorsFile& tensors, const std::string& file, const std::string& prefix,
           const ModelConfig& config)
        : tensors_(tensors), file_(file), prefix_(prefix), config_(config), empty_(config) {}

    History read(const std::shared_ptr<const Tokenizer>& tokenizer) {
        read_about();
        std::vector<StepRecord> records = read_records();
        auto probes = read_probes(tokenizer);
        History history =
            History::restore(config_, budget_, stride_, std::move(records), std::move(probes));
        history.about = std::move(about_);
        if (const auto found = tensors_.metadata().find(prefix_ + "written");
            found != tensors_.metadata().end())
            read_written(found->second, file_ + ": " + prefix_ + "written", history);
        return history;
    }

private:
    [[noreturn]] void refuse(const std::string& field, const std::string& reason) const {
        throw UserError(file_, prefix_ + field, reason);
    }
    [[noreturn]] void refuse_tensor(const std::string& name, const std::string& reason) const {
        throw UserError(file_, "tensor " + one_line(prefix_ + name), reason);
    }

    const Json& field(const Json& json, const char* name) const {
        const auto found = json.find(name);
        if (found == json.end()) refuse("about", std::string(name) + " is missing");
        return *found;
    }
    std::string text(const Json& json, const char* name) const {
        if (!json.is_string() || json.get_ref<const std::string&>().size() > max_text)
            refuse("about", std::string(name) + " must be a short string, got " + json_kind(json));
        return json.get<std::string>();
    }
    std::int64_t whole(const Json& json, const char* name, std::int64_t low,
                       std::int64_t high) const {
        const Json& value = field(json, name);
        if (!value.is_number_unsigned() ||
            value.get<std::uint64_t>() > static_cast<std::uint64_t>(high) ||
            value.get<std::int64_t>() < low)
            refuse("about", std::string(name) + " must be a whole number from " +
                                std::to_string(low) + " to " + std::to_string(high) + ", got " +
                                json_kind(value));
        return value.get<std::int64_t>();
    }
    std::vector<std::string> texts(const Json& json, const char* name, std::size_t limit) const {
        const Json& list = field(json, name);
        if (!list.is_array() || list.size() > limit)
            refuse("about", std::string(name) + " must be a list of at most " +
                                std::to_string(limit) + " strings, got " + json_kind(list));
        std::vector<std::string> result;
        for (const auto& item : list) result.push_back(text(item, name));
        return result;
    }

    void read_about() {
        const auto found = tensors_.metadata().find(prefix_ + "about");
        if (found == tensors_.metadata().end())
            refuse("about", "is missing (not a history of this program?)");
        const Json json = parse_json(found->second, file_ + ": " + prefix_ + "about");
        if (!json.is_object()) refuse("about", "must be an object, got " + json_kind(json));
        if (const auto format = text(field(json, "format"), "format"); format != format_name)
            refuse("about", "format is not " + std::string(format_name) + " but \"" +
                                one_line(format) + "\"");
        whole(json, "format_version", format_version, format_version);
        stride_ = whole(json, "stride", 1, History::max_step);
        if (!std::has_single_bit(static_cast<std::uint64_t>(stride_)))
            refuse("about", "stride must be a power of two, got " + std::to_string(stride_));
        budget_ = static_cast<std::size_t>(whole(json, "budget",
                                                 static_cast<std::int64_t>(History::min_budget),
                                                 static_cast<std::int64_t>(History::max_budget)));
        if (texts(json, "layers", std::numeric_limits<std::size_t>::max()) != empty_.layers())
            refuse("about", "layers are not the MoE layers of this model");
        if (const Json& floor = field(json, "floor"); floor.is_number())
            about_.floor = floor.get<double>();
        else if (!floor.is_null())
            refuse("about", "floor must be a number or null, got " + json_kind(floor));
        about_.corpora = texts(json, "corpora", max_corpora);
        about_.probe_text = text(field(json, "probe_text"), "probe_text");
        // Histories of before November 2026 lack it.
        if (json.contains("row_tokens"))
            about_.row_tokens = whole(json, "row_tokens", 0, most_row_tokens);
        model_name_ = one_line(text(field(json, "model_name"), "model_name"));
        attention_ = parse_attention(text(field(json, "attention"), "attention"),
                                     file_ + ": " + prefix_ + "about");
    }

    // Shape and type are checked before anything is allocated.
    Tensor tensor(const std::string& name, const std::vector<std::int64_t>& shape,
                  DType dtype) const {
        const auto found = tensors_.entries().find(prefix_ + name);
        if (found == tensors_.entries().end()) refuse_tensor(name, "is missing");
        const auto& entry = found->second;
        if (entry.shape != shape) {
            Shape wanted;
            for (const auto n : shape) wanted.push(n);
            refuse_tensor(name, "must be of shape " + to_string(wanted));
        }
        if (entry.type != (dtype == DType::i64 ? StoredType::i64 : StoredType::f32))
            refuse_tensor(name,
                          "dtype " + std::string(stored_type_name(entry.type)) + " does not fit");
        return tensors_.read(prefix_ + name);
    }
    Tensor counts(const std::string& name, const std::vector<std::int64_t>& shape) const {
        Tensor result = tensor(name, shape, DType::i64);
        for (const auto n : result.ints)
            if (n < 0 || n > max_count)
                refuse_tensor(name, "holds " + std::to_string(n) + ", must be from 0 to " +
                                        std::to_string(max_count));
        return result;
    }
    Tensor steps() const {
        const auto found = tensors_.entries().find(prefix_ + "step");
        if (found == tensors_.entries().end()) refuse_tensor("step", "is missing");
        const auto& shape = found->second.shape;
        if (shape.size() != 1 || shape[0] > static_cast<std::int64_t>(budget_))
            refuse_tensor("step", "must be a list of at most " + std::to_string(budget_) +
                                      " steps (the budget)");
        Tensor result = tensor("step", shape, DType::i64);
        for (std::size_t i = 0; i < result.ints.size(); ++i) {
            const std::int64_t step = result.ints[i];
            if (step < 0 || step > History::max_step || (i > 0 && step <= result.ints[i - 1]))
                refuse_tensor("step", "must rise from 0, holds " + std::to_string(step));
            if (step % stride_ != 0 && i + 1 < result.ints.size())
                refuse_tensor("step", std::to_string(step) + " is not a multiple of the stride, " +
                                          std::to_string(stride_));
        }
        return result;
    }

    void read_series(const history_format::Series& series, std::int64_t n,
                     std::vector<StepRecord>& records) const {
        const Tensor values = tensor(series.name, {n}, DType::real);
        for (std::size_t i = 0; i < records.size(); ++i)
            records[i].*series.value = static_cast<float>(values.real[i]);
    }

    std::vector<StepRecord> read_records() const {
        const Tensor step = steps();
        const std::int64_t n = step.shape[0];
        const auto layers = static_cast<std::int64_t>(empty_.layers().size());
        const std::vector<std::int64_t> cells{n, layers, empty_.experts()};
        const Tensor tokens = counts("tokens", {n});
        const Tensor load = counts("load", cells);
        const Tensor bias = tensor("bias", cells, DType::real);
        const Tensor mtp = tensor("mtp_loss", {n, empty_.mtp_depths()}, DType::real);
        std::vector<StepRecord> records(step.ints.size());
        const auto part = [&](const auto& values, std::size_t i, auto& into) {
            const std::size_t width = values.size() / records.size();
            for (std::size_t k = 0; k < width; ++k)
                into.push_back(static_cast<typename std::decay_t<decltype(into)>::value_type>(
                    values[i * width + k]));
        };
        for (std::size_t i = 0; i < records.size(); ++i) {
            records[i].step = step.ints[i];
            records[i].tokens = tokens.ints[i];
            part(load.ints, i, records[i].load);
            part(bias.real, i, records[i].bias);
            part(mtp.real, i, records[i].mtp_loss);
        }
        for (const auto& series : all_series) read_series(series, n, records);
        if (tensors_.entries().contains(prefix_ + floor_series.name))
            read_series(floor_series, n, records);
        else if (about_.floor)
            for (StepRecord& record : records) record.floor = static_cast<float>(*about_.floor);
        return records;
    }

    std::set<std::int64_t> probe_steps() const {
        const std::string begin = probe_prefix(prefix_);
        std::set<std::int64_t> found;
        for (auto at = tensors_.entries().lower_bound(begin);
             at != tensors_.entries().end() && at->first.starts_with(begin); ++at) {
            const std::string name = at->first.substr(prefix_.size());
            const std::string_view rest = std::string_view(at->first).substr(begin.size());
            const auto dot = rest.find('.');
            const std::string_view digits = rest.substr(0, dot);
            std::int64_t step = -1;
            const auto end = digits.data() + digits.size();
            const auto result = std::from_chars(digits.data(), end, step);
            if (dot == std::string_view::npos || result.ec != std::errc{} || result.ptr != end ||
                step < 0 || step > History::max_step || std::to_string(step) != digits)
                refuse_tensor(name, "names no step");
            found.insert(step);
            if (found.size() > History::max_probes)
                refuse_tensor(
                    name, "belongs to one probe more than " + std::to_string(History::max_probes));
        }
        return found;
    }

    // What complete_probe computes must not come from the file: loads that do not belong to the
    // choices would lead it astray.
    void check_probe_names(const Graph& graph, const std::string& begin) const {
        const std::string all = prefix_ + begin;
        for (auto at = tensors_.entries().lower_bound(all);
             at != tensors_.entries().end() && at->first.starts_with(all); ++at) {
            const NodeId id = graph.find(std::string_view(at->first).substr(all.size()));
            if (id == no_node || !is_probe_node(graph, id))
                refuse_tensor(at->first.substr(prefix_.size()), "is not part of a probe");
        }
    }

    std::map<std::int64_t, TracePtr> read_probes(
        const std::shared_ptr<const Tokenizer>& tokenizer) const {
        std::map<std::int64_t, TracePtr> probes;
        const auto steps = probe_steps();
        if (steps.empty()) return probes;
        const auto graph = build_graph(config_, attention_);
        for (const std::int64_t step : steps) {
            const std::string begin = "probe." + std::to_string(step) + ".";
            const auto ids = tensors_.entries().find(prefix_ + begin + "ids");
            if (ids == tensors_.entries().end()) refuse_tensor(begin + "ids", "is missing");
            const auto& shape = ids->second.shape;
            const auto fits = [&](std::int64_t n) { return n >= 1 && n <= max_probe_tokens; };
            if (shape.size() != 2 || !fits(shape[0]) || !fits(shape[1]) ||
                !fits(shape[0] * shape[1]) || shape[1] > config_.max_position_embeddings)
                refuse_tensor(begin + "ids", "must be (sequences, tokens) with at most " +
                                                 std::to_string(max_probe_tokens) + " tokens");
            auto probe = std::make_shared<Trace>();
            probe->graph = graph;
            probe->extent = {shape[0], shape[1], 0};
            probe->tokenizer = tokenizer;
            probe->model_name = model_name_;
            probe->trained_step = step;
            check_probe_names(*graph, begin);
            read_trace_tensors(tensors_, file_, prefix_ + begin, *probe);
            probe->ids = probe->find("ids")->ints;
            for (const auto id : probe->ids)
                probe->tokens.push_back(tokenizer ? tokenizer->label(id) : id_label(id));
            complete_probe(*probe);
            probes.emplace(step, std::move(probe));
        }
        return probes;
    }

    const SafetensorsFile& tensors_;
    const std::string& file_;
    const std::string& prefix_;
    const ModelConfig& config_;
    const History empty_;  // what the config alone says: layers, experts, depths
    HistoryAbout about_;
    std::int64_t stride_ = 1;
    std::size_t budget_ = History::default_budget;
    std::string model_name_;
    AttentionMode attention_ = AttentionMode::naive;
};

}  // namespace

bool has_history(const SafetensorsFile& tensors, const std::string& prefix) {
    return tensors.metadata().contains(prefix + "about");
}

History read_history(const SafetensorsFile& tensors, const std::string& file,
                     const std::string& prefix, const ModelConfig& config,
                     const std::shared_ptr<const Tokenizer>& tokenizer) {
    return Reader(tensors, file, prefix, config).read(tokenizer);
}

History read_history(const std::filesystem::path& file, const ModelConfig& config,
                     const std::shared_ptr<const Tokenizer>& tokenizer) {
    return read_history(SafetensorsFile(file), file.string(), "", config, tokenizer);
}

}  // namespace sf
