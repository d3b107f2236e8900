#include "core/backend/device.h"

#include <algorithm>

namespace sf {

const char* name_of(KernelVariant variant) {
    switch (variant) {
        case KernelVariant::registers:
            return "registers";
        case KernelVariant::shared:
            return "shared";
        case KernelVariant::subgroups:
            return "subgroups";
    }
    return "";
}

std::string short_name(const DeviceInfo& device) {
    return device.name.substr(0, device.name.find(" ("));
}

AttentionTiles attention_tiles(KernelVariant variant, std::int64_t, std::int64_t value_width) {
    if (variant == KernelVariant::registers) return {32, 32, 16};
    // What 256 invocations keep of the output: 16, 32 or 64 numbers each.
    return {64, 32, value_width <= 64 ? 64 : value_width <= 128 ? 128 : 256};
}

ProductTiles product_tiles(KernelVariant variant, bool pair) {
    if (variant == KernelVariant::registers) return {32, pair ? 32 : 64, 1};
    return {64, 64, 16};
}

std::vector<ExpertTile> expert_tiles(std::span<const std::int64_t> load, std::int64_t rows) {
    std::vector<ExpertTile> tiles;
    std::int64_t begin = 0;
    for (std::size_t e = 0; e < load.size(); begin += load[e++])
        for (std::int64_t r = 0; r < load[e]; r += rows)
            tiles.push_back({static_cast<std::int64_t>(e), begin + r, std::min(rows, load[e] - r)});
    return tiles;
}

}  // namespace sf
