#include "core/io/trace_io.h"

#include "core/error.h"
#include "core/io/config_json.h"
#include "core/io/json_text.h"
#include "core/io/safetensors.h"
#include "core/io/tokenizer_json.h"
#include "core/model/model.h"
#include "core/text/one_line.h"
#include "core/text/tokenizer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace sf {

namespace {

using Json = nlohmann::json;

constexpr const char* format_name = "stepformer-trace";
constexpr const char* format_version = "1";
constexpr std::size_t max_tokenizer_bytes = std::size_t{1} << 20;
constexpr const char* training_graph = "training";

bool is_recorded(const Node& node) {
    return node.op != Op::param;
}

// ---- reading

// The texts beside the tensors, asked for by name and type.
class Metadata {
public:
    Metadata(const SafetensorsFile& tensors, std::string file)
        : texts_(tensors.metadata()), file_(std::move(file)) {}

    [[noreturn]] void refuse(const std::string& key, const std::string& reason) const {
        throw UserError(file_, key, reason);
    }
    const std::string& text(const std::string& key) const {
        const auto found = texts_.find(key);
        if (found == texts_.end()) refuse(key, "is missing (not a trace of this program?)");
        return found->second;
    }
    bool has(const std::string& key) const { return texts_.contains(key); }
    Json json(const std::string& key) const {
        Json value = parse_json(text(key), file_ + ": " + key);
        if (!value.is_array()) refuse(key, "must be a list, got " + json_kind(value));
        return value;
    }
    const std::string& file() const { return file_; }
    std::int64_t count(const std::string& key) const {
        const std::string& digits = text(key);
        std::int64_t value = -1;
        const auto end = digits.data() + digits.size();
        const auto result = std::from_chars(digits.data(), end, value);
        if (result.ec != std::errc{} || result.ptr != end || value < 0)
            refuse(key, "must be a whole number from 0, got \"" + one_line(digits) + "\"");
        return value;
    }

private:
    const std::map<std::string, std::string>& texts_;
    std::string file_;
};

void read_ids_and_labels(const Metadata& meta, Trace& trace) {
    const ModelConfig& config = trace.graph->config;
    const Json rows = meta.json("ids");
    if (rows.empty() || !rows.front().is_array() || rows.front().empty())
        meta.refuse("ids", "must be a list of sequences");
    const std::size_t tokens = rows.front().size();
    if (static_cast<std::int64_t>(tokens) > config.max_position_embeddings)
        meta.refuse("ids", "a sequence is longer than the model's context");
    for (const auto& row : rows) {
        if (!row.is_array() || row.size() != tokens)
            meta.refuse("ids", "must be lists of equal length");
        for (const auto& id : row) {
            if (!id.is_number_unsigned() ||
                id.get<std::uint64_t>() >= static_cast<std::uint64_t>(config.vocab_size))
                meta.refuse("ids", "must be in the vocabulary of " +
                                       std::to_string(config.vocab_size) + ", got " +
                                       json_kind(id));
            trace.ids.push_back(id.get<std::int64_t>());
        }
    }
    trace.extent.batch = static_cast<std::int64_t>(rows.size());
    trace.extent.tokens = static_cast<std::int64_t>(tokens);

    for (const auto& label : meta.json("tokens")) {
        if (!label.is_string()) meta.refuse("tokens", "must be strings, got " + json_kind(label));
        trace.tokens.push_back(label.get<std::string>());
    }
    if (trace.tokens.size() != trace.ids.size())
        meta.refuse("tokens", std::to_string(trace.tokens.size()) + " strings do not fit " +
                                  std::to_string(trace.ids.size()) + " ids");
}

// How the vocabulary reads, so that predictions have names.
void read_tokenizer(const Metadata& meta, Trace& trace) {
    const std::string& kind = meta.text("tokenizer");
    const std::int64_t vocab_size = trace.graph->config.vocab_size;
    if (kind == "bytes" && vocab_size >= 256) {
        trace.tokenizer = byte_tokenizer(vocab_size);
    } else if (kind == "json") {
        trace.tokenizer =
            parse_tokenizer(meta.text("tokenizer_json"), meta.file() + ": tokenizer_json");
        if (trace.tokenizer->vocab_size() > vocab_size)
            meta.refuse("tokenizer_json",
                        "has more ids than the vocabulary of " + std::to_string(vocab_size));
    } else if (kind != "none") {
        meta.refuse("tokenizer",
                    "must be none, json, or bytes for a vocabulary of 256 ids at least");
    }
}

// A vocabulary of 128,000 ids has megabytes and stays out: the run's own tokens have their names.
void write_tokenizer(const Tokenizer* tokenizer, std::map<std::string, std::string>& metadata) {
    std::string json = tokenizer && bpe_parts(*tokenizer) ? tokenizer_json(*tokenizer) : "";
    const bool kept = !json.empty() && json.size() <= max_tokenizer_bytes;
    metadata["tokenizer"] = kept ? "json" : tokenizer && json.empty() ? "bytes" : "none";
    if (kept) metadata["tokenizer_json"] = std::move(json);
}

void read_edits(const Metadata& meta, Trace& trace) {
    for (const auto& item : meta.json("edits")) {
        const auto has = [&](const char* key) { return item.is_object() && item.contains(key); };
        if (!has("node") || !item["node"].is_string() || !has("index") ||
            !item["index"].is_number_unsigned() || !has("value") || !item["value"].is_number())
            meta.refuse("edits", "must be objects of node, index and value");
        Edit edit;
        edit.node = item["node"].get<std::string>();
        edit.value = item["value"].get<double>();
        const NodeId id = trace.graph->find(edit.node);
        if (id == no_node) meta.refuse("edits", "name no node: " + one_line(edit.node));
        const auto size = static_cast<std::uint64_t>(trace.shape(id).size());
        if (item["index"].get<std::uint64_t>() >= size)
            meta.refuse("edits", "index " + item["index"].dump() + " is outside " + edit.node +
                                     " of " + std::to_string(size) + " values");
        edit.index = item["index"].get<std::int64_t>();
        trace.edits.push_back(std::move(edit));
    }
}

// What the gradients are of: terms of the training graph. A trace without them has none.
void read_loss(const Metadata& meta, Trace& trace) {
    if (!meta.has("loss_terms")) return;
    const Graph& graph = *trace.graph;
    for (const auto& item : meta.json("loss_terms")) {
        const auto has = [&](const char* key) { return item.is_object() && item.contains(key); };
        if (!has("node") || !item["node"].is_string() || !has("weight") ||
            !item["weight"].is_number())
            meta.refuse("loss_terms", "must be objects of node and weight");
        LossTerm term{item["node"].get<std::string>(), item["weight"].get<double>()};
        const NodeId id = graph.find(term.node);
        if (id == no_node || graph[id].part != Part::loss || trace.shape(id).size() != 1)
            meta.refuse("loss_terms", "name no loss: " + one_line(term.node));
        if (!std::isfinite(term.weight)) meta.refuse("loss_terms", "weights must be finite");
        trace.loss.push_back(std::move(term));
    }
}

// Whole numbers are used as indices by whoever shows or explains a trace. Returns what is wrong.
std::string index_problem(const Node& node, const Tensor& tensor, const ModelConfig& c) {
    const std::int64_t size = tensor.size();
    std::int64_t limit = c.vocab_size;
    switch (node.op) {
        case Op::group_choice:
            limit = c.n_group;
            break;
        case Op::expert_choice:
            limit = c.n_routed_experts;
            break;
        case Op::expert_slots:
            limit = size;
            break;
        case Op::expert_load:
            limit = std::int64_t{1} << 40;
            break;
        default:
            break;
    }
    for (const auto i : tensor.ints)
        if (i < 0 || i >= limit)
            return "holds " + std::to_string(i) + ", must be from 0 to " +
                   std::to_string(limit - 1);
    if (node.op == Op::expert_slots) {
        std::vector<bool> seen(static_cast<std::size_t>(size));
        for (const auto i : tensor.ints) {
            if (seen[static_cast<std::size_t>(i)])
                return "names slot " + std::to_string(i) + " twice";
            seen[static_cast<std::size_t>(i)] = true;
        }
    }
    return "";
}

// What a node's values must agree with beyond themselves.
void check_loads(const Trace& trace, const std::string& file) {
    const Graph& graph = *trace.graph;
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Tensor* load = graph[id].op == Op::expert_load ? trace.find(id) : nullptr;
        if (!load) continue;
        const auto sum = std::accumulate(load->ints.begin(), load->ints.end(), std::int64_t{0});
        if (trace.shape(graph[id].inputs.front()).size() != sum)
            throw UserError(file, "tensor " + graph[id].name,
                            "the loads do not add up to the chosen experts");
    }
}

}  // namespace

