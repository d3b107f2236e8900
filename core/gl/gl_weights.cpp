#include "core/gl/gl_weights.h"

#include "core/error.h"

#include <utility>

namespace sf {

GlBuffer GlPool::take(std::int64_t words) {
    const auto it = free_.lower_bound(words);
    if (it == free_.end() || it->first > 2 * words + 1024) return GlBuffer(words);
    GlBuffer buffer = std::move(it->second);
    words_ -= it->first;
    free_.erase(it);
    return buffer;
}

void GlPool::give(GlBuffer buffer) {
    const auto words = buffer.words();
    if (words == 0 || words_ + words > most_words) return;
    words_ += words;
    free_.emplace(words, std::move(buffer));
}

GlWeights::Version& GlWeights::of(const WeightsPtr& version) {
    if (!version) throw DeviceError("there are no weights");
    // An address may be given to another version when the first is gone.
    std::erase_if(versions_, [](const auto& v) { return v.second.weights.expired(); });
    Version& v = versions_[version.get()];
    v.weights = version;
    return v;
}

const GlBuffer* GlWeights::matrix(const WeightsPtr& version, const std::string& name,
                                  const ConstView& value, bool half) {
    GlBuffer& buffer = of(version).matrices[{name, half}];
    if (buffer.words() == 0) {
        const auto n = static_cast<std::size_t>(value.size());
        buffer = GlBuffer(words_of(value.size(), half));
        store(buffer, 0, {value.real, n}, half);
    }
    return &buffer;
}

const ExpertWeights* GlWeights::experts(const WeightsPtr& version, const std::string& name,
                                        std::span<const ConstView> values, bool half) {
    ExpertWeights& e = of(version).experts[{name, half}];
    if (e.experts == 0) e = store_experts(device_, values, half);
    return &e;
}

}  // namespace sf
