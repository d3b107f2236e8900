#pragma once

#include "core/gl/gl_kernels.h"
#include "core/model/weights.h"

#include <map>
#include <memory>
#include <string>

namespace sf {

// Buffers that were used and will be again.
class GlPool {
public:
    static constexpr std::int64_t most_words = std::int64_t{64} << 20;
    GlBuffer take(std::int64_t words);  // at least so many
    void give(GlBuffer buffer);

private:
    std::multimap<std::int64_t, GlBuffer> free_;  // by words
    std::int64_t words_ = 0;
};

// Weights on the device, as long as their version lives.
class GlWeights {
public:
    explicit GlWeights(const GlDevice& device) : device_(device) {}
    // `version` null: weights of no version are not kept beyond the next call.
    const GlBuffer* matrix(const WeightsPtr& version, const std::string& name,
                           const ConstView& value, bool half);
    // `name`: of the first expert's first weight.
    const ExpertWeights* experts(const WeightsPtr& version, const std::string& name,
                                 std::span<const ConstView> values, bool half);

private:
    struct Version {
        std::weak_ptr<const Weights> weights;
        std::map<std::pair<std::string, bool>, GlBuffer> matrices;
        std::map<std::pair<std::string, bool>, ExpertWeights> experts;
    };
    Version& of(const WeightsPtr& version);

    const GlDevice& device_;
    std::map<const Weights*, Version> versions_;
};

}  // namespace sf
