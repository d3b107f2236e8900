#include "views/draw/number.h"
#include "views/place.h"
#include "views/rope_draw.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sf::rope {

namespace {

// Which keys the head reads, where that is not one key for all.
std::string keys_of_head(const Scene& s) {
    if (!s.grouped || s.groups == s.heads) return "";
    if (s.groups == 1) return " (one key for all heads)";
    return " (keys of group " + std::to_string(s.group) + ")";
}

std::string place(const Scene& s) {
    return layer_name(s.model, s.layer) + ", head " + std::to_string(s.head) + keys_of_head(s);
}

std::string signed_text(double v) {
    return (v > 0 ? "+" : "") + format_fixed(v, 2);
}

std::int64_t pairs_with_new_angles(const Scene& s, const Method& m, const Method& plain) {
    std::int64_t n = 0;
    for (std::size_t i = 0; i < m.theta.size(); ++i)
        n += sweep(plain.theta[i], m.theta[i], s.choices.trained, s.choices.factor).fresh > 0 ? 1
                                                                                              : 0;
    return n;
}

// What is not as the model has it.
std::string what_if(const Scene& s) {
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    const Choices& c = s.choices;
    if (c.base != s.model.rope_theta) add("base " + format_number(c.base));
    if (c.width != s.model.qk_rope_head_dim) add("width " + format_count(c.width));
    if (c.scaling != "model") add("scaling " + c.scaling + " × " + format_number(c.factor));
    if (s.hands) add("vectors by hand");
    if (c.distance >= 0) add("key put at distance " + format_count(c.distance));
    if (c.shift > 0) add("both moved by " + format_count(c.shift));
    return text;
}

}  // namespace

std::string nothing_to_fold(const Scene& s) {
    const std::string whose =
        s.groups == 1         ? "one key for all heads"
        : s.groups == s.heads ? "a key for each head"
                              : "a key for each of " + format_count(s.groups) + " groups of heads";
    const auto [keys, values] = cache_widths(s.model);
    return "MLA keeps one latent for all heads and folds W_UK into the query; a rotation between "
           "the two would need another matrix for every distance. This model has no latent: it "
           "caches " +
           whose + ", " + format_count(s.rope()) + " of its " + format_count(s.nope + s.rope()) +
           " columns already rotated. Nothing is folded, so nothing stands in the rotation's way. "
           "The price is the cache: " +
           format_count(keys + values) + " numbers a token in every layer.";
}

std::string headline(const Scene& s) {
    if (s.choices.show == "scaling") {
        const auto& all = s.methods;
        const std::int64_t n = pairs_with_new_angles(s, all.front(), all.front());
        if (s.choices.factor <= 1) return "Not stretched, all ways of scaling are the same";
        return "At " + format_number(s.choices.factor, 3) + " × " +
               format_count(s.choices.trained) + " tokens, " + format_count(n) + " of " +
               format_count(static_cast<std::int64_t>(all.front().theta.size())) +
               " pairs turn beyond the angles of " + format_count(s.choices.trained);
    }
    if (s.choices.show == "latent") {
        if (s.grouped) return "No latent here, so nothing has to be folded";
        const LatentFold f = latent_fold(s);
        if (!f.kept) return "If the latent itself were rotated";
        return "Rotate the latent, and distance " + format_count(s.distance()) +
               " needs another matrix, " +
               format_percent(f.change(static_cast<double>(s.distance()))) + " changed";
    }
    if (s.distance() == 0)
        return s.token_text(s.t) + " looks at " +
               (s.t == s.s ? std::string("itself") : s.token_text(s.s)) +
               ": at distance 0 both turn alike, nothing changes";
    return "Between " + s.token_text(s.t) + " and " + s.token_text(s.s) + " only the distance " +
           format_count(s.distance()) + " turns the angles";
}

