#include "core/io/history_format.h"
#include "core/io/history_io.h"
#include "core/io/json_text.h"
#include "core/io/trace_io.h"
#include "core/run/probe.h"

#include <algorithm>
#include <utility>

namespace sf {

using namespace history_format;

namespace {

class Writer {
public:
    Writer(HistoryTensors& out, std::string prefix) : out_(out), prefix_(std::move(prefix)) {}

    // One tensor of all records: `row(record, tensor, i)` fills what begins at i.
    template <class Row>
    void records(const char* name, const History& history, Shape shape, DType dtype, Row&& row) {
        auto tensor = std::make_shared<Tensor>(shape, dtype);
        const std::size_t width =
            history.empty() ? 0 : static_cast<std::size_t>(shape.size()) / history.size();
        for (std::size_t i = 0; i < history.size(); ++i) row(history[i], *tensor, i * width);
        out_.tensors.push_back({prefix_ + name, tensor->view(),
                                dtype == DType::i64 ? StoredType::i64 : StoredType::f32});
        out_.owned.push_back(std::move(tensor));
    }
    void probe(std::int64_t step, const Trace& trace, StoredType real) {
        const std::string begin = probe_prefix(prefix_) + std::to_string(step) + ".";
        for (NodeId id = 0; id < trace.graph->size(); ++id) {
            TensorPtr tensor = is_probe_node(*trace.graph, id) ? trace.share(id) : nullptr;
            if (!tensor) continue;
            out_.tensors.push_back({begin + (*trace.graph)[id].name, tensor->view(),
                                    tensor->dtype == DType::i64 ? StoredType::i64 : real});
            out_.owned.push_back(std::move(tensor));
        }
    }

private:
    HistoryTensors& out_;
    std::string prefix_;
};

std::string about_json(const History& history) {
    const auto steps = history.probe_steps();
    const TracePtr first = steps.empty() ? nullptr : history.probe(steps.front());
    nlohmann::ordered_json json;
    json["format"] = format_name;
    json["format_version"] = format_version;
    json["stride"] = history.stride();
    json["budget"] = history.budget();
    json["layers"] = history.layers();
    json["floor"] = nullptr;
    if (history.about.floor) json["floor"] = *history.about.floor;
    json["corpora"] = history.about.corpora;
    json["probe_text"] = history.about.probe_text;
    json["row_tokens"] = history.about.row_tokens;
    json["model_name"] = first ? first->model_name : "";
    json["attention"] = attention_name(first ? first->graph->attention : AttentionMode::naive);
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

HistoryTensors history_tensors(const History& history, const std::string& prefix,
                               StoredType probes) {
    HistoryTensors out;
    Writer writer(out, prefix);
    const auto n = static_cast<std::int64_t>(history.size());
    const auto layers = static_cast<std::int64_t>(history.layers().size());
    writer.records("step", history, {n}, DType::i64,
                   [](const StepRecord& r, Tensor& t, std::size_t i) { t.ints[i] = r.step; });
    writer.records("tokens", history, {n}, DType::i64,
                   [](const StepRecord& r, Tensor& t, std::size_t i) { t.ints[i] = r.tokens; });
    const auto number = [&](const Series& series) {
        writer.records(series.name, history, {n}, DType::real,
                       [&](const StepRecord& r, Tensor& t, std::size_t i) {
                           t.real[i] = static_cast<Real>(r.*series.value);
                       });
    };
    for (const auto& series : all_series) number(series);
    number(floor_series);
    const auto list = [](const auto& from, auto& to, std::size_t begin) {
        std::copy(from.begin(), from.end(), to.begin() + static_cast<std::ptrdiff_t>(begin));
    };
    writer.records(
        "mtp_loss", history, {n, history.mtp_depths()}, DType::real,
        [&](const StepRecord& r, Tensor& t, std::size_t i) { list(r.mtp_loss, t.real, i); });
    writer.records("load", history, {n, layers, history.experts()}, DType::i64,
                   [&](const StepRecord& r, Tensor& t, std::size_t i) { list(r.load, t.ints, i); });
    writer.records("bias", history, {n, layers, history.experts()}, DType::real,
                   [&](const StepRecord& r, Tensor& t, std::size_t i) { list(r.bias, t.real, i); });
    for (const std::int64_t step : history.probe_steps())
        writer.probe(step, *history.probe(step), probes);
    out.metadata.emplace(prefix + "about", about_json(history));
    if (!history.about.beginnings.empty())
        out.metadata.emplace(prefix + "written", written_json(history));
    return out;
}

void write_history(const std::filesystem::path& file, const History& history, std::size_t records) {
    const auto out =
        history_tensors(history.thinned(records, shipped_probes), "", StoredType::bf16);
    write_safetensors(file, out.tensors, out.metadata);
}

}  // namespace sf
