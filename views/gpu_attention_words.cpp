#include "views/draw/number.h"
#include "views/gpu_attention.h"
#include "views/place.h"

#include <cmath>

// The walk in words.
namespace sf::gpu {

namespace {

// "5 × 4 heads × 2 parts of o = 40 work groups"
std::string all_groups_text(const AttentionScene& s) {
    const std::int64_t sets = s.work.heads / s.work.share;
    const std::int64_t parts = (s.work.value_width + s.cut.columns - 1) / s.cut.columns;
    std::string text = format_count(s.work.groups(s.cut));
    if (sets > 1) text += " × " + format_count(sets) + (s.work.share > 1 ? " key heads" : " heads");
    if (parts > 1) text += " × " + format_count(parts) + " parts of o";
    if (s.work.batch > 1) text += " × " + format_count(s.work.batch) + " sequences";
    const std::string all = counted(s.work.all_groups(s.cut), "work group");
    return sets * parts * s.work.batch > 1 ? text + " = " + all : all + " in all";
}

std::string shared_text(const AttentionScene& s) {
    return s.work.share == 1
               ? ""
               : std::to_string(s.work.share) + " heads share keys, and so their rows the groups";
}

}  // namespace

std::string attention_headline(const AttentionScene& s) {
    const auto groups = std::ssize(s.bands);
    const std::int64_t all = groups * s.tiles(), skipped = all - s.walked();
    if (all == 1) return "One work group takes all rows of a head in one tile";
    if (groups == 1)
        return "One work group walks " + counted(s.tiles(), "tile") +
               " of keys, row by row m, d, o";
    const std::string walk = format_count(groups) + " work groups walk at once; ";
    if (skipped == 0) return walk + "every tile has work";
    return walk + format_count(skipped) + " of " + format_count(all) +
           " tiles lie above the diagonal and cost nothing";
}

std::vector<std::string> attention_facts(const AttentionScene& s) {
    const std::string kernel = std::string("kernel (") + name_of(s.setup.variant) + ")";
    return {layer_title(s.setup, s.setup.layer) + ", head " + std::to_string(s.head) + " of " +
                std::to_string(s.work.heads) +
                (s.work.batch > 1 ? ", sequence " + std::to_string(s.batch) : ""),
            all_groups_text(s),
            "a tile is " + product_text(s.cut.queries, s.cut.keys) +
                (s.as_run() ? ", as the " + kernel + " cuts" : ", cut fine to be seen"),
            s.as_run() ? "" : "the " + kernel + " takes " + product_text(s.own.queries, s.own.keys),
            shared_text(s)};
}

std::string attention_description(const AttentionScene& s) {
    if (!s.missing.empty()) return s.missing;
    const Band& b = s.band();
    const std::int64_t j = s.live(b);
    std::string text = attention_headline(s) + ". In " +
                       layer_name(s.setup.graph().config, s.setup.layer) +
                       " the attention of head " + std::to_string(s.head) + ", " +
                       product_text(s.work.queries, s.work.context) + " scores, is cut into " +
                       counted(std::ssize(s.bands), "work group") + " of at most " +
                       counted(s.cut.queries, "query row") + " and tiles of " +
                       counted(s.cut.keys, "key") + "; with " + counted(s.work.heads, "head") +
                       " that makes " + counted(s.work.all_groups(s.cut), "work group") + ". ";
    text += "Group " + std::to_string(b.group) + " has rows " + std::to_string(b.first) + " to " +
            std::to_string(b.first + b.rows - 1) + " and walks " + counted(b.walked, "tile") +
            (s.done(b) ? "; it is done. " : "; it is at tile " + std::to_string(j) + ". ");
    text += "For row " + s.token(s.row) + " at " + std::to_string(s.row) + " tile " +
            std::to_string(j) + " brings m from " + format_number(s.m(j - 1)) + " to " +
            format_number(s.m(j)) + " and d from " + format_number(s.d(j - 1)) + " to " +
            format_number(s.d(j)) + (s.told ? ", as the device left them. " : ". ");
    text += "Attention of the layer takes " + format_short(s.work.flops()) + " FLOPs.";
    return text;
}

}  // namespace sf::gpu
