#include "core/io/train_state.h"

#include "core/error.h"
#include "core/io/checkpoint.h"
#include "core/io/config_json.h"
#include "core/io/files.h"
#include "core/io/history_io.h"
#include "core/io/safetensors.h"
#include "core/io/tokenizer_json.h"
#include "core/text/one_line.h"

#include <charconv>
#include <cmath>

namespace sf {

namespace {

constexpr const char* format = "stepformer training state 1";
constexpr const char* history_prefix = "history.";

// Where numbers of the three sets stand in the file.
constexpr const char* weight_prefix = "weights.";
constexpr const char* m_prefix = "adam_m.";
constexpr const char* v_prefix = "adam_v.";

void add_set(std::vector<NamedTensor>& tensors, const std::string& prefix,
             const ParameterSet& set) {
    for (const auto& e : set.layout().entries())
        tensors.push_back({prefix + e.name, {e.shape, set[e].data()}, StoredType::f32});
}

// The metadata and tensors of one file, each asked for by name.
class StateFile {
public:
    explicit StateFile(const std::filesystem::path& path) : name_(path.string()), file_(path) {
        if (text("format") != format)
            throw UserError(name_, "format",
                            "must be \"" + std::string(format) + "\", got \"" +
                                one_line(text("format")) + "\"");
    }
    const std::string& name() const { return name_; }
    const SafetensorsFile& file() const { return file_; }
    const std::string& text(const std::string& key) const {
        const auto found = file_.metadata().find(key);
        if (found == file_.metadata().end()) throw UserError(name_, key, "is missing");
        return found->second;
    }
    std::uint64_t number(const std::string& key) const {
        const std::string& t = text(key);
        std::uint64_t value = 0;
        const auto end = t.data() + t.size();
        const auto result = std::from_chars(t.data(), end, value);
        if (result.ec != std::errc{} || result.ptr != end)
            throw UserError(name_, key,
                            "must be a whole number from 0, got \"" + one_line(t) + "\"");
        return value;
    }
    void read_set(const std::string& prefix, bool second_moments, ParameterSet& set) const {
        for (const auto& e : set.layout().entries()) {
            const std::string tensor = prefix + e.name;
            const auto refuse = [&](const std::string& reason) {
                return UserError(name_, "tensor " + tensor, reason);
            };
            const auto found = file_.entries().find(tensor);
            if (found == file_.entries().end()) throw refuse("is missing");
            if (found->second.type != StoredType::f32)
                throw refuse("must be F32, is " +
                             std::string(stored_type_name(found->second.type)));
            const Tensor t = file_.read(tensor);
            if (!(t.shape == e.shape))
                throw refuse("shape " + to_string(t.shape) + ", the config needs " +
                             to_string(e.shape));
            for (std::size_t i = 0; i < t.real.size(); ++i) {
                if (!std::isfinite(t.real[i]))
                    throw refuse("value " + std::to_string(i) + " is not a finite number");
                if (second_moments && t.real[i] < 0)
                    throw refuse("value " + std::to_string(i) +
                                 " is negative, a mean of squares never is");
                set[e][i] = t.real[i];
            }
        }
    }

private:
    std::string name_;
    SafetensorsFile file_;
};

}  // namespace

void write_model(const std::filesystem::path& folder, const Trainer& trainer) {
    write_file(folder / "config.json", config_json(trainer.config()));
    if (const auto& tokenizer = trainer.text().tokenizer())
        write_file(folder / "tokenizer.json", tokenizer_json(*tokenizer));
    write_weights(folder / "model.safetensors", *trainer.weights(), StoredType::bf16);
    write_history(folder / "history.safetensors", trainer.history());
}

void save_run(const std::filesystem::path& folder, const Trainer& trainer) {
    std::vector<NamedTensor> tensors;
    add_set(tensors, weight_prefix, trainer.parameters());
    add_set(tensors, m_prefix, trainer.moments_m());
    add_set(tensors, v_prefix, trainer.moments_v());
    const HistoryTensors history = history_tensors(trainer.history(), history_prefix);
    tensors.insert(tensors.end(), history.tensors.begin(), history.tensors.end());
    std::map<std::string, std::string> metadata = history.metadata;
    metadata["format"] = format;
    metadata["config"] = config_json(trainer.config());
    metadata["settings"] = settings_json(trainer.settings());
    metadata["tokenizer"] = tokenizer_json(*trainer.text().tokenizer());
    metadata["steps_done"] = std::to_string(trainer.steps_done());
    metadata["next_row"] = std::to_string(trainer.next_row());
    metadata["corpus_file"] = trainer.text().source().file;
    metadata["corpus_fingerprint"] = std::to_string(trainer.text().source().fingerprint);
    write_safetensors(folder / train_state_name, tensors, metadata);
    write_model(folder, trainer);
}

SavedRun read_run(const std::filesystem::path& folder) {
    const StateFile file(folder / train_state_name);
    const ModelConfig config = parse_config(file.text("config"), file.name() + " (config)");
    const TrainSettings settings = parse_settings(file.text("settings"), file.name());
    const auto tokenizer = parse_tokenizer(file.text("tokenizer"), file.name() + " (tokenizer)");
    if (tokenizer->vocab_size() > config.vocab_size)
        throw UserError(file.name(), "tokenizer",
                        "has " + std::to_string(tokenizer->vocab_size()) +
                            " ids, the config's vocab_size is " +
                            std::to_string(config.vocab_size));
    const auto layout = std::make_shared<ParameterLayout>(config);
    Trainer::State state{0, 0, ParameterSet(layout), ParameterSet(layout), ParameterSet(layout)};
    file.read_set(weight_prefix, false, state.weights);
    file.read_set(m_prefix, false, state.m);
    file.read_set(v_prefix, true, state.v);
    constexpr std::uint64_t most_steps = std::uint64_t{1} << 40;
    if (file.number("steps_done") > most_steps)
        throw UserError(file.name(), "steps_done", "is beyond all reason");
    state.done = static_cast<std::int64_t>(file.number("steps_done"));
    state.next_row = file.number("next_row");
    History history = read_history(file.file(), file.name(), history_prefix, config, tokenizer);
    if (!history.empty() && history.back().step > state.done)
        throw UserError(file.name(), "history", "has steps after steps_done");
    return {config,           settings,
            tokenizer,        {file.text("corpus_file"), file.number("corpus_fingerprint")},
            std::move(state), std::move(history)};
}

}  // namespace sf