std::string facts(const Scene& s) {
    if (s.choices.show == "scaling") {
        const bool set = s.choices.trained != trained_length(*s.frame);
        const bool rows = s.frame->history != nullptr && s.frame->history->about.row_tokens > 0 &&
                          s.model.rope_scaling.type == "none";
        return "The same for all layers and heads · width " + format_count(s.choices.width) +
               " · base " + format_number(s.choices.base) + " · trained length " +
               format_count(s.choices.trained) +
               (set    ? " as set"
                : rows ? " tokens, the rows of its training"
                       : " as the config says");
    }
    std::string text = place(s);
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    text += " · positions " + format_count(s.at_q) + " and " + format_count(s.at_k) + " · " +
            format_count(s.pairs) + " interleaved pairs (2i, 2i+1) · base " +
            format_number(s.choices.base);
    const std::string other = what_if(s);
    return other.empty() ? text : text + " · what if: " + other;
}

std::string description(const Scene& s) {
    if (!s.missing.empty()) return s.missing;
    std::string text = "In " + place(s) + " the query of token " + format_count(s.t) + " " +
                       s.token_text(s.t) + " stands at position " + format_count(s.at_q) +
                       ", the key of token " + format_count(s.s) + " " + s.token_text(s.s) +
                       " at " + format_count(s.at_k) + ". ";
    if (const std::string other = what_if(s); !other.empty()) text += "What if: " + other + ". ";
    const double fastest = s.theta.front();
    double slowest = 0;
    for (const double f : s.theta)
        if (f > 0) slowest = f;
    text += "Their " + format_count(s.pairs) + " pairs turn by θ from " + format_number(fastest) +
            " to " + format_number(slowest) + " a token, a whole turn every " +
            format_number(2 * std::numbers::pi / fastest, 3) + " to " +
            format_number(2 * std::numbers::pi / slowest, 3) + " tokens. ";
    text += "The score is content " + signed_text(s.content) + " plus position " +
            signed_text(s.position) + " = " + signed_text(s.content + s.position);
    if (s.as_run() && s.in_place() && s.probs != nullptr)
        text += ", " + format_percent(s.probs->at(s.score_index(s.t, s.s))) + " of the attention";
    text += ". ";
    if (s.choices.show == "scaling") {
        const auto& all = s.methods;
        text += "Stretched " + format_number(s.choices.factor, 3) + " times beyond " +
                format_count(s.choices.trained) + " tokens, pairs that meet new angles: ";
        for (std::size_t m = 0; m < all.size(); ++m)
            text += (m > 0 ? ", " : "") + all[m].title + " " +
                    format_count(pairs_with_new_angles(s, all[m], all.front()));
        text += " of " + format_count(static_cast<std::int64_t>(all.front().theta.size())) + ". ";
        if (s.losses.value != nullptr) {
            text += "On held-out text the model's own loss beyond them is ";
            for (std::size_t m = 0; m < all.size(); ++m) {
                const auto& loss = s.losses.value->methods[m];
                text +=
                    (m > 0 ? ", " : "") + format_fixed(loss.beyond, 3) + " (" + all[m].title + ")";
            }
            text += ", within them without scaling " +
                    format_fixed(s.losses.value->methods.front().within, 3) + " nats a token. ";
        } else if (!s.losses.error.empty()) {
            text += "The loss beyond them was not measured: " + s.losses.error + ". ";
        }
    } else if (s.choices.show == "latent" && s.grouped) {
        text += nothing_to_fold(s) + " ";
    } else if (s.choices.show == "latent") {
        const LatentFold f = latent_fold(s);
        text += f.kept ? "Were the latent rotated, the folded matrix of " + format_count(f.rows) +
                             " × " + format_count(f.cols) +
                             " would differ from that at distance 0 by " +
                             format_percent(f.change(static_cast<double>(s.distance()))) + ". "
                       : "The weights are not in this trace. ";
    }
    text.pop_back();
    return text;
}

}  // namespace sf::rope
