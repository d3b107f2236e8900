#include "app/cli_arguments.h"
#include "app/cli_parse.h"
#include "app/cli_run.h"
#include "core/error.h"
#include "core/run/runner.h"
#include "core/run/speculate.h"

#include <chrono>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

namespace sf::cli {

namespace {

SamplingOptions sampling_of(const GenerateArguments& arguments, const ModelConfig& config) {
    SamplingOptions options;
    if (!arguments.max_new.given)
        throw UserError("--max-new: generate needs the number of tokens to add");
    options.max_new = parse_integer("--max-new", arguments.max_new.value, 1, 1 << 20);
    if (arguments.greedy)
        for (const auto& [given, name] : {std::pair{arguments.temperature.given, "--temperature"},
                                          {arguments.top_k.given, "--top-k"},
                                          {arguments.top_p.given, "--top-p"}})
            if (given)
                throw UserError(std::string("--greedy and ") + name +
                                " exclude each other: greedy draws nothing");
    options.temperature =
        arguments.greedy ? 0 : real_or(arguments.temperature, "--temperature", 0, 100, 1);
    options.top_k = integer_or(arguments.top_k, "--top-k", 1, config.vocab_size, 0);
    options.top_p = real_or(arguments.top_p, "--top-p", 0, 1, 1);
    if (options.top_p <= 0) throw UserError("--top-p: 0 keeps no token, use more than 0 up to 1");
    options.seed = arguments.seed.given ? parse_seed("--seed", arguments.seed.value) : 0;
    options.stop_at_eos = arguments.stop_at_eos;
    options.attention = attention(arguments, AttentionMode::absorbed);
    options.threads = threads(arguments);
    return options;
}

std::optional<SpeculationOptions> speculation_of(const GenerateArguments& arguments) {
    constexpr std::int64_t most = 16;
    if (!arguments.speculate.given) return std::nullopt;
    if (arguments.speculate.value == "auto") return SpeculationOptions{most, true};
    return SpeculationOptions{parse_integer("--speculate", arguments.speculate.value, 1, most)};
}

// Writes text as its bytes come in: a character whose last byte is still to come waits, a byte
// that can never become one is shown as U+FFFD. Without a tokenizer, ids.
class TextStream {
public:
    explicit TextStream(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {}

    void add(std::int64_t id) {
        if (!tokenizer_) {
            std::cout << (first_ ? "" : " ") << id << std::flush;
            first_ = false;
            return;
        }
        held_ += tokenizer_->decode({id});
        const auto bad = first_invalid_utf8(held_);
        if (!bad) return flush();
        // A valid beginning of a character is at most three bytes long, at the very end.
        if (held_.size() - *bad > 3 || !could_begin(*bad)) return flush();
        const std::string rest = held_.substr(*bad);
        held_.resize(*bad);
        flush();
        held_ = rest;
    }

    void end() {
        flush();
        std::cout << '\n' << std::flush;
        first_ = true;
    }

private:
    // Whether bytes from `at` may be the beginning of one UTF-8 character.
    bool could_begin(std::size_t at) const {
        const auto lead = static_cast<unsigned char>(held_[at]);
        const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (lead < 0xC2 || lead > 0xF4 || held_.size() - at >= length) return false;
        for (std::size_t i = at + 1; i < held_.size(); ++i)
            if ((static_cast<unsigned char>(held_[i]) & 0xC0) != 0x80) return false;
        return true;
    }

    void flush() {
        // An untrained model says anything, terminal commands too: control characters but newline
        // and tab are shown as their pictures (U+2400 ...).
        for (const char c : to_valid_utf8(held_)) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte < 0x20 && c != '\n' && c != '\t')
                std::cout << "\xE2\x90" << static_cast<char>(0x80 + byte);
            else if (byte == 0x7F)
                std::cout << "\xE2\x90\xA1";
            else
                std::cout << c;
        }
        std::cout << std::flush;
        held_.clear();
    }

    const Tokenizer* tokenizer_;
    std::string held_;
    bool first_ = true;
};

// Tokens a second once the first of each sequence is there: the text before it is read all at once.
class DecodingRate {
public:
    void begin() {
        last_ = Clock::now();
        first_ = true;
    }
    void token() {
        const auto now = Clock::now();
        const double seconds = std::chrono::duration<double>(now - last_).count();
        (first_ ? reading_ : decoding_) += seconds;
        ++(first_ ? sequences_ : tokens_);
        last_ = now;
        first_ = false;
    }
    double per_second() const {
        return tokens_ > 0 ? tokens_ / std::max(decoding_, 1e-9)
                           : sequences_ / std::max(reading_, 1e-9);
    }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point last_;
    bool first_ = true;
    double reading_ = 0, decoding_ = 0, sequences_ = 0, tokens_ = 0;
};

}  // namespace

int generate(const GenerateArguments& arguments) {
    check_options(arguments);
    if (arguments.train_step.given)
        throw UserError(
            "--train-step: generate needs weights, and of a step of training only a probe is kept");
    check_source(arguments, false);
    const ChosenModel chosen = choose_model(arguments);
    const Model& model = *chosen.model;
    const auto prompts = choose_ids(arguments, model, true);
    SamplingOptions options = sampling_of(arguments, model.config);
    options.distributions = false;
    for (const auto& prompt : prompts) check_room(model, prompt, options.max_new);
    const ChosenBackend backend = choose_backend(arguments);
    options.backend = backend.backend;
    if (!chosen.note.empty()) say(chosen.note);

    nlohmann::ordered_json sequences = nlohmann::ordered_json::array();
    TextStream stream(model.tokenizer.get());
    const auto speculation = speculation_of(arguments);
    DecodingRate rate;
    const auto on_token = [&](const Drawn& drawn) {
        rate.token();
        if (!arguments.json) stream.add(drawn.id);
        return true;
    };
    Speculated all;  // counts over the sequences
    std::int64_t total = 0;
    for (const auto& prompt : prompts) {
        rate.begin();
        Generated made;
        if (speculation) {
            Speculated one = speculate(chosen.model, prompt, options, *speculation, on_token);
            all.drafted += one.drafted;
            all.accepted += one.accepted;
            all.passes += one.passes;
            made = std::move(one.text);
        } else {
            made = sf::generate(chosen.model, prompt, options, on_token);
        }
        if (!arguments.json) stream.end();
        std::vector<std::int64_t> ids;
        for (const Drawn& drawn : made.drawn) ids.push_back(drawn.id);
        total += static_cast<std::int64_t>(ids.size());
        nlohmann::ordered_json text;
        if (model.tokenizer) text = to_valid_utf8(model.tokenizer->decode(ids));
        sequences.push_back({{"prompt_ids", prompt}, {"ids", ids}, {"text", text}});
    }
    say_backend(backend);
    const double per_pass =
        static_cast<double>(total) / static_cast<double>(std::max<std::int64_t>(1, all.passes));
    if (speculation && !arguments.json)
        say(std::to_string(all.accepted) + " of " + std::to_string(all.drafted) +
            " drafts accepted, " + short_number(std::round(per_pass * 100) / 100) +
            " tokens a pass of the model, " + short_number(std::round(rate.per_second())) +
            " a second");
    if (arguments.json) {
        nlohmann::ordered_json report = {{"sequences", sequences},
                                         {"tokens_per_second", rate.per_second()}};
        if (speculation) {
            report["acceptance"] = all.acceptance();
            report["tokens_per_pass"] = per_pass;
        }
        std::cout << report.dump() << '\n';
    }
    return 0;
}

}  // namespace sf::cli
