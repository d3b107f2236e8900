#include "views/experts_training.h"

#include "views/draw/number.h"
#include "views/experts_scene.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sf::experts {

namespace {

constexpr std::size_t most_points = 400;

// The one whose bias went furthest; where none moved, the one with most to do at the end.
std::size_t telling_expert(const TrainingScene& s) {
    const History& h = *s.history;
    std::size_t best = 0;
    double most = 0;
    for (std::size_t e = 0; e < s.experts(); ++e) {
        double lo = s.own_bias(0, e), hi = lo;
        for (const std::size_t i : s.shown()) {
            lo = std::min(lo, s.own_bias(i, e));
            hi = std::max(hi, s.own_bias(i, e));
        }
        if (hi - lo > most) most = hi - lo, best = e;
    }
    if (most > 0) return best;
    const Loads last = window_of(h, s.layer, h.size() - 1);
    return static_cast<std::size_t>(std::max_element(last.count.begin(), last.count.end()) -
                                    last.count.begin());
}

// The same layer of another run, or the first that it has; none: no experts.
std::size_t layer_like(const History& other, const std::string& name) {
    const auto& all = other.layers();
    const auto at = std::find(all.begin(), all.end(), name);
    return at == all.end() ? 0 : static_cast<std::size_t>(at - all.begin());
}

void add_others(TrainingScene& s) {
    const std::string& name = s.history->layers()[s.layer];
    if (s.runs_shown()) {
        for (const NamedRun& run : *s.frame->runs)
            if (run.history && !run.history->empty() && !run.history->layers().empty())
                s.others.push_back(
                    balance_curve(*run.history, layer_like(*run.history, name), run.name));
        return;
    }
    for (std::size_t l = 0; l < s.history->layers().size(); ++l)
        if (l != s.layer) s.others.push_back(balance_curve(*s.history, l, s.history->layers()[l]));
}

std::string why_not(const Frame& frame) {
    if (frame.history == nullptr || frame.history->empty())
        return "This model came without a history of its training. Press “Train” below the "
               "picture, or open a model that was trained here: loads and biases of every step "
               "are then shown.";
    if (frame.history->layers().empty())
        return "Every layer of the model that was trained is dense: there are no experts whose "
               "loads could be balanced.";
    return "";
}

}  // namespace

std::string plain_number(double v) {
    std::string text = format_number(v, 3);
    if (text.find('.') == std::string::npos || text.find("×") != std::string::npos) return text;
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
}

std::int64_t Loads::sum() const {
    return std::accumulate(count.begin(), count.end(), std::int64_t{0});
}

