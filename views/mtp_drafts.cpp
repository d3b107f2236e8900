#include "views/mtp_drafts.h"

#include "views/draw/number.h"
#include "views/draw/shapes.h"

#include <algorithm>
#include <cmath>

namespace sf::mtp {

namespace {

constexpr std::int64_t most_drafts = 8, most_tokens = 64;

std::int64_t whole(const Frame& frame, const View& view, const char* name) {
    return std::llround(setting_number(frame, view, name));
}

DraftOptions greedy_of(DraftOptions o) {
    o.temperature = 0;
    return o;
}

std::string counted(std::int64_t n, const std::string& one, const std::string& many) {
    return format_count(n) + " " + (n == 1 ? one : many);
}

std::string temperature_text(const Drafts& d) {
    return d.is_greedy() ? "greedy" : "temperature " + format_number(d.options.temperature, 2);
}

}  // namespace

std::vector<Parameter> draft_parameters(const Frame& frame) {
    using T = Parameter::Type;
    double vocab = 1 << 20;
    if (frame.trace != nullptr) vocab = static_cast<double>(frame.trace->graph->config.vocab_size);
    const auto count = [](const char* name, double lo, double hi, double standard,
                          const char* help) {
        return Parameter{name, T::integer, lo, hi, {}, standard, help};
    };
    Parameter drafts = count("drafts", 0, most_drafts, 2,
                             "Tokens drafted in a round; beyond the last module that one is "
                             "applied again, 0 is plain decoding.");
    drafts.plain = 0.0;
    Parameter damage{"damage",
                     T::real,
                     0,
                     1,
                     {},
                     0.0,
                     "How much of the drafts' distribution is noise: fewer are accepted, the text "
                     "keeps its distribution."};
    damage.plain = 0.0;
    return {
        drafts,
        {"temperature",
         T::real,
         0,
         2,
         {},
         1.0,
         "Of sampling, for drafts and text alike; below 0.05 greedy, the likeliest token always."},
        count("top_k", 0, vocab, 0, "Draws from so many likeliest tokens only; 0: from all."),
        {"top_p",
         T::real,
         0.05,
         1,
         {},
         1.0,
         "Draws from the likeliest tokens that together reach this probability."},
        damage,
        count("seed", 0, 9999, 0, "Of all random numbers that are drawn."),
        count("new_tokens", 1, most_tokens, 24, "How many tokens are decoded behind the text."),
        count("round", -1, most_tokens, -1,
              "Round looked at, from 0; −1 is the first in which a draft was rejected.")};
}

Drafts make_drafts(const Frame& frame, const View& view) {
    Drafts d;
    d.frame = &frame;
    d.trace = frame.trace;
    d.t = frame.theme;
    if (frame.trace == nullptr || frame.trace->extent.tokens < 1) {
        d.missing = "Nothing has run yet. Type a text and press Enter.";
        return d;
    }
    const ModelConfig& c = frame.trace->graph->config;
    d.batch = std::clamp<std::int64_t>(frame.cursor.batch, 0, frame.trace->extent.batch - 1);
    DraftOptions& o = d.options;
    o.drafts = whole(frame, view, "drafts");
    o.temperature = setting_number(frame, view, "temperature");
    // Colder than this is greedy but for rounding.
    if (o.temperature < 0.05) o.temperature = 0;
    o.top_k = whole(frame, view, "top_k");
    o.top_p = setting_number(frame, view, "top_p");
    o.damage = setting_number(frame, view, "damage");
    o.seed = static_cast<std::uint64_t>(whole(frame, view, "seed"));
    o.new_tokens = whole(frame, view, "new_tokens");
    d.wanted = whole(frame, view, "round");
    if (c.num_nextn_predict_layers < 1)
        d.missing = "This model has no MTP modules (num_nextn_predict_layers is 0) to draft with.";
    else if (frame.trace->weights == nullptr)
        d.missing =
            "A saved trace holds no weights to decode with: open the model and run the "
            "same text.";
    if (!d.missing.empty()) return d;
    d.run = result_of<DraftRun>(frame, draft_run(*d.trace, d.batch, o));
    d.greedy = result_of<DraftRun>(frame, draft_run(*d.trace, d.batch, greedy_of(o)));
    if (!d.is_greedy())
        d.sample = result_of<RoundSample>(frame, round_sample(*d.trace, d.batch, o, d.wanted));
    if (d.run.value != nullptr) d.round = d.run.value->pick(d.wanted);
    return d;
}

std::vector<Need> needs(const Drafts& d) {
    if (!d.missing.empty()) return {};
    std::vector<Need> all{draft_run(*d.trace, d.batch, d.options)};
    if (d.is_greedy()) return all;
    all.push_back(draft_run(*d.trace, d.batch, greedy_of(d.options)));
    all.push_back(round_sample(*d.trace, d.batch, d.options, d.wanted));
    return all;
}

std::string Drafts::text(std::int64_t id) const {
    return token_label(trace->label(id));
}

std::string Drafts::word(std::int64_t id) const {
    return "“" + text(id) + "”";
}

std::vector<PlaceCount> by_place(const DraftRun& run) {
    std::vector<PlaceCount> counts;
    for (const Round& round : run.drafted.rounds)
        for (std::size_t j = 0; j < round.drafts.size(); ++j) {
            if (round.drafts[j].p.empty()) break;
            counts.resize(std::max(counts.size(), j + 1));
            ++counts[j].judged;
            if (round.drafts[j].accepted) ++counts[j].accepted;
        }
    return counts;
}

double tokens_per_pass(const DraftRun& run) {
    return static_cast<double>(run.new_tokens()) / static_cast<double>(run.drafted.passes);
}

std::string headline(const Drafts& d) {
    if (d.run.value == nullptr) return "Modules draft, the main model judges";
    const DraftRun& run = *d.run.value;
    return counted(run.new_tokens(), "token", "tokens") + " in " +
           counted(run.drafted.passes, "pass", "passes") + " of the main model: " +
           (run.drafted.drafted == 0 ? "nothing was drafted"
                                     : counted(run.drafted.accepted, "draft", "drafts") + " of " +
                                           format_count(run.drafted.drafted) + " held");
}

std::string facts(const Drafts& d) {
    std::string text = temperature_text(d);
    if (d.options.top_k > 0) text += ", top " + format_count(d.options.top_k);
    if (d.options.top_p < 1) text += ", top " + format_percent(d.options.top_p);
    text += " · " + counted(d.options.drafts, "draft", "drafts") + " a round";
    if (!d.trace->graph->config.mtp_chain()) text += " of parallel heads";
    if (d.options.damage > 0) text += ", " + format_percent(d.options.damage) + " noise";
    if (d.run.value == nullptr) return text;
    const DraftRun& run = *d.run.value;
    return text + " · " + format_number(tokens_per_pass(run), 3) +
           " tokens a pass, plain decoding 1 · " +
           (d.is_greedy() ? "the same text as without drafts"
                          : "each token has the distribution that it has without drafts");
}

std::string description(const Drafts& d) {
    if (!d.missing.empty()) return d.missing;
    if (d.run.value == nullptr)
        return d.run.error.empty() ? "Decoding with drafts of the MTP modules is being computed."
                                   : "Decoding with drafts: " + d.run.error + ".";
    const DraftRun& run = *d.run.value;
    std::string text =
        "Decoding with drafts of the MTP modules, " + facts(d) + ": " + headline(d) + ".";
    const auto places = by_place(run);
    for (std::size_t j = 0; j < places.size(); ++j)
        text += (j == 0 ? " Accepted of draft " : ", of draft ") + std::to_string(j + 1) + " " +
                format_count(places[j].accepted) + " of " + format_count(places[j].judged);
    if (!places.empty()) text += ".";
    if (d.round >= 0) {
        const Round& round = d.shown();
        text += " In round " + std::to_string(d.round);
        for (const Draft& draft : round.drafts) {
            if (draft.p.empty()) break;
            const auto id = static_cast<std::size_t>(draft.id);
            text += " draft " + d.word(draft.id) + " with q " +
                    format_percent(static_cast<double>(draft.q[id])) + " and p " +
                    format_percent(static_cast<double>(draft.p[id])) + " is " +
                    (draft.accepted ? "accepted," : "rejected,");
        }
        text += " the main model adds " + d.word(round.next.id) + ".";
    }
    if (d.sample.value != nullptr)
        text += " Of " + format_count(d.sample.value->rounds) +
                " rounds from that prefix the first tokens are within " +
                format_number(d.sample.value->deviation(), 2) + " of the model's own distribution.";
    return text;
}

}  // namespace sf::mtp
