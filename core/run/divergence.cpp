#include "core/run/divergence.h"

#include "core/io/config_json.h"
#include "core/io/half.h"
#include "core/run/probe.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <span>
#include <utility>

namespace sf {

std::vector<NamedDifference> config_differences(const ModelConfig& a, const ModelConfig& b) {
    std::vector<NamedDifference> fields;
    if (a == b) return fields;
    std::map<std::string, NamedDifference> all;
    for (const ModelField& f : model_field_values(a)) all[f.name] = {f.name, f.value, ""};
    for (const ModelField& f : model_field_values(b)) {
        all[f.name].name = f.name;
        all[f.name].b = f.value;
    }
    for (auto& [name, field] : all)
        if (field.a != field.b) fields.push_back(std::move(field));
    return fields;
}

namespace {

// As many digits as tell the bits: these numbers may differ in the last one.
std::string exact(double value) {
    if (value == std::floor(value) && std::fabs(value) < 1e15)
        return (value < 0 ? "−" : "") + std::to_string(std::llabs(std::llround(value)));
    std::array<char, 40> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), static_cast<float>(value)).ptr;
    const std::string digits(text.data(), end);
    return digits.starts_with('-') ? "−" + digits.substr(1) : digits;
}

template <class T>
bool same_bits(T a, T b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

// Compares lists of values one after another until one differs, and says how.
class Comparison {
public:
    explicit Comparison(Divergence& found) : found_(found) {}

    template <class T>
    bool differs(const std::string& what, std::span<const T> a, std::span<const T> b) {
        if (a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), same_bits<T>))
            return false;
        tell(what, a, b);
        return true;
    }
    template <class T>
    bool differs(const std::string& what, T a, T b) {
        return differs<T>(what, std::span<const T>(&a, 1), std::span<const T>(&b, 1));
    }

private:
    template <class T>
    void tell(const std::string& what, std::span<const T> a, std::span<const T> b) {
        found_.what = what;
        found_.count = std::ssize(a);
        bool first = true;
        for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
            if (same_bits(a[i], b[i])) continue;
            const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
            if (std::exchange(first, false)) {
                found_.index = static_cast<std::int64_t>(i);
                found_.a = x;
                found_.b = y;
            }
            ++found_.differing;
            const double apart = x == y ? 0 : std::fabs(x - y);
            if (!(apart <= found_.largest)) found_.largest = apart;
        }
    }
    Divergence& found_;
};

// Tokens and loads since the step before that both runs kept.
struct Counted {
    std::int64_t tokens = 0;
    std::vector<std::int64_t> load;

    void add(const StepRecord& r) {
        tokens += r.tokens;
        load.resize(r.load.size());
        for (std::size_t i = 0; i < load.size(); ++i) load[i] += r.load[i];
    }
    void clear() { *this = {}; }
};

template <class T>
std::span<const T> of_layer(const std::vector<T>& values, std::size_t layer, std::size_t experts) {
    return std::span(values).subspan(layer * experts, experts);
}

void compare_settings(Divergence& found, const StepRecord& a, const StepRecord& b) {
    if (found.settings_step >= 0) return;
    const auto check = [&](const char* name, float x, float y) {
        if (!same_bits(x, y))
            found.settings.push_back(
                {name, exact(static_cast<double>(x)), exact(static_cast<double>(y))});
    };
    check("lr", a.lr, b.lr);
    check("gamma", a.gamma, b.gamma);
    check("lambda", a.lambda, b.lambda);
    check("alpha", a.alpha, b.alpha);
    if (!found.settings.empty()) found.settings_step = a.step;
}

