#include "views/gpu_setup.h"

#include "views/draw/number.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>

namespace sf::gpu {

namespace {

constexpr KernelVariant all_variants[] = {KernelVariant::registers, KernelVariant::shared,
                                          KernelVariant::subgroups};

}  // namespace

const DeviceReport::Part* Setup::part(NodeId node) const {
    return report.value == nullptr || node == no_node ? nullptr
                                                      : report.value->part(graph()[node].name);
}

const DeviceReport::Run* Setup::run(const DeviceReport::Part* part) const {
    if (part == nullptr) return nullptr;
    for (const DeviceReport::Run& r : part->runs)
        if (r.variant == variant && r.half == half && r.refused.empty()) return &r;
    return nullptr;
}

Setup make_setup(const Frame& frame, const View& view) {
    Setup s;
    s.frame = &frame;
    s.theme = frame.theme;
    if (frame.trace == nullptr || frame.trace->extent.tokens < 1) {
        s.missing = "Nothing has run yet. Type a text and press Enter.";
        return s;
    }
    const std::int64_t layer = whole(frame, view, "layer");
    s.layer = layer >= 0 ? layer : layer_at_cursor(frame);
    const std::string variant = setting_text(frame, view, "variant");
    if (s.device() && !frame.gpu->device().variants.empty())
        s.variant = frame.gpu->device().variants.front();
    for (const KernelVariant v : all_variants)
        if (variant == name_of(v)) s.variant = v;
    s.half = setting_bool(frame, view, "half");
    if (s.device())
        s.report = result_of<DeviceReport>(frame, device_report(*frame.trace, s.layer, frame.gpu));
    return s;
}

std::vector<Parameter> setup_parameters(const Frame& frame) {
    using T = Parameter::Type;
    const double layers = frame.trace == nullptr
                              ? 1024
                              : static_cast<double>(layer_count(frame.trace->graph->config));
    return {{"layer",
             T::integer,
             -1,
             layers - 1,
             {},
             -1.0,
             "Layer to look at, MTP modules last; −1 follows the current step."},
            {"variant",
             T::choice,
             0,
             0,
             {"auto", "registers", "shared", "subgroups"},
             std::string("auto"),
             "How kernels keep what they use again: in the registers of each invocation, in the "
             "work group's shared memory, or there with reductions among neighbours; auto takes "
             "what the device prefers."},
            {"half",
             T::toggle,
             0,
             1,
             {},
             false,
             "Weights, keys and values stored on the device in 16 bits: half the bytes, a coarser "
             "result.",
             false,
             false,
             false}};
}

std::vector<Need> report_needs(const Frame& frame, const View& view) {
    if (frame.gpu == nullptr || frame.trace == nullptr || frame.trace->extent.tokens < 1) return {};
    const std::int64_t layer = whole(frame, view, "layer");
    return {device_report(*frame.trace, layer >= 0 ? layer : layer_at_cursor(frame), frame.gpu)};
}

std::string no_device_title(const Frame& frame) {
    if (frame.gpu_note.empty()) return "No device computes here";
    std::string note = frame.gpu_note;
    if (note.ends_with('.')) note.pop_back();
    return note;
}

std::string no_device_words() {
    return "Results and times come from a device that runs compute shaders. Press “CPU” at the "
           "top of the window, or give --backend gl on the command line: stepformer figure gpu "
           "--backend gl. The pages “Attention” and “Experts” need none.";
}

std::string software_words(const DeviceInfo& device) {
    if (!device.software) return "";
    return short_name(device) + " is a software renderer: it shows the mechanism, not the speed";
}

std::string joined(const std::vector<std::string>& facts) {
    std::string text;
    for (const std::string& fact : facts)
        if (!fact.empty()) text += (text.empty() ? "" : " · ") + fact;
    return text;
}

std::string fitting(const Canvas& canvas, const Theme& t, double width,
                    const std::vector<std::string>& facts) {
    std::string text;
    for (const std::string& fact : facts) {
        const std::string longer = joined({text, fact});
        if (canvas.text_width(longer, t.text(t.small(), t.ink)) <= width) text = longer;
    }
    return text;
}

std::string first_fitting(const Canvas& canvas, const TextStyle& style, double width,
                          const std::vector<std::string>& texts) {
    for (const std::string& text : texts)
        if (canvas.text_width(text, style) <= width) return text;
    return "";
}

std::string layer_title(const Setup& s, std::int64_t layer) {
    std::string name = layer_name(s.graph().config, layer);
    if (name.front() == 'l') name.front() = 'L';
    return name;
}

std::string variant_text(const Setup& s) {
    return std::string(name_of(s.variant)) + (s.half ? ", 16 bits" : ", 32 bits");
}

std::string rate_text(double flops_per_second) {
    return format_number(flops_per_second / 1e9, 3) + " GFLOP/s";
}

std::int64_t whole(const Frame& frame, const View& view, const char* name) {
    return std::llround(setting_number(frame, view, name));
}

std::string counted(std::int64_t n, const std::string& one) {
    return format_count(n) + " " + one + (n == 1 ? "" : "s");
}

std::string range_text(const std::string& one, std::int64_t first, std::int64_t count) {
    return count == 1
               ? one + " " + std::to_string(first)
               : one + "s " + std::to_string(first) + "–" + std::to_string(first + count - 1);
}

std::string product_text(std::int64_t rows, std::int64_t columns) {
    return format_count(rows) + " × " + format_count(columns);
}

void add_agreement(const DeviceReport::Part& part, std::vector<Invariant>& list) {
    for (const DeviceReport::Run& r : part.runs) {
        if (!r.refused.empty()) continue;
        const std::string how = std::string(name_of(r.variant)) + (r.half ? ", 16 bits" : "");
        list.push_back({"device = CPU: " + part.title + " (" + how + ")", r.agrees(),
                        "max error " + format_number(r.error, 3) + ", tolerance " +
                            format_number(r.tolerance, 2)});
        list.push_back({"the same bits again: " + part.title + " (" + how + ")", r.repeats,
                        r.repeats ? "two runs equal" : "two runs differ"});
        if (r.states)
            list.push_back({"m and d after every tile = the CPU's (" + how + ")",
                            r.states->error <= r.states->tolerance,
                            "max error " + format_number(r.states->error, 3) + ", after the last " +
                                format_number(r.states->last, 3) + ", tolerance " +
                                format_number(r.states->tolerance, 2)});
    }
}

}  // namespace sf::gpu
