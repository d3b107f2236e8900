#include "views/draw/number.h"
#include "views/draw/text.h"
#include "views/experts_draw.h"
#include "views/place.h"

#include <algorithm>
#include <array>
#include <cmath>

// What the parts of the page "token" share.
namespace sf::experts {

namespace {

std::string probs_name(const Scene& s) {
    return s.layer < s.config.num_hidden_layers ? "probs" : s.node("probs");
}

std::string likeliest(const Scene& s, const std::vector<double>& p) {
    const auto best = std::max_element(p.begin(), p.end());
    return "“" + token_label(s.trace->label(best - p.begin())) + "” " + format_percent(*best);
}

}  // namespace

Reveal reveal_of(const Scene& s) {
    Reveal r;
    const Timeline* steps = s.frame->timeline;
    if (steps == nullptr || steps->size() == 0) return r;
    const auto& now =
        (*steps)[std::clamp<std::int64_t>(s.frame->cursor.step, 0, steps->size() - 1)];
    const double w = std::clamp(s.frame->cursor.within, 0.0, 1.0), eased = w * w * (3 - 2 * w);
    if (now.kind == Step::Kind::expert && now.layer == s.layer) {
        r.expert = now.sub;
        r.work = eased;
    }
    if (now.kind != Step::Kind::operation) return r;
    // In the order of the model's work; the logits are what affinities are made of.
    const std::array<std::pair<const char*, double*>, 7> order{{{"router_logits", nullptr},
                                                                {"router_scores", &r.affinities},
                                                                {"router_biased", &r.bias},
                                                                {"group_scores", &r.groups},
                                                                {"router_groups", &r.limit},
                                                                {"router_indices", &r.choice},
                                                                {"router_weights", &r.gates}}};
    const auto here = std::find_if(order.begin(), order.end(), [&](const auto& step) {
        return now.name == s.node(step.first);
    });
    if (here == order.end()) return r;
    if (here->second != nullptr) *here->second = eased;
    for (auto later = here + 1; later != order.end(); ++later) *later->second = 0;
    return r;
}

bool TokenPicture::kept(std::int64_t group) const {
    const auto all = s.kept_groups(s.t);
    return std::find(all.begin(), all.end(), group) != all.end();
}

TokenPicture make_picture(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    TokenPicture p{canvas, s, t, {}, reveal_of(s), s.values(s.t, true), s.values(s.t), 0, {}, 0, 0};
    Rule free = s.rule;
    free.groups = free.kept = 1;
    p.unlimited = route(free, p.sb_values);
    p.common = s.common_bias();
    for (double& v : p.sb_values) v -= p.common;
    for (std::int64_t e = 0; e < s.rule.experts; ++e)
        for (const auto* all : {&p.s_values, &p.sb_values}) {
            const double v = (*all)[static_cast<std::size_t>(e)];
            if (std::isfinite(v) && !s.off(e)) p.lo = std::min(p.lo, v), p.hi = std::max(p.hi, v);
        }
    if (!(p.hi > p.lo)) p.hi = p.lo + 1;
    // Below zero the handle stands clear of the numbers.
    if (p.lo < 0) p.lo -= 0.08 * (p.hi - p.lo);

    Columns& c = p.c;
    c.groups = s.rule.groups;
    c.size = s.rule.group_size();
    const auto groups = static_cast<double>(c.groups), size = static_cast<double>(c.size);
    const double axis = 36 * u;
    c.gap = std::min(10 * u, area.w * 0.02);
    c.shared_w = s.config.n_shared_experts > 0 && area.w >= 420 * u ? 84 * u : 0;
    c.x = area.x + axis;
    const double room = area.w - axis - (c.shared_w > 0 ? c.shared_w + 2 * c.gap : 0);
    c.panel_w = (room - c.gap * (groups - 1)) / groups;
    c.pad = std::min(6 * u, c.panel_w * 0.06);
    c.slot = (c.panel_w - 2 * c.pad) / size;
    c.shared_x = c.right() + 2 * c.gap;
    return p;
}

std::vector<double> prediction(const Scene& s, const Trace& run) {
    const Tensor* probs = fitting_tensor(run, probs_name(s));
    if (probs == nullptr || probs->size() == 0) return {};
    const std::int64_t vocab = probs->shape.cols(), row = s.row(s.t);
    if (row >= probs->shape.rows()) return {};
    std::vector<double> p;
    for (std::int64_t i = 0; i < vocab; ++i) p.push_back(probs->at(row * vocab + i));
    return p;
}

std::string changed_prediction(const Scene& s) {
    if (s.before == nullptr) return "";
    const auto was = prediction(s, *s.before), now = prediction(s, *s.trace);
    if (was.empty() || now.empty()) return "";
    const std::string before = likeliest(s, was), after = likeliest(s, now);
    return (s.layer < s.config.num_hidden_layers ? "next token " : "draft ") + before +
           (before == after ? ", as before" : " → " + after);
}

std::vector<double> contributions(const Scene& s) {
    const Tensor* slots = fitting_tensor(*s.trace, s.node("expert_slots"));
    const Tensor* out = fitting_tensor(*s.trace, s.node("expert_out"));
    if (slots == nullptr || out == nullptr || out->shape.rows() != slots->size()) return {};
    const std::int64_t width = out->shape.cols();
    std::vector<double> lengths(static_cast<std::size_t>(s.rule.top_k), 0.0);
    for (std::int64_t r = 0; r < slots->size(); ++r) {
        const std::int64_t k = slots->ints[static_cast<std::size_t>(r)] - s.slot(s.t, 0);
        if (k < 0 || k >= s.rule.top_k) continue;
        double squares = 0;
        for (std::int64_t i = 0; i < width; ++i)
            squares += out->at(r * width + i) * out->at(r * width + i);
        lengths[static_cast<std::size_t>(k)] = std::abs(s.gate(s.t, k)) * std::sqrt(squares);
    }
    return lengths;
}

}  // namespace sf::experts
