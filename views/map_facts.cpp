#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/edited.h"
#include "views/map_context.h"
#include "views/map_gradient.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

Invariant missing(const std::string& name) {
    return {name, true, "not in this trace"};
}

std::string error_text(double e) {
    return "max error " + (e == 0 ? "0" : format_number(e, 2));
}

// The drawn probabilities against the softmax of the logits, recomputed in double.
Invariant logits_hold(const MapContext& c) {
    const std::string name = "logits on the map = logits of the forward pass";
    const NodeId probs = c.graph.find("probs");
    const Tensor* p = c.trace.find(probs);
    const Tensor* l = c.trace.find(c.graph.logits());
    if (p == nullptr || l == nullptr || p->shape != l->shape || p->shape.rank != 3)
        return missing(name);
    const std::int64_t vocab = l->shape[2], first = (c.batch * l->shape[1] + c.token) * vocab;
    double top = -INFINITY, sum = 0, worst = 0;
    for (std::int64_t i = 0; i < vocab; ++i) top = std::max(top, l->at(first + i));
    for (std::int64_t i = 0; i < vocab; ++i) sum += std::exp(l->at(first + i) - top);
    for (const Guess& g : best_guesses(c.trace, probs, c.batch, c.token, 8)) {
        if (set_by_hand(c.trace, "probs", g.index)) continue;
        const double right = std::exp(l->at(g.index) - top) / sum;
        const double e = std::abs(right - g.p) / std::max(right, 1e-30);
        if (!(e <= worst)) worst = e;
    }
    return {name, worst <= 1e-5,
            "max relative error " + (worst == 0 ? "0" : format_number(worst, 2))};
}

Invariant shapes_hold(const MapContext& c) {
    std::int64_t kept = 0, right = 0;
    for (NodeId id = 0; id < c.graph.size(); ++id) {
        if (c.graph[id].op == Op::param) continue;
        const Tensor* t = c.trace.find(id);
        if (t == nullptr) continue;
        ++kept;
        right += t->shape == c.trace.shape(id) ? 1 : 0;
    }
    return {"every shape = the tensor's shape", right == kept,
            format_count(right) + " of " + format_count(kept)};
}

Invariant residual_holds(const MapContext& c) {
    const std::string name = "residual after a layer = before + attention + FFN";
    double worst = 0;
    int layers = 0;
    for (const MapBand& band : c.model.bands) {
        if (band.kind != MapBand::Kind::ffn || band.add == no_node) continue;
        const auto& outer = c.graph[band.add].inputs;
        const auto& inner = c.graph[outer[0]].inputs;
        if (outer.size() != 2 || inner.size() != 2) continue;
        const Tensor* after = c.trace.find(band.add);
        const Tensor* before = c.trace.find(inner[0]);
        const Tensor* attention = c.trace.find(inner[1]);
        const Tensor* ffn = c.trace.find(outer[1]);
        if (!after || !before || !attention || !ffn) continue;
        ++layers;
        for (std::int64_t i = 0; i < after->size(); ++i) {
            if (set_by_hand(c.trace, c.graph[band.add].name, i) ||
                set_by_hand(c.trace, c.graph[outer[0]].name, i))
                continue;
            const double x = before->at(i), u = attention->at(i), f = ffn->at(i);
            const double size = std::max(1e-30, std::abs(x) + std::abs(u) + std::abs(f));
            const double e = std::abs(after->at(i) - (x + u + f)) / size;
            if (!(e <= worst)) worst = e;
        }
    }
    if (layers == 0) return missing(name);
    // Two roundings to float: at most two halves of 2^-23, relative to the terms' sizes.
    return {name, worst <= 2.4e-7,
            "max relative error " + (worst == 0 ? "0" : format_number(worst, 2)) + " in " +
                std::to_string(layers) + (layers == 1 ? " layer" : " layers")};
}

Invariant sums_hold(const MapContext& c) {
    const std::string name = "every prediction's probabilities sum to 1";
    double worst = 0;
    std::int64_t rows = 0;
    for (NodeId id = 0; id < c.graph.size(); ++id) {
        if (c.graph[id].op != Op::softmax) continue;
        const Tensor* t = c.trace.find(id);
        if (t == nullptr) continue;
        const std::int64_t cols = t->shape.cols();
        for (std::int64_t r = 0; r < t->shape.rows(); ++r, ++rows) {
            const auto here = [&](const Edit& e) {
                return e.node == c.graph[id].name && e.index / cols == r;
            };
            if (std::any_of(c.trace.edits.begin(), c.trace.edits.end(), here)) continue;
            double sum = 0;
            for (std::int64_t i = 0; i < cols; ++i) sum += t->at(r * cols + i);
            if (!(std::abs(sum - 1) <= worst)) worst = std::abs(sum - 1);
        }
    }
    if (rows == 0) return missing(name);
    return {name, worst <= 1e-5, error_text(worst) + " in " + format_count(rows) + " sums"};
}

}  // namespace

std::vector<Guess> best_guesses(const Trace& trace, NodeId node, std::int64_t batch,
                                std::int64_t position, std::size_t count) {
    const Tensor* t = trace.find(node);
    if (t == nullptr || t->shape.rank != 3 || batch >= t->shape[0] || position < 0 ||
        position >= t->shape[1])
        return {};
    const std::int64_t vocab = t->shape[2], first = (batch * t->shape[1] + position) * vocab;
    std::vector<Guess> all(static_cast<std::size_t>(vocab));
    for (std::int64_t i = 0; i < vocab; ++i)
        all[static_cast<std::size_t>(i)] = {i, first + i, t->at(first + i)};
    count = std::min(count, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                      [](const Guess& a, const Guess& b) {
                          // NaN last, so that the order is one
                          const double pa = std::isnan(a.p) ? -1 : a.p;
                          const double pb = std::isnan(b.p) ? -1 : b.p;
                          return pa != pb ? pa > pb : a.id < b.id;
                      });
    all.resize(count);
    return all;
}

