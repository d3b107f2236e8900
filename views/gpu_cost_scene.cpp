#include "core/graph/kernel_work.h"
#include "views/draw/number.h"
#include "views/gpu_measured.h"

#include <algorithm>
#include <cmath>

namespace sf::gpu {

namespace {

std::int64_t count(const std::array<std::int64_t, 3>& n) {
    return n[0] * n[1] * n[2];
}

void add_launches(const DeviceReport::Run& run, const std::string& part, std::size_t number,
                  std::vector<KernelCost>& kernels) {
    const auto begin = static_cast<std::ptrdiff_t>(kernels.size());
    for (const KernelLaunch& l : run.launches) {
        auto known = std::find_if(kernels.begin() + begin, kernels.end(),
                                  [&](const KernelCost& k) { return k.kernel == l.kernel; });
        if (known == kernels.end()) {
            KernelCost fresh;
            fresh.part = part;
            fresh.kernel = l.kernel;
            fresh.part_number = number;
            known = kernels.insert(kernels.end(), fresh);
        }
        KernelCost& k = *known;
        k.launches += 1;
        k.groups += count(l.groups);
        k.invocations += count(l.groups) * count(l.local);
        k.shared_bytes = std::max(k.shared_bytes, l.shared_bytes);
        k.flops += l.flops;
        k.bytes += l.bytes;
        k.seconds += l.seconds;
    }
}

double total(const CostScene& s, double KernelCost::*of) {
    double all = 0;
    for (const KernelCost& k : s.kernels) all += k.*of;
    return all;
}

// FLOPs of a part, counted from shapes; SwiGLU takes some more a number, as each kernel writes it.
struct Counted {
    double products = 0, swiglu = 0;
};
Counted counted_from_shapes(const CostScene& s, const DeviceReport::Part& part) {
    const Graph& g = s.setup.graph();
    const Extent& e = s.setup.trace().extent;
    const NodeId id = g.find(part.node);
    if (const auto work = attention_work(g, id, e)) return {work->flops(), 0};
    if (const auto work = experts_work(g, id, e)) return {work->flops(), 0};
    const Shape out = g[id].shape(e), h = g[g[id].inputs[0]].shape(e);
    return {static_cast<double>(3 * 2 * out.rows() * out.cols() * h.cols()),
            8 * static_cast<double>(h.size())};
}

}  // namespace

double CostScene::roof_at(double intensity) const {
    return std::min(roof().flops_per_second, intensity * roof().copy_bytes_per_second);
}

double CostScene::share(const KernelCost& k) const {
    return has_roof() && k.rate() > 0 && k.intensity() > 0 ? k.rate() / roof_at(k.intensity()) : 0;
}

Colour CostScene::colour(const KernelCost& k) const {
    constexpr Meaning of[] = {Meaning::query, Meaning::routed_expert, Meaning::shared_expert};
    return theme().meaning(of[std::min<std::size_t>(k.part_number, 2)]);
}

CostScene make_cost_scene(const Frame& frame, const View& view) {
    CostScene s;
    s.setup = make_setup(frame, view);
    if (s.setup.report.value == nullptr) return s;
    const auto& parts = s.setup.report.value->parts;
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (const DeviceReport::Run* run = s.setup.run(&parts[i]))
            add_launches(*run, parts[i].title, i, s.kernels);
    return s;
}

std::string cost_headline(const CostScene& s) {
    const double seconds = total(s, &KernelCost::seconds), flops = total(s, &KernelCost::flops);
    std::int64_t invocations = 0;
    for (const KernelCost& k : s.kernels) invocations += k.invocations;
    if (s.kernels.empty()) return "This kernel did not run here";
    if (seconds <= 0)
        return format_count(invocations) + " invocations, " + format_short(flops) + " FLOP";
    const std::string rate = format_number(flops / seconds / 1e9, 3);
    return format_count(invocations) + " invocations in " + format_seconds(seconds) + ": " + rate +
           (s.has_roof() ? " of at most " + rate_text(s.roof().flops_per_second) : " GFLOP/s");
}

std::vector<std::string> cost_facts(const CostScene& s) {
    const DeviceReport& r = *s.setup.report.value;
    return {software_words(r.device), r.stopped, variant_text(s.setup), r.device.name,
            r.device.version};
}

std::string cost_description(const CostScene& s) {
    if (const std::string words = words_without_report(s.setup); !words.empty()) return words;
    std::string text = cost_headline(s) + ". " + joined(cost_facts(s)) + ".";
    for (const KernelCost& k : s.kernels) {
        text += " " + k.part + ", " + k.kernel + ": " + counted(k.groups, "work group") + ", " +
                format_short(k.flops) + " FLOP over " +
                format_bytes(static_cast<std::int64_t>(k.bytes));
        if (k.rate() > 0) text += " in " + format_seconds(k.seconds);
        if (const double share = s.share(k); share > 0)
            text += ", " + format_percent(share) + " of what " +
                    (k.intensity() < s.ridge() ? "memory" : "arithmetic") + " allows";
        text += ".";
    }
    return text;
}

std::vector<Invariant> cost_checks(const CostScene& s) {
    std::vector<Invariant> list;
    if (s.setup.report.value == nullptr) return list;
    const auto& parts = s.setup.report.value->parts;
    for (const DeviceReport::Part& p : parts) {
        const DeviceReport::Run* run = s.setup.run(&p);
        if (run == nullptr) continue;
        const Counted want = counted_from_shapes(s, p);
        const double told = run->flops();
        list.push_back(
            {"FLOPs told = counted from shapes: " + p.title,
             told >= want.products * (1 - 1e-9) &&
                 told <= (want.products + want.swiglu) * (1 + 1e-9),
             format_short(told) + " told, products take " + format_short(want.products)});
        add_agreement(p, list);
    }
    return list;
}

}  // namespace sf::gpu
