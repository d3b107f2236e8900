#pragma once

#include "core/backend/backend.h"
#include "core/gl/gl_context.h"

#include <memory>
#include <optional>

namespace sf {

struct GlOptions {
    std::optional<KernelVariant> variant = {};  // none: what the device takes by itself
    bool half_storage = false;                  // weights, keys and values in 16 bits
    double least_flops = 0;                     // smaller operations are left to the CPU
    bool warm_up = false;                       // compile everything at once, in the background
    std::optional<DeviceLimits> limits = {};    // lower than the device's own
    // Fails as a device may: "compile", "memory" or "lost" at the first operation. For tests.
    std::string fault = {};
};

// Attention and the feed-forward parts (experts, shared and dense) on an OpenGL device. The context
// is current on one thread, this object's own, from the beginning to the end; calls wait for it.
// Values stay there between operations, weights as long as they live.
class GlBackend : public Backend {
public:
    // Throws DeviceError when the context is not good enough (OpenGL 4.3, compute shaders).
    GlBackend(std::unique_ptr<GlContext> context, const GlOptions& options = {});
    ~GlBackend() override;

    const DeviceInfo& device() const override;
    // The projections, attention (expanded, absorbed, of groups of heads) and all of the
    // feed-forward part but the router.
    bool takes(const Graph& graph, NodeId id, Op op, const Extent& extent) const override;
    std::unique_ptr<DeviceRun> begin(WeightsPtr weights) override;
    std::unique_ptr<DeviceRun> begin(WeightsPtr weights, KernelVariant variant,
                                     bool half_storage) override;
    Roofline roofline() override;
    double ready() const override;
    std::string note() const override;
    std::string given_up() const override;
    void give_up(const std::string& reason) override;
    // What the driver's debug output complained of, one a line.
    std::string complaints() const;

private:
    class Run;
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sf
