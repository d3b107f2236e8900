#pragma once

#include "views/draw/page.h"
#include "views/gpu_setup.h"

#include <cstdint>
#include <string>
#include <vector>

// The pages "result" and "cost": what the device computed and what it took.
namespace sf::gpu {

// One part beside the CPU's.
struct ResultScene {
    Setup setup;
    const DeviceReport::Part* part = nullptr;  // null: nothing to look at (yet)
    const DeviceReport::Run* run = nullptr;    // null: this variant did not run
    std::int64_t rows = 0, cols = 0;
    std::int64_t cell = 0;  // looked at, flat
    bool worst = false;     // it is that of the largest difference

    const Theme& theme() const { return *setup.theme; }
    double difference(std::int64_t i) const { return run->value->at(i) - part->expected->at(i); }
};
ResultScene make_result_scene(const Frame& frame, const View& view);
std::vector<Parameter> result_parameters(const Frame& frame);
std::string result_headline(const ResultScene& scene);
std::vector<std::string> result_facts(const ResultScene& scene);
std::string result_description(const ResultScene& scene);
std::vector<Invariant> result_checks(const ResultScene& scene);
void draw_parts(Canvas& canvas, const ResultScene& scene, const Rect& area);
void draw_maps(Canvas& canvas, const ResultScene& scene, const Rect& area);
double variants_height(const ResultScene& scene);
void draw_variants(Canvas& canvas, const ResultScene& scene, const Rect& area);

// A kernel of a part, all its launches together.
struct KernelCost {
    std::string part, kernel;
    std::size_t part_number = 0;
    std::int64_t launches = 0, groups = 0, invocations = 0, shared_bytes = 0;
    double flops = 0, bytes = 0, seconds = 0;
    double intensity() const { return bytes > 0 ? flops / bytes : 0; }
    double rate() const { return seconds > 0 ? flops / seconds : 0; }  // FLOP/s
    bool timed() const { return rate() > 0 && intensity() > 0; }
};
struct CostScene {
    Setup setup;
    std::vector<KernelCost> kernels;

    const Theme& theme() const { return *setup.theme; }
    const Roofline& roof() const { return setup.report.value->roofline; }
    bool has_roof() const {
        return roof().copy_bytes_per_second > 0 && roof().flops_per_second > 0;
    }
    // What memory and arithmetic allow at so many FLOPs a byte; FLOP/s.
    double roof_at(double intensity) const;
    double ridge() const { return roof().flops_per_second / roof().copy_bytes_per_second; }
    double share(const KernelCost& kernel) const;  // of that; 0: not measured
    Colour colour(const KernelCost& kernel) const;
};
CostScene make_cost_scene(const Frame& frame, const View& view);
std::string cost_headline(const CostScene& scene);
std::vector<std::string> cost_facts(const CostScene& scene);
std::string cost_description(const CostScene& scene);
std::vector<Invariant> cost_checks(const CostScene& scene);
double kernels_height(const CostScene& scene);
void draw_kernels(Canvas& canvas, const CostScene& scene, const Rect& area);
void draw_roofline(Canvas& canvas, const CostScene& scene, const Rect& area);

// What is drawn in the place of a page's picture as long as there is none: no run, no device, not
// ready. True: it was drawn.
bool draw_without_report(Canvas& canvas, const Setup& setup, const Rect& area,
                         const PageTitles& titles);
std::string words_without_report(const Setup& setup);  // empty: there is a report

}  // namespace sf::gpu
