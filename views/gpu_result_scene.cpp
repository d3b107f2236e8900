#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/gpu_measured.h"
#include "views/place.h"

#include <algorithm>

namespace sf::gpu {

namespace {

const DeviceReport::Part* part_of(const DeviceReport& report, const std::string& of) {
    const std::string title = of == "attention" ? "Attention"
                              : of == "shared"  ? "Shared expert"
                                                : "Routed experts";
    for (const DeviceReport::Part& p : report.parts)
        if (p.title == title) return &p;
    return nullptr;
}

}  // namespace

ResultScene make_result_scene(const Frame& frame, const View& view) {
    ResultScene s;
    s.setup = make_setup(frame, view);
    if (s.setup.report.value == nullptr) return s;
    s.part = part_of(*s.setup.report.value, setting_text(frame, view, "of"));
    if (s.part == nullptr) s.part = part_of(*s.setup.report.value, "attention");
    s.run = s.setup.run(s.part);
    if (s.part == nullptr || s.part->expected == nullptr) return s;
    // Rows of tokens; a head's values side by side.
    const Tensor& cpu = *s.part->expected;
    s.rows = cpu.shape.rank == 4 ? cpu.shape[0] * cpu.shape[1] : cpu.shape.rows();
    s.cols = s.rows > 0 ? cpu.size() / s.rows : 0;
    const std::int64_t cell = whole(frame, view, "cell");
    if (s.run != nullptr) s.cell = s.run->at;
    s.worst = cell < 0 || cell >= cpu.size();
    if (!s.worst) s.cell = cell;
    if (frame.hover_node == s.part->node && frame.hover_index >= 0 &&
        frame.hover_index < cpu.size()) {
        s.cell = frame.hover_index;
        s.worst = s.run != nullptr && s.cell == s.run->at;
    }
    return s;
}

std::vector<Parameter> result_parameters(const Frame& frame) {
    std::vector<Parameter> all = setup_parameters(frame);
    using T = Parameter::Type;
    all.push_back({"of",
                   T::choice,
                   0,
                   0,
                   {"attention", "experts", "shared"},
                   std::string("attention"),
                   "Which result of the layer stands beside the CPU's."});
    all.push_back(
        {"cell",
         T::integer,
         -1,
         1 << 24,
         {},
         -1.0,
         "The element whose three numbers are told; −1 is that of the largest difference.",
         true});
    return all;
}

std::string result_headline(const ResultScene& s) {
    if (s.part == nullptr || s.run == nullptr)
        return s.part != nullptr && s.part->missing.empty() ? "This kernel did not run here"
                                                            : "Nothing to compare here";
    const std::string what = s.part->title == "Attention" ? "Attention on the device"
                             : s.part->title == "Shared expert"
                                 ? "The shared expert on the device"
                                 : "The routed experts on the device";
    if (s.run->error == 0) return what + ": the CPU's numbers, bit for bit";
    return what +
           (s.run->agrees() ? ": the CPU's numbers to within "
                            : " differs from the CPU by up to ") +
           format_number(s.run->error, 2);
}

std::vector<std::string> result_facts(const ResultScene& s) {
    const DeviceReport& r = *s.setup.report.value;
    return {software_words(r.device), r.stopped, variant_text(s.setup),
            s.part != nullptr && !s.part->node.empty()
                ? s.part->node + ", " + product_text(s.rows, s.cols)
                : "",
            r.device.name};
}

std::string result_description(const ResultScene& s) {
    if (const std::string words = words_without_report(s.setup); !words.empty()) return words;
    if (s.part == nullptr || s.run == nullptr)
        return result_headline(s) +
               (s.part != nullptr && !s.part->missing.empty() ? ": " + s.part->missing + "." : ".");
    return result_headline(s) + ". " + s.part->node + " of " + product_text(s.rows, s.cols) +
           " numbers, computed by " + s.setup.report.value->device.name + " (" +
           variant_text(s.setup) + "), differs by at most " + format_number(s.run->error, 3) +
           ", at row " + std::to_string(s.run->at / s.cols) + ", column " +
           std::to_string(s.run->at % s.cols) + "; allowed are " +
           format_number(s.run->tolerance, 2) + ". There the CPU has " +
           format_number(s.part->expected->at(s.run->at), 6) + ", the device " +
           format_number(s.run->value->at(s.run->at), 6) + ".";
}

std::vector<Invariant> result_checks(const ResultScene& s) {
    std::vector<Invariant> list;
    if (s.setup.report.value != nullptr)
        for (const DeviceReport::Part& p : s.setup.report.value->parts) add_agreement(p, list);
    return list;
}

}  // namespace sf::gpu
