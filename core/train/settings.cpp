#include "core/train/settings.h"

#include "core/error.h"
#include "core/io/json_text.h"
#include "core/text/one_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>
#include <variant>

namespace sf {

namespace {

using Json = nlohmann::json;
using Member = std::variant<std::int64_t TrainSettings::*, std::uint64_t TrainSettings::*,
                            double TrainSettings::*, BalanceMode TrainSettings::*>;

// One row a setting: everything there is to know of it. The bounds are inclusive; those of the seed
// and of the balance mode are the type's.
struct Row {
    const char* name;
    Member member;
    double low, high;
    const char* help;
};

constexpr double many = 1e9;  // steps
constexpr double below_one = 0.99999999;
constexpr double max_weight = 1e6;                          // of a kind of text
constexpr std::int64_t max_tokens = std::int64_t{1} << 24;  // of a step
constexpr std::size_t max_kinds = 64;

using S = TrainSettings;
constexpr std::array rows{
    Row{"steps", &S::steps, 0, many, "steps of the whole run"},
    Row{"seed", &S::seed, 0, 0, "of the weights and of the order of the text"},
    Row{"batch", &S::batch, 1, 4096, "sequences a step"},
    Row{"seq", &S::seq, 2, 65536, "tokens a sequence"},
    Row{"whole", &S::whole, 0, 1,
        "1: only documents of the generated corpus that fit a sequence, so short ones where seq is "
        "small"},
    Row{"lr", &S::lr, 0, 10, "the highest learning rate"},
    Row{"min_lr_ratio", &S::min_lr_ratio, 0, 1, "the last learning rate as a share of lr"},
    Row{"warmup", &S::warmup, 0, many, "steps of linear rise to lr"},
    Row{"decay_fraction", &S::decay_fraction, 0, 1,
        "share of the steps, at the end, in which the rate falls along a cosine"},
    Row{"weight_decay", &S::weight_decay, 0, 10, "AdamW's pull of matrices to 0"},
    Row{"beta1", &S::beta1, 0, below_one, "AdamW's memory of the gradient"},
    Row{"beta2", &S::beta2, 0, below_one, "AdamW's memory of its square"},
    Row{"adam_eps", &S::adam_eps, 1e-20, 1, "added to AdamW's denominator"},
    Row{"clip", &S::clip, 0, 1e6, "largest norm of the whole gradient; 0: off"},
    Row{"balance", &S::balance, 0, 0, "what keeps the experts' loads even"},
    Row{"gamma", &S::gamma, 0, 1, "how far the router's bias moves a step (bias, bias+seq)"},
    Row{"alpha", &S::alpha, 0, 100, "factor of the sequence-wise balance loss (bias+seq)"},
    Row{"aux_alpha", &S::aux_alpha, 0, 100, "factor of the auxiliary loss (aux)"},
    Row{"lambda", &S::lambda, 0, 100, "weight of the multi-token prediction loss"},
    Row{"hot", &S::hot, 0, 1,
        "hot topic: share of the rows that are one same document, so that most tokens are alike"},
    Row{"checkpoint_every", &S::checkpoint_every, 0, many,
        "steps from checkpoint to checkpoint; 0: at the end only"},
    Row{"report_every", &S::report_every, 1, many, "steps from report to report"},
};

constexpr std::array modes{BalanceMode::none, BalanceMode::aux, BalanceMode::bias,
                           BalanceMode::bias_seq};

template <class Number>
std::string number_text(Number value) {
    std::array<char, 64> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), result.ptr};
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string mode_names() {
    std::string names;
    for (const auto mode : modes) {
        const char* between = mode == modes.back() ? " or " : ", ";
        names += (names.empty() ? "" : between) + std::string(balance_name(mode));
    }
    return names;
}

std::string between(double low, double high) {
    return " from " + number_text(low) + " to " + number_text(high);
}

struct RangeText {
    const Row& row;
    std::string operator()(std::int64_t S::*) const {
        return "a whole number from " + number_text(static_cast<std::int64_t>(row.low)) + " to " +
               number_text(static_cast<std::int64_t>(row.high));
    }
    std::string operator()(std::uint64_t S::*) const {
        return "a whole number from 0 to 18446744073709551615";
    }
    std::string operator()(double S::*) const { return "a number" + between(row.low, row.high); }
    std::string operator()(BalanceMode S::*) const { return mode_names(); }
};
std::string range_of(const Row& row) {
    return std::visit(RangeText{row}, row.member);
}

// Also false for what is not a number.
template <class Number>
bool in_range(const Row& row, Number value) {
    return static_cast<double>(value) >= row.low && static_cast<double>(value) <= row.high;
}

// Whether the text is a value of this row; then it is set.
struct SetText {
    const Row& row;
    S& settings;
    std::string_view text;
    template <class Number>
    bool take(Number S::*member, bool ranged) const {
        const auto value = parse_number<Number>(text);
        if (!value || (ranged && !in_range(row, *value))) return false;
        settings.*member = *value;
        return true;
    }
    bool operator()(std::int64_t S::*member) const { return take(member, true); }
    bool operator()(std::uint64_t S::*member) const { return take(member, false); }
    bool operator()(double S::*member) const { return take(member, true); }
    bool operator()(BalanceMode S::*member) const {
        for (const auto mode : modes)
            if (text == balance_name(mode)) {
                settings.*member = mode;
                return true;
            }
        return false;
    }
};

struct ValueText {
    const S& settings;
    std::string operator()(std::int64_t S::*member) const { return number_text(settings.*member); }
    std::string operator()(std::uint64_t S::*member) const { return number_text(settings.*member); }
    std::string operator()(double S::*member) const { return number_text(settings.*member); }
    std::string operator()(BalanceMode S::*member) const {
        return std::string(balance_name(settings.*member));
    }
};

const Row* find_row(std::string_view name) {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
    return found == rows.end() ? nullptr : &*found;
}

std::string joined(std::span<const std::string> names) {
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
    return list;
}

constexpr std::string_view corpus_prefix = "corpus.";

std::string weight_range() {
    return "a number" + between(0, max_weight);
}

void set_corpus_weight(S& settings, const std::string& kind, std::string_view text,
                       const std::vector<std::string>& kinds, const std::string& source) {
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
        throw UserError(source + " corpus." + one_line(kind), "",
                        kinds.empty()
                            ? "the corpus has no kinds of text"
                            : "is not a kind of text of the corpus (" + joined(kinds) + ")");
    const auto weight = parse_number<double>(text);
    if (!weight || !(*weight >= 0 && *weight <= max_weight))
        throw UserError(source + " corpus." + one_line(kind), "",
                        "must be " + weight_range() + ", got \"" + one_line(text) + "\"");
    settings.corpus[kind] = *weight;
}

// A value of the file as text, so that files and the command line go one way.
std::string text_of(const Json& value, const Row& row, const std::string& file) {
    const bool word = std::holds_alternative<BalanceMode S::*>(row.member);
    if (word ? !value.is_string() : !value.is_number())
        throw UserError(file, row.name, "must be " + range_of(row) + ", got " + json_kind(value));
    return word ? value.get<std::string>() : value.dump();
}

}  // namespace

