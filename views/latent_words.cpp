#include "core/attention_cost.h"
#include "core/known_shapes.h"
#include "views/draw/number.h"
#include "views/latent_scene.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>

namespace sf::latent_kv {

namespace {

std::string capital(std::string text) {
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

std::string kept_words(const Scene& s, bool symbols) {
    return s.mla ? (symbols ? "latent c^KV " : "latent ") + format_count(s.rank) +
                       (symbols ? " + rope key k^R " : " + rope key ") + format_count(s.rope)
                 : format_count(s.groups) + " × (key " + format_count(s.nope + s.rope) +
                       " + value " + format_count(s.value) + ")";
}

// Bytes of a token and all so far, by kind.
std::string counted(const Scene& s) {
    std::string text;
    const auto& kinds = s.counts.value->kinds;
    for (const CacheCount& k : kinds) {
        const auto at = static_cast<std::size_t>(
            std::min<std::int64_t>(s.t, static_cast<std::int64_t>(k.bytes.size()) - 1));
        text += (text.empty() ? "" : ", ") + k.kind + " " + format_count(k.bytes[at]) + " B";
    }
    return text;
}

}  // namespace

std::string one_decimal(double fraction) {
    return format_fixed(fraction * 100, 1) + " %";
}

std::string famous_quotient() {
    const KnownShape *v2 = find_shape("deepseek-v2"), *dense = find_shape("deepseek-67b");
    if (v2 == nullptr || dense == nullptr) return {};
    constexpr double low = 6, usual = 16;
    return v2->title + " caches " + one_decimal(saving(v2->config, usual, dense->config, usual)) +
           " less than " + dense->title + ", and " +
           one_decimal(saving(v2->config, low, dense->config, usual)) + " less with " +
           format_number(low) + " bits a number against " + format_number(usual) + ".";
}

std::string headline(const Scene& s) {
    if (s.choices.show == "shapes") {
        const auto kinds = attention_kinds(shaped(s));
        const double ratio =
            cache_bytes(kinds.front().config, 1, 16) / cache_bytes(kinds.back().config, 1, 16);
        return kind_name(kinds.front()) + " of this shape would cache " + format_number(ratio, 3) +
               " times as much as MLA";
    }
    if (s.choices.show == "rank") {
        if (!s.mla) return "No latent in this model";
        if (s.all_kept())
            return "All " + format_count(s.rank) + " directions of the latent: the model itself";
        std::string text =
            "With " + format_count(s.kept_rank()) + " of " + format_count(s.rank) + " directions";
        if (s.curve.value == nullptr || s.curve.value->rank.empty()) return text + " …";
        return text + " " + format_percent(s.curve.value->agreement[s.at_rank()]) +
               " of the next tokens stay the same";
    }
    if (!s.mla)
        return capital(layer_name(s.model, s.layer)) + " keeps keys and values of " +
               format_count(s.groups) + (s.groups == 1 ? " group: " : " groups: ") +
               format_count(s.kept()) + " numbers of " + s.token_text(s.t);
    if (s.choices.absorb) {
        if (s.up == nullptr) return "To absorb W_UK and W_UV takes the weights";
        return "Keys and values are gone: the query goes to the latent instead";
    }
    return "Of " + s.token_text(s.t) + " only " + format_count(s.kept()) +
           " numbers are cached, not the " + format_count(s.multi_head()) + " of all heads";
}

std::string facts(const Scene& s) {
    if (s.choices.show == "shapes")
        return "Bytes = layers · (latent + rope key), or layers · groups · (key + value), times "
               "tokens and bits / 8";
    std::string text = capital(layer_name(s.model, s.layer));
    if (s.choices.show == "rank")
        return text + ", head " + format_count(s.head) +
               " · cut in all layers at once · cached would be " + format_count(s.kept_rank()) +
               " numbers of " + format_count(s.rank) +
               (s.trace->extent.batch > 1 ? " · first sequence" : "");
    text += " · cached: " + kept_words(s, false) + " = " + format_count(s.kept()) + " numbers, " +
            format_count(s.kept() * static_cast<std::int64_t>(sizeof(Real))) + " B";
    if (s.mla && s.choices.absorb && s.up == nullptr)
        return text + " · a saved trace holds no weights: the keys and values are shown";
    if (s.mla && !s.choices.absorb && s.kv == nullptr)
        text += s.up != nullptr ? " · keys and values made with the weights: this run absorbed them"
                                : " · this run made no keys and values";
    return text;
}

namespace {

// What as many directions as the latent has would carry of keys and values that are made of h.
std::string twin_words(const Scene& s) {
    const auto layer = static_cast<std::size_t>(s.layer);
    if (s.twin.value == nullptr || layer >= s.twin.value->layers.size()) return "";
    const std::vector<double>& all = s.twin.value->layers[layer];
    double sum = 0, first = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        sum += all[i] * all[i];
        first += static_cast<std::int64_t>(i) < s.rank ? all[i] * all[i] : 0;
    }
    return "Of its multi-head twin, trained " + format_count(s.frame->twin->weights->trained_step) +
           " steps, the strongest " + format_count(s.rank) + " of " +
           format_count(static_cast<std::int64_t>(all.size())) + " directions carry " +
           format_percent(first / sum) + " of the squared singular values.";
}

}  // namespace

std::string description(const Scene& s) {
    if (!s.missing.empty()) return s.missing;
    if (s.choices.show == "shapes") {
        std::string text = famous_quotient() + " At " + format_count(s.choices.context) +
                           " tokens and " + format_number(s.choices.bits, 3) + " bits a number";
        for (const KnownShape& k : known_shapes())
            text += ", " + k.title + " keeps " +
                    format_bytes(std::llround(cache_bytes(
                        k.config, static_cast<double>(s.choices.context), s.choices.bits)));
        text += "; by hand";
        for (const AttentionKind& k : attention_kinds(shaped(s)))
            text += ", " + kind_name(k) + " " +
                    format_bytes(std::llround(cache_bytes(
                        k.config, static_cast<double>(s.choices.context), s.choices.bits)));
        return text + ". All are computed for that shape.";
    }
    if (s.choices.show == "rank") {
        if (!s.mla) return "This model's attention keeps keys and values: it has no latent.";
        if (s.trace->weights == nullptr)
            return "A saved trace holds no weights: what the rank carries cannot be seen.";
        std::string text = headline(s) + ".";
        if (s.curve.value == nullptr || s.curve.value->rank.empty()) return text;
        const RankCurve& c = *s.curve.value;
        const std::size_t at = s.at_rank();
        if (const std::string twin = twin_words(s); !twin.empty()) text += " " + twin;
        return text + " With " + format_count(c.rank[at]) +
               " directions of every layer the next-token distributions are " +
               format_number(c.divergence[at], 2) + " nats from the model's, " +
               format_percent(c.agreement[at]) +
               " of the positions choose the same token; with one direction " +
               format_number(c.divergence.front(), 2) + " nats.";
    }
    std::string text = "In " + layer_name(s.model, s.layer) + " token " + format_count(s.t) + " " +
                       s.token_text(s.t) + " leaves " + kept_words(s, true) + " in the cache, " +
                       format_count(s.kept()) + " numbers; keys and values of all heads would be " +
                       format_count(s.multi_head()) + ". ";
    if (s.counts.value != nullptr)
        text += "After " + format_count(s.t + 1) + " tokens the buffers of all layers hold " +
                counted(s) + ". ";
    if (!s.mla) return text.substr(0, text.size() - 1);
    const auto context = static_cast<double>(s.choices.context);
    const AttentionCost a = attention_cost(s.model, context, AttentionMode::naive);
    const AttentionCost b = attention_cost(s.model, context, AttentionMode::absorbed);
    text += "Decoding a token at " + format_count(s.choices.context) + " takes " +
            format_short(a.flops) + " FLOPs with keys and values expanded, " +
            format_short(b.flops) + " absorbed, and moves " +
            format_bytes(std::llround(a.bytes(s.choices.bits))) + " or " +
            format_bytes(std::llround(b.bytes(s.choices.bits))) + ".";
    if (s.ways.value != nullptr)
        text += " Both ways give the same scores, apart by at most " +
                format_number(s.ways.value->score_error, 2) + ".";
    return text;
}

}  // namespace sf::latent_kv