std::string_view attention_name(AttentionMode mode) {
    return mode == AttentionMode::naive ? "naive" : "absorbed";
}

AttentionMode parse_attention(const std::string& text, const std::string& file) {
    for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed})
        if (text == attention_name(mode)) return mode;
    throw UserError(file, "attention", "must be naive or absorbed, got \"" + one_line(text) + "\"");
}

void read_trace_tensors(const SafetensorsFile& tensors, const std::string& file,
                        const std::string& prefix, Trace& trace) {
    const Graph& graph = *trace.graph;
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Node& node = graph[id];
        const std::string name = prefix + node.name;
        const auto entry = tensors.entries().find(name);
        if (!is_recorded(node) || entry == tensors.entries().end()) continue;
        const auto refuse = [&](const std::string& reason) {
            return UserError(file, "tensor " + name, reason);
        };
        const Shape shape = node.shape(trace.extent);
        if (!std::equal(entry->second.shape.begin(), entry->second.shape.end(), shape.dim.begin(),
                        shape.dim.begin() + shape.rank))
            throw refuse("its shape does not fit the config and the ids, which give " +
                         to_string(shape));
        if ((entry->second.type == StoredType::i64) != (node.dtype == DType::i64))
            throw refuse(std::string("dtype ") + std::string(stored_type_name(entry->second.type)) +
                         " does not fit");
        auto tensor = std::make_shared<Tensor>(tensors.read(name));
        if (const auto problem = index_problem(node, *tensor, graph.config);
            node.dtype == DType::i64 && !problem.empty())
            throw refuse(problem);
        trace.keep(id, std::move(tensor), 0);
    }
    check_loads(trace, file);
}