std::string_view balance_name(BalanceMode mode) {
    switch (mode) {
        case BalanceMode::none:
            return "none";
        case BalanceMode::aux:
            return "aux";
        case BalanceMode::bias:
            return "bias";
        case BalanceMode::bias_seq:
            return "bias+seq";
    }
    return "";
}

double TrainSettings::corpus_weight(const std::string& kind) const {
    const auto found = corpus.find(kind);
    return found == corpus.end() ? 1 : found->second;
}

std::vector<std::string> TrainSettings::problems() const {
    std::vector<std::string> list;
    for (const Row& row : rows) {
        TrainSettings unused;
        const std::string text = std::visit(ValueText{*this}, row.member);
        if (!std::visit(SetText{row, unused, text}, row.member))
            list.push_back(std::string(row.name) + ": must be " + range_of(row) + ", got " + text);
    }
    if (list.empty() && batch * seq > max_tokens)
        list.push_back("batch: " + std::to_string(batch) + " sequences of " + std::to_string(seq) +
                       " tokens are more than " + std::to_string(max_tokens) + " tokens a step");
    if (corpus.size() > max_kinds)
        list.push_back("corpus: more than " + std::to_string(max_kinds) + " kinds of text");
    for (const auto& [kind, weight] : corpus)
        if (!(weight >= 0 && weight <= max_weight))
            list.push_back("corpus." + one_line(kind) + ": must be " + weight_range() + ", got " +
                           number_text(weight));
    return list;
}

