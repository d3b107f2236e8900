#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// How the experts' loads are kept even. aux: an auxiliary loss over the whole batch (Switch
// Transformer, eqs. 4-6, factor aux_alpha). bias: DeepSeek-V3's bias that only chooses, moved by
// gamma after each step (section 2.1.2). bias_seq: the bias and the sequence-wise loss (eqs.
// 17-20, factor alpha).
enum class BalanceMode : std::uint8_t { none, aux, bias, bias_seq };
std::string_view balance_name(BalanceMode mode);  // "none", "aux", "bias", "bias+seq"

// What a training run is told, by the names of `--set`. Each number has a range (train_settings()).
struct TrainSettings {
    std::int64_t steps = 0;  // the whole run; 0: none
    std::uint64_t seed = 0;
    std::int64_t batch = 8;  // sequences a step
    std::int64_t seq = 128;  // tokens a sequence
    std::int64_t whole = 0;  // 1: the generated corpus' documents that fit a sequence, no others
    double lr = 3e-3;        // the highest learning rate
    double min_lr_ratio = 0.1;
    std::int64_t warmup = 50;
    double decay_fraction = 0.4;
    double weight_decay = 0.1;
    double beta1 = 0.9, beta2 = 0.95, adam_eps = 1e-8;
    double clip = 1.0;  // 0: off
    BalanceMode balance = BalanceMode::bias_seq;
    double gamma = 1e-3;
    double alpha = 1e-4;
    double aux_alpha = 1e-2;
    double lambda = 0.3;
    double hot = 0;                       // share of the rows that are one same document
    std::int64_t checkpoint_every = 500;  // 0: at the end only
    std::int64_t report_every = 20;
    std::map<std::string, double> corpus;  // weight of a kind of text; a kind not named weighs 1

    bool operator==(const TrainSettings&) const = default;

    double corpus_weight(const std::string& kind) const;
    // Every value outside its range as a sentence that begins with the setting's name.
    std::vector<std::string> problems() const;
};

// One row a setting, for --help, the window and error messages.
struct TrainSettingInfo {
    std::string name;
    std::string help;
    std::string range;          // "a number from 0 to 10"
    std::string default_value;  // as `--set` takes it
};
std::vector<TrainSettingInfo> train_settings();
// A setting's value as `--set` takes it, doubles exactly; "" for an unknown name.
std::string train_setting(const TrainSettings& settings, std::string_view name);

// Sets one value from text. `corpus.KIND` must be one of `kinds`. Throws UserError naming setting,
// value and range ("--set lr: must be a number from 0 to 10, got \"fast\""); an unknown name is
// answered with the known ones. `source` begins the sentence.
void set_train_setting(TrainSettings& settings, std::string_view name, std::string_view value,
                       const std::vector<std::string>& kinds, const std::string& source = "--set");

// A JSON object that parse_settings reads back as equal settings, doubles bit for bit. Absent
// settings keep their defaults and unknown keys are ignored; UserError names `file` and setting.
std::string settings_json(const TrainSettings& settings);
TrainSettings parse_settings(std::string_view json, const std::string& file);

}  // namespace sf