namespace {

// Real and of the shape of what they are gradients of.
void read_gradients(const SafetensorsFile& tensors, const std::string& file, Trace& trace) {
    const Graph& graph = *trace.graph;
    for (NodeId id = 0; id < graph.size(); ++id) {
        const std::string name = gradient_name(graph[id].name);
        const auto entry = tensors.entries().find(name);
        if (entry == tensors.entries().end()) continue;
        const auto refuse = [&](const std::string& reason) {
            return UserError(file, "tensor " + name, reason);
        };
        if (trace.loss.empty()) throw refuse("is there although loss_terms names no loss");
        if (graph[id].dtype != DType::real) throw refuse("whole numbers have no gradient");
        const Shape shape = trace.shape(id);
        if (!std::equal(entry->second.shape.begin(), entry->second.shape.end(), shape.dim.begin(),
                        shape.dim.begin() + shape.rank))
            throw refuse("its shape does not fit the config and the ids, which give " +
                         to_string(shape));
        if (entry->second.type == StoredType::i64) throw refuse("dtype I64 does not fit");
        trace.keep_gradient(id, std::make_shared<Tensor>(tensors.read(name)));
    }
}

}  // namespace

void write_trace(const std::filesystem::path& file, const Trace& trace,
                 const std::map<std::string, TensorPtr>& extra) {
    const Graph& graph = *trace.graph;
    std::vector<NamedTensor> tensors;
    auto order = nlohmann::ordered_json::array();
    auto symbols = nlohmann::ordered_json::object();
    auto formulas = nlohmann::ordered_json::object();
    const auto add = [&](const std::string& name, const Tensor& tensor) {
        tensors.push_back(
            {name, tensor.view(), tensor.dtype == DType::i64 ? StoredType::i64 : StoredType::f32});
        order.push_back(name);
    };
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Tensor* tensor = is_recorded(graph[id]) ? trace.find(id) : nullptr;
        if (!tensor) continue;
        add(graph[id].name, *tensor);
        symbols[graph[id].name] = graph[id].symbol;
        formulas[graph[id].name] = graph[id].formula;
    }
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Tensor* gradient = trace.gradient(id);
        if (!gradient) continue;
        const std::string name = gradient_name(graph[id].name);
        add(name, *gradient);
        symbols[name] = gradient_symbol(graph[id]);
        formulas[name] = gradient_symbol(graph[id]);
    }
    for (const auto& [name, tensor] : extra) add(name, *tensor);

    auto ids = nlohmann::ordered_json::array();
    const auto columns = static_cast<std::size_t>(trace.extent.tokens);
    for (std::size_t begin = 0; begin < trace.ids.size(); begin += columns)
        ids.push_back(std::vector<std::int64_t>(
            trace.ids.begin() + static_cast<std::ptrdiff_t>(begin),
            trace.ids.begin() + static_cast<std::ptrdiff_t>(begin + columns)));
    auto edits = nlohmann::ordered_json::array();
    for (const auto& edit : trace.edits)
        edits.push_back({{"node", edit.node}, {"index", edit.index}, {"value", edit.value}});

    const auto text = [](const nlohmann::ordered_json& json) {
        return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    };
    std::map<std::string, std::string> metadata = {
        {"format", format_name},
        {"format_version", format_version},
        {"config", config_json(graph.config)},
        {"attention", std::string(attention_name(graph.attention))},
        {"ids", text(ids)},
        {"tokens", text(trace.tokens)},
        {"order", text(order)},
        {"symbols", text(symbols)},
        {"formulas", text(formulas)},
        {"edits", text(edits)},
        {"model_name", trace.model_name},
        {"trained_step", std::to_string(trace.trained_step)}};
    write_tokenizer(trace.tokenizer.get(), metadata);
    // Also of an edited run, whose gradients are gone but whose losses are there.
    if (graph.find("loss") != no_node) metadata["graph"] = training_graph;
    if (!trace.loss.empty()) {
        auto terms = nlohmann::ordered_json::array();
        for (const LossTerm& term : trace.loss)
            terms.push_back({{"node", term.node}, {"weight", term.weight}});
        metadata["loss"] = "L = " + loss_text(trace.loss);
        metadata["loss_terms"] = text(terms);
    }
    write_safetensors(file, tensors, metadata);
}