bool records_differ(Divergence& found, const History& h, const StepRecord& a, const StepRecord& b,
                    const Counted& in_a, const Counted& in_b) {
    Comparison compare(found);
    const auto experts = static_cast<std::size_t>(h.experts());
    if (compare.differs("tokens", in_a.tokens, in_b.tokens)) return true;
    for (std::size_t l = 0; l < h.layers().size(); ++l)
        if (compare.differs("load of " + h.layers()[l], of_layer(in_a.load, l, experts),
                            of_layer(in_b.load, l, experts)))
            return true;
    if (compare.differs("loss", a.loss, b.loss)) return true;
    for (std::size_t k = 0; k < a.mtp_loss.size(); ++k)
        if (compare.differs("mtp_loss." + std::to_string(k + 1), a.mtp_loss[k], b.mtp_loss[k]))
            return true;
    if (compare.differs("balance_loss", a.balance_loss, b.balance_loss)) return true;
    if (compare.differs("grad_norm", a.grad_norm, b.grad_norm)) return true;
    for (std::size_t l = 0; l < h.layers().size(); ++l)
        if (compare.differs("bias of " + h.layers()[l], of_layer(a.bias, l, experts),
                            of_layer(b.bias, l, experts)))
            return true;
    return false;
}

Real as_bf16(Real value) {
    return static_cast<Real>(from_bf16(to_bf16(static_cast<float>(value))));
}

bool stored_as_bf16(const Tensor& t) {
    return std::all_of(t.real.begin(), t.real.end(),
                       [](Real v) { return same_bits(v, as_bf16(v)); });
}

std::vector<Real> all_as_bf16(const Tensor& t) {
    std::vector<Real> values(t.real.size());
    std::transform(t.real.begin(), t.real.end(), values.begin(), as_bf16);
    return values;
}

bool tensors_differ(Divergence& found, const std::string& name, const Tensor& a, const Tensor& b) {
    Comparison compare(found);
    if (a.dtype == DType::i64)
        return compare.differs<std::int64_t>(name, std::span(a.ints), std::span(b.ints));
    const auto plain = [&] {
        return compare.differs<Real>(name, std::span(a.real), std::span(b.real));
    };
    if (stored_as_bf16(a) == stored_as_bf16(b)) return plain();
    found.rounded = true;
    const std::vector<Real> x = all_as_bf16(a), y = all_as_bf16(b);
    if (compare.differs<Real>(name, std::span(x), std::span(y))) return true;
    found.rounded = false;
    return false;
}

// What a probe's file holds; all else of it follows from these.
bool probes_differ(Divergence& found, const Trace& a, const Trace& b) {
    if (!(a.extent == b.extent)) {
        found.what = "ids";
        found.a = static_cast<double>(a.ids.size());
        found.b = static_cast<double>(b.ids.size());
        return true;
    }
    if (a.graph->attention != b.graph->attention) return false;
    for (NodeId id = 0; id < a.graph->size(); ++id) {
        if (!is_probe_node(*a.graph, id)) continue;
        const Tensor *x = a.find(id), *y = b.find(id);
        if (x && y && x->shape == y->shape && tensors_differ(found, (*a.graph)[id].name, *x, *y))
            return true;
    }
    return false;
}

// The steps of a run that left something: records and probes, in order.
std::vector<std::int64_t> kept_steps(const History& h) {
    std::vector<std::int64_t> steps = h.probe_steps();
    for (std::size_t i = 0; i < h.size(); ++i) steps.push_back(h[i].step);
    std::sort(steps.begin(), steps.end());
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
    return steps;
}

TracePtr probe_of(const History& h, std::int64_t step) {
    TracePtr probe = h.probe(step);
    return probe && probe->trained_step == step ? probe : nullptr;
}

const StepRecord* record_of(const History& h, std::int64_t step) {
    const std::size_t n = h.upto(step);
    return n > 0 && h[n - 1].step == step ? &h[n - 1] : nullptr;
}

// Adds the records up to a step, from where it was left.
void count_upto(Counted& counted, const History& h, std::size_t& next, std::int64_t step) {
    while (next < h.size() && h[next].step <= step) counted.add(h[next++]);
}

}  // namespace