double Loads::over_mean(std::size_t expert) const {
    const std::int64_t all = sum();
    if (all == 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(count[expert]) * static_cast<double>(count.size()) /
           static_cast<double>(all);
}

double Loads::violation() const {
    const auto most = std::max_element(count.begin(), count.end());
    return over_mean(static_cast<std::size_t>(most - count.begin())) - 1;
}

Loads loads_of(const History& h, std::size_t layer, std::size_t first, std::size_t last) {
    const auto width = static_cast<std::size_t>(h.experts());
    Loads all{std::vector<std::int64_t>(width), 0};
    for (std::size_t i = first; i < last; ++i) {
        const StepRecord& r = h[i];
        for (std::size_t e = 0; e < width; ++e) all.count[e] += r.load[layer * width + e];
        all.tokens += r.tokens;
    }
    return all;
}

Loads window_of(const History& h, std::size_t layer, std::size_t index) {
    std::size_t first = index + 1;
    for (std::int64_t tokens = 0; first > 0 && tokens < window_tokens;) tokens += h[--first].tokens;
    return loads_of(h, layer, first, index + 1);
}

std::vector<Loads> windows_of(const History& h, std::size_t layer,
                              const std::vector<std::size_t>& indices) {
    const auto width = static_cast<std::size_t>(h.experts());
    Loads window{std::vector<std::int64_t>(width), 0};
    const auto add = [&](const StepRecord& r, std::int64_t sign) {
        for (std::size_t e = 0; e < width; ++e) window.count[e] += sign * r.load[layer * width + e];
        window.tokens += sign * r.tokens;
    };
    std::vector<Loads> all;
    std::size_t first = 0, next = 0;
    for (const std::size_t index : indices) {
        for (; next <= index; ++next) {
            add(h[next], 1);
            while (first < next && window.tokens - h[first].tokens >= window_tokens)
                add(h[first++], -1);
        }
        all.push_back(window);
    }
    return all;
}

std::vector<std::size_t> shown_records(const History& h) {
    std::vector<std::size_t> all;
    const std::size_t stride = std::max<std::size_t>(1, h.size() / most_points);
    for (std::size_t i = (h.size() - 1) % stride; i < h.size(); i += stride) all.push_back(i);
    return all;
}

bool bias_moves(const History& h, std::size_t index) {
    if (h.size() < 2) return h[index].bias != std::vector<float>(h[index].bias.size());
    const std::size_t at = std::max<std::size_t>(index, 1);
    return h[at].bias != h[at - 1].bias;
}

std::string balance_of(const History& h, std::size_t index) {
    const StepRecord& r = h[index];
    const bool loss = r.balance_loss != 0;
    if (!bias_moves(h, index)) return loss ? "auxiliary loss" : "no balancing";
    return "bias, γ " + plain_number(static_cast<double>(r.gamma)) +
           (loss ? ", and sequence-wise loss" : "");
}

BalanceCurve balance_curve(const History& h, std::size_t layer, const std::string& name) {
    BalanceCurve curve{name, {}, {}, {}};
    const BalancedNoise noise(h.config().num_experts_per_tok, h.experts());
    const auto shown = shown_records(h);
    const auto windows = windows_of(h, layer, shown);
    for (std::size_t i = 0; i < shown.size(); ++i) {
        curve.step.push_back(static_cast<double>(h[shown[i]].step));
        curve.violation.push_back(windows[i].violation());
        // An MTP module meets fewer tokens than there are.
        curve.noise.push_back(noise(windows[i].sum() / h.config().num_experts_per_tok));
    }
    return curve;
}

double TrainingScene::first_step() const {
    const auto first = static_cast<double>((*history)[0].step);
    return log ? std::max(1.0, first) : first;
}

bool TrainingScene::runs_shown() const {
    return frame->runs != nullptr && !frame->runs->empty();
}

TrainingScene make_training_scene(const Frame& frame, const View& view) {
    TrainingScene s;
    s.frame = &frame;
    s.theme = frame.theme;
    s.history = frame.history;
    s.missing = why_not(frame);
    if (!s.missing.empty()) return s;
    const ModelConfig& c = s.history->config();
    auto layer = static_cast<std::int64_t>(setting_number(frame, view, "layer"));
    if (layer < 0) layer = layer_at_cursor(frame);
    layer = nearest_moe_layer(c, layer);
    std::string name = layer_prefix(c, layer);
    name.pop_back();
    s.layer = layer_like(*s.history, name);
    s.layer_title = layer_name(c, layer);
    s.stream = setting_text(frame, view, "loads") == "stream";
    s.log = setting_text(frame, view, "steps") == "log" && s.history->back().step > 1;
    const std::size_t upto =
        frame.train_step >= 0 ? s.history->upto(frame.train_step) : s.history->size();
    s.now = std::max<std::size_t>(upto, 1) - 1;
    for (std::size_t i = 0; i < s.history->size(); ++i) {
        double sum = 0;
        for (std::size_t e = 0; e < s.experts(); ++e) sum += s.bias(i, e);
        s.mean_bias.push_back(sum / static_cast<double>(s.experts()));
    }
    const auto expert = static_cast<std::int64_t>(setting_number(frame, view, "expert"));
    s.own_choice = expert < 0;
    s.expert = s.own_choice ? telling_expert(s)
                            : std::min(static_cast<std::size_t>(expert), s.experts() - 1);
    s.own = balance_curve(*s.history, s.layer, s.layer_title);
    add_others(s);
    return s;
}

}  // namespace sf::experts