std::vector<LensRow> lens_rows(const MapContext& c) {
    const auto last = best_guesses(c.trace, c.graph.find("probs"), c.batch, c.token, 1);
    std::vector<LensRow> rows;
    const auto put = [&](const std::string& label, const std::string& node, bool module) {
        LensRow row;
        row.label = label;
        row.node = c.graph.find(node);
        row.module = module;
        const auto best = best_guesses(c.trace, row.node, c.batch, c.token, 1);
        if (!best.empty()) {
            row.kept = true;
            row.guess = best.front();
            row.agrees = !module && !last.empty() && best.front().id == last.front().id;
        } else if (module && c.trace.find(row.node)) {
            return;  // the module sees tokens ahead, and there are none so far ahead
        }
        rows.push_back(row);
    };
    for (int i = 0; i < c.model.layers; ++i)
        put("Layer " + std::to_string(i), "layers." + std::to_string(i) + ".lens_probs", false);
    for (int k = 1; k <= c.model.modules; ++k)
        put("MTP " + std::to_string(k), "mtp." + std::to_string(k) + ".probs", true);
    return rows;
}

int lens_settles(const MapContext& c) {
    int first = -1;
    for (const LensRow& row : lens_rows(c)) {
        if (row.module) break;
        if (!row.kept) return -1;
        if (!row.agrees)
            first = -1;
        else if (first < 0)
            first = c.graph[row.node].layer;
    }
    return first;
}

std::string quoted(const std::string& token) {
    return "“" + token_label(token) + "”";
}

std::string token_text(const MapContext& c, std::int64_t position) {
    const auto i = static_cast<std::size_t>(c.batch * c.extent_tokens() + position);
    return i < c.trace.tokens.size() ? c.trace.tokens[i] : "";
}

std::string place_of(const MapContext& c, const Step& step) {
    std::string place;
    if (step.layer >= c.model.layers)
        place = "MTP module " + std::to_string(step.layer - c.model.layers + 1) + "";
    else if (step.layer >= 0)
        place = "Layer " + std::to_string(step.layer);
    const MapBand* band =
        c.current_band < 0 ? nullptr : &c.model.bands[static_cast<std::size_t>(c.current_band)];
    std::string part;
    switch (step.part) {
        case Part::embed:
            part = "Input";
            break;
        case Part::attn_norm:
        case Part::attn:
            part = "attention";
            break;
        case Part::ffn_norm:
        case Part::ffn:
            part = band && band->experts ? "experts" : "feed-forward";
            break;
        case Part::attn_add:
        case Part::ffn_add:
            part = "residual stream";
            break;
        case Part::head:
            part = "Output";
            break;
        case Part::mtp_input:
            part = "input";
            break;
        case Part::mtp_head:
            part = "shared head";
            break;
        case Part::loss:
            part = "loss";
            break;
        case Part::lens:
        case Part::weight:
            break;
    }
    if (step.kind == Step::Kind::gradient) part += " · backward";
    return place.empty() ? part : place + " · " + part;
}

std::string map_description(const MapContext& c) {
    const std::string position = std::to_string(c.token);
    std::string text = c.trace.model_name.empty() ? "The model" : c.trace.model_name;
    text += c.trace.trained_step == 0
                ? " is untrained"
                : " has been trained for " + format_count(c.trace.trained_step) + " steps";
    text += ": " + std::to_string(c.model.layers) + (c.model.layers == 1 ? " layer" : " layers");
    if (c.model.modules > 0)
        text += " and " + std::to_string(c.model.modules) +
                (c.model.modules == 1 ? " MTP module" : " MTP modules");
    text += " over " + std::to_string(c.extent_tokens()) +
            (c.extent_tokens() == 1 ? " token. " : " tokens. ");
    if (c.step != nullptr && c.current != no_node) {
        const Node& node = c.graph[c.current];
        text += place_of(c, *c.step) + ": " + node.title + ", shape " +
                to_string(c.trace.shape(c.current)) + ". ";
        if (c.step->kind != Step::Kind::operation) text += c.step->sentence + " ";
        if (c.backward) text += gradient_description(c);
    }
    text += "After token " + position + " " + quoted(token_text(c, c.token)) + " ";
    const auto best = best_guesses(c.trace, c.graph.find("probs"), c.batch, c.token, 2);
    if (best.empty()) return text + "the prediction was not kept.";
    text +=
        "it predicts " + quoted(c.trace.label(best[0].id)) + " with " + format_percent(best[0].p);
    if (best.size() > 1)
        text +=
            ", then " + quoted(c.trace.label(best[1].id)) + " with " + format_percent(best[1].p);
    text += ". ";
    const int settled = lens_settles(c);
    if (settled >= 0)
        text += "Read through the logit lens, the stream says so from layer " +
                std::to_string(settled) + " on.";
    else
        text += "The logit lens shows no layer after which this was already settled.";
    return text;
}

std::vector<Invariant> map_invariants(const MapContext& c) {
    std::vector<Invariant> all{logits_hold(c), shapes_hold(c), residual_holds(c), sums_hold(c)};
    if (!c.trace.loss.empty()) all.push_back(gradient_adds_up(c));
    return all;
}

}  // namespace sf