Divergence first_divergence(const History& a, const History& b) {
    Divergence found;
    found.fields = config_differences(a.config(), b.config());
    if (!found.fields.empty()) {
        found.kind = Divergence::Kind::shape;
        found.what = found.fields.front().name;
        return found;
    }
    std::vector<std::int64_t> common;
    const auto left = kept_steps(a), right = kept_steps(b);
    std::set_intersection(left.begin(), left.end(), right.begin(), right.end(),
                          std::back_inserter(common));
    Counted in_a, in_b;
    std::size_t next_a = 0, next_b = 0;
    for (const std::int64_t step : common) {
        const StepRecord *x = record_of(a, step), *y = record_of(b, step);
        const TracePtr p = probe_of(a, step), q = probe_of(b, step);
        if (!(x && y) && !(p && q)) continue;
        found.alike = std::exchange(found.step, step);
        ++found.compared;
        if (x && y) {
            count_upto(in_a, a, next_a, step);
            count_upto(in_b, b, next_b, step);
            compare_settings(found, *x, *y);
            found.kind = Divergence::Kind::record;
            if (records_differ(found, a, *x, *y, in_a, in_b)) return found;
            in_a.clear();
            in_b.clear();
        }
        found.kind = Divergence::Kind::probe;
        if (p && q && probes_differ(found, *p, *q)) return found;
    }
    found.kind = Divergence::Kind::none;
    return found;
}

namespace {

std::string settings_text(const Divergence& d) {
    if (d.settings.empty()) return "";
    std::string text;
    for (const NamedDifference& s : d.settings)
        text += (text.empty() ? "" : ", ") + s.name + " " + s.a + " and " + s.b;
    return " Their settings differ at step " + std::to_string(d.settings_step) + ": " + text + ".";
}

std::string place_text(const Divergence& d) {
    const bool of_experts = d.what.starts_with("load of ") || d.what.starts_with("bias of ");
    if (of_experts) return "the " + d.what + ", expert " + std::to_string(d.index) + ",";
    if (d.kind == Divergence::Kind::record) return d.what;
    return d.what + "[" + std::to_string(d.index) + "]";
}

}  // namespace

std::string divergence_text(const Divergence& d, const std::string& a, const std::string& b) {
    const std::string both = a + " and " + b;
    if (d.kind == Divergence::Kind::shape) {
        const std::size_t more = d.fields.size() - 1;
        return both + " differ in shape: " + d.what + " is " + d.fields.front().a + " and " +
               d.fields.front().b +
               (more > 0 ? ", and " + std::to_string(more) + " more field" + (more > 1 ? "s" : "") +
                               " differ" + (more > 1 ? "" : "s")
                         : "") +
               ".";
    }
    if (d.compared == 0) return both + " kept no step in common.";
    if (d.kind == Divergence::Kind::none)
        return both + " are alike bit for bit at all " + std::to_string(d.compared) +
               " steps that both kept, the last is " + std::to_string(d.step) + "." +
               settings_text(d);
    const bool many = d.count > 1;
    return both + " part at step " + std::to_string(d.step) + ": " + place_text(d) + " is " +
           exact(d.a) + " and " + exact(d.b) +
           (many ? "; " + std::to_string(d.differing) + " of its " + std::to_string(d.count) +
                       " values differ, by " + exact(d.largest) + " at most"
                 : "") +
           (d.alike >= 0 ? ". Up to step " + std::to_string(d.alike) +
                               " all that both kept is alike bit for bit"
                         : "") +
           (d.rounded ? " (as BF16, in which one of them was stored)" : "") + "." +
           settings_text(d);
}

std::string balance_seen(const History& h, std::size_t index) {
    if (h.layers().empty() || index >= h.size()) return "";
    const StepRecord& now = h[index];
    // A bias that the loop moves is another one at the record before; the first began at 0.
    const bool moves =
        index > 0 ? now.bias != h[index - 1].bias
                  : std::any_of(now.bias.begin(), now.bias.end(), [](float v) { return v != 0; });
    const bool loss = now.balance_loss > 0;
    return moves ? loss ? "bias+seq" : "bias" : loss ? "aux" : "none";
}

}  // namespace sf