std::vector<TrainSettingInfo> train_settings() {
    const TrainSettings defaults;
    std::vector<TrainSettingInfo> list;
    for (const Row& row : rows)
        list.push_back(
            {row.name, row.help, range_of(row), std::visit(ValueText{defaults}, row.member)});
    list.push_back({"corpus.KIND", "weight of one kind of text", weight_range(), "1"});
    return list;
}

std::string train_setting(const TrainSettings& settings, std::string_view name) {
    if (name.starts_with(corpus_prefix))
        return number_text(settings.corpus_weight(std::string(name.substr(corpus_prefix.size()))));
    const Row* row = find_row(name);
    return row ? std::visit(ValueText{settings}, row->member) : "";
}

void set_train_setting(TrainSettings& settings, std::string_view name, std::string_view value,
                       const std::vector<std::string>& kinds, const std::string& source) {
    if (name.starts_with(corpus_prefix))
        return set_corpus_weight(settings, std::string(name.substr(corpus_prefix.size())), value,
                                 kinds, source);
    const Row* row = find_row(name);
    if (!row) {
        std::vector<std::string> known;
        for (const auto& info : train_settings()) known.push_back(info.name);
        throw UserError(source + " " + one_line(name), "",
                        "is neither a setting of training (" + joined(known) +
                            ") nor a field of the model's config.json");
    }
    if (!std::visit(SetText{*row, settings, value}, row->member))
        throw UserError(source + " " + row->name, "",
                        "must be " + range_of(*row) + ", got \"" + one_line(value) + "\"");
}

std::string settings_json(const TrainSettings& settings) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const Row& row : rows)
        std::visit(
            [&](auto member) {
                if constexpr (std::is_same_v<decltype(member), BalanceMode S::*>)
                    json[row.name] = balance_name(settings.*member);
                else
                    json[row.name] = settings.*member;
            },
            row.member);
    json["corpus"] = settings.corpus.empty() ? nlohmann::ordered_json::object()
                                             : nlohmann::ordered_json(settings.corpus);
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

TrainSettings parse_settings(std::string_view text, const std::string& file) {
    const Json json = parse_json(text, file);
    if (!json.is_object())
        throw UserError(file, "", "must be an object of settings, got " + json_kind(json));
    TrainSettings settings;
    for (const Row& row : rows) {
        const auto found = json.find(row.name);
        if (found == json.end()) continue;
        const std::string value = text_of(*found, row, file);
        if (!std::visit(SetText{row, settings, value}, row.member))
            throw UserError(file, row.name,
                            "must be " + range_of(row) + ", got " + one_line(value));
    }
    if (const auto corpus = json.find("corpus"); corpus != json.end()) {
        if (!corpus->is_object())
            throw UserError(file, "corpus", "must be an object, got " + json_kind(*corpus));
        for (const auto& [kind, weight] : corpus->items()) {
            if (!weight.is_number())
                throw UserError(file, "corpus." + one_line(kind),
                                "must be " + weight_range() + ", got " + json_kind(weight));
            settings.corpus[kind] = weight.get<double>();
        }
    }
    if (const auto problems = settings.problems(); !problems.empty())
        throw UserError(file + ": " + problems.front());
    return settings;
}

}  // namespace sf