TracePtr read_trace(const std::filesystem::path& path) {
    const std::string file = path.string();
    const SafetensorsFile tensors(path);
    const Metadata meta(tensors, file);
    if (meta.text("format") != format_name)
        meta.refuse("format", "is not " + std::string(format_name) + " but \"" +
                                  one_line(meta.text("format")) + "\"");
    if (meta.text("format_version") != format_version)
        meta.refuse("format_version", "only " + std::string(format_version) +
                                          " can be read, got \"" +
                                          one_line(meta.text("format_version")) + "\"");
    const AttentionMode mode = parse_attention(meta.text("attention"), file);
    auto trace = std::make_shared<Trace>();
    const ModelConfig config = parse_config(meta.text("config"), file + ": config");
    const bool training = meta.has("graph");
    if (training && meta.text("graph") != training_graph)
        meta.refuse("graph",
                    "must be training or missing, got \"" + one_line(meta.text("graph")) + "\"");
    trace->graph = training ? build_training_graph(config, mode) : build_graph(config, mode);
    read_ids_and_labels(meta, *trace);
    read_tokenizer(meta, *trace);
    read_edits(meta, *trace);
    trace->model_name = one_line(meta.text("model_name"));
    trace->trained_step = meta.count("trained_step");
    read_loss(meta, *trace);
    read_trace_tensors(tensors, file, "", *trace);
    read_gradients(tensors, file, *trace);
    return trace;
}

}  // namespace sf
