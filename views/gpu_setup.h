#pragma once

#include "core/run/device_report.h"
#include "views/result.h"
#include "views/view.h"

#include <cstdint>
#include <string>
#include <vector>

// What all pages of the view "On the GPU" look at: a layer, a variant of the kernels, and the
// report of the device, where there is one.
namespace sf::gpu {

struct Setup {
    const Frame* frame = nullptr;
    const Theme* theme = nullptr;
    std::string missing;  // why nothing can be drawn, a sentence; else empty
    std::int64_t layer = 0;
    KernelVariant variant{};
    bool half = false;  // 16-bit storage, where results are looked at
    Result<DeviceReport> report;

    const Trace& trace() const { return *frame->trace; }
    const Graph& graph() const { return *frame->trace->graph; }
    bool device() const { return frame->gpu != nullptr; }
    // Of the variant and storage looked at; null where there is none (yet).
    const DeviceReport::Run* run(const DeviceReport::Part* part) const;
    const DeviceReport::Part* part(NodeId node) const;
};
Setup make_setup(const Frame& frame, const View& view);

std::vector<Parameter> setup_parameters(const Frame& frame);
// The device's report; none without a device.
std::vector<Need> report_needs(const Frame& frame, const View& view);

// Why there is no device, and how to get one: a headline and a sentence.
std::string no_device_title(const Frame& frame);
std::string no_device_words();
// "llvmpipe … is a software renderer: it shows the mechanism, not the speed"; empty for a GPU.
std::string software_words(const DeviceInfo& device);

// As many of the facts as have room in a line of small text, joined; and all of them.
std::string fitting(const Canvas& canvas, const Theme& theme, double width,
                    const std::vector<std::string>& facts);
std::string joined(const std::vector<std::string>& facts);
// The first of the texts that is no wider; empty where none is.
std::string first_fitting(const Canvas& canvas, const TextStyle& style, double width,
                          const std::vector<std::string>& texts);
std::string layer_title(const Setup& setup, std::int64_t layer);  // "Layer 1", "MTP module 1"
std::string variant_text(const Setup& setup);                     // "shared, 16 bits"
std::string rate_text(double flops_per_second);                   // "12.3 GFLOP/s"
// A whole-number setting.
std::int64_t whole(const Frame& frame, const View& view, const char* name);
// 12 "work groups", 1 "work group".
std::string counted(std::int64_t n, const std::string& one);
std::string range_text(const std::string& one, std::int64_t first,
                       std::int64_t count);                         // "rows 8–9"
std::string product_text(std::int64_t rows, std::int64_t columns);  // "64 × 32"

// "device = CPU" of a part, for each of its runs that was not refused.
void add_agreement(const DeviceReport::Part& part, std::vector<Invariant>& list);

}  // namespace sf::gpu
