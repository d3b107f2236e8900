#include "views/draw/number.h"
#include "views/training_run.h"

#include <array>
#include <charconv>
#include <cmath>

namespace sf::training {

namespace {

// "mtp.1" as one says it.
std::string layer_words(const std::string& name) {
    const std::size_t dot = name.find('.');
    return (name.starts_with("mtp") ? "MTP module " : "layer ") + name.substr(dot + 1);
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& p : parts) text += (text.empty() ? "" : ", ") + p;
    return text;
}

// "loss 0.64 = ..." as the sum that a step makes smaller.
std::string sum_words(const StepRecord& r) {
    std::string text = nats(objective(r)) + " = " + nats(static_cast<double>(r.loss));
    if (!r.mtp_loss.empty()) {
        text += " + " + short_number(static_cast<double>(r.lambda)) +
                (r.mtp_loss.size() > 1 ? "/" + std::to_string(r.mtp_loss.size()) + " (" : " · ");
        for (std::size_t k = 0; k < r.mtp_loss.size(); ++k)
            text += (k == 0 ? "" : " + ") + nats(static_cast<double>(r.mtp_loss[k]));
        if (r.mtp_loss.size() > 1) text += ")";
    }
    if (r.balance_loss > 0) text += " + " + format_number(static_cast<double>(r.balance_loss), 2);
    return text;
}

}  // namespace

std::string nats(double loss) {
    return std::isfinite(loss) ? format_fixed(loss, 3) : "–";
}

std::string short_number(double v) {
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), v, std::chars_format::general, 3);
    return {text.data(), end.ptr};
}

std::string empty_head() {
    return "No training to show yet";
}

std::string empty_body() {
    return "Press R and the model is trained while you look on; or open a model that was trained "
           "here: its history lies beside its weights.";
}

std::string headline(const Run& run) {
    const auto step = static_cast<double>(run.at);
    const std::string after =
        run.at == 0 ? "Before the first step" : "After " + format_count(run.at) + " steps";
    const double held_out = run.held_out.at(step), floor = run.floor.at(step);
    const double bigram = run.bigram.at(step);
    if (std::isfinite(held_out) && std::isfinite(floor))
        return after + " unseen text costs " + nats(held_out) + " nats a token, " +
               nats(held_out - floor) + " above the floor";
    if (std::isfinite(held_out) && std::isfinite(bigram))
        return after + " unseen text costs " + nats(held_out) +
               " nats a token; pairs of tokens alone would give " + nats(bigram);
    if (const StepRecord* r = run.record())
        return after + " the next token costs " + nats(static_cast<double>(r->loss)) +
               " nats, as if one of " + format_number(std::exp(static_cast<double>(r->loss)), 3) +
               " equally likely ones had to be guessed";
    return after + " one of " + format_count(run.history->config().vocab_size) +
           " tokens has to be guessed";
}

std::string facts(const Run& run) {
    const StepRecord* r = run.record();
    std::vector<std::string> parts;
    if (!run.history->about.corpora.empty())
        parts.push_back("text: " + joined(run.history->about.corpora));
    if (r != nullptr) {
        parts.push_back("what a step lowers: " + sum_words(*r));
        if (r->step != run.at) parts.push_back("numbers of step " + format_count(r->step));
    }
    std::string text;
    for (const std::string& p : parts) text += (text.empty() ? "" : " · ") + p;
    return text;
}

std::string description(const Run& run) {
    std::string text = headline(run) + ".";
    const StepRecord* r = run.record();
    if (r == nullptr) return text;
    text += " What a step lowers is " + sum_words(*r) + ".";
    if (const std::int64_t worst = run.worst_layer(); worst >= 0) {
        const Curve& c = run.violation[static_cast<std::size_t>(worst)];
        text += " The largest load of an expert is " +
                format_percent(c.at(static_cast<double>(run.at))) + " above the mean, in " +
                layer_words(c.name) + ".";
    }
    text += " The learning rate is " + short_number(static_cast<double>(r->lr)) +
            ", the gradient's norm " + format_number(static_cast<double>(r->grad_norm), 3) + ".";
    if (r->tokens_per_second > 0)
        text += " " + format_short(static_cast<double>(r->tokens_per_second)) +
                " tokens are read a second.";
    return text;
}

}  // namespace sf::training
