#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

// What is known of a device that runs kernels in work groups, and how kernels cut their work. Plain
// numbers: what dispatches and what draws the dispatch read the same ones.
namespace sf {

// How a kernel keeps what it reuses. registers: each invocation a block of its own, no barriers
// (the fastest on a software renderer); shared: tiles in the work group's shared memory; subgroups:
// the same with reductions among the lanes of a subgroup.
enum class KernelVariant : std::uint8_t { registers, shared, subgroups };
const char* name_of(KernelVariant variant);  // "registers"

struct DeviceLimits {
    std::int64_t invocations = 1024;                          // of one work group
    std::array<std::int64_t, 3> groups{65535, 65535, 65535};  // of one dispatch
    std::int64_t shared_bytes = 32768;
    std::int64_t block_bytes = std::int64_t{128} << 20;  // of one storage block, as it is bound
    std::int64_t buffers = 8;                            // storage blocks of one kernel
    std::int64_t texels = 65536;                         // of a buffer read as a texture
    std::int64_t alignment = 256;                        // of the first byte of a bound block
};

struct DeviceInfo {
    std::string name;       // "llvmpipe (LLVM 15.0.6, 256 bits)"
    std::string version;    // "OpenGL 4.5 (Core Profile) Mesa 22.3.6"
    bool software = false;  // a renderer on the CPU: never chosen for its speed
    DeviceLimits limits;
    std::vector<KernelVariant> variants;  // that it runs, the one it takes by itself first
    std::vector<std::pair<KernelVariant, std::string>> refused;  // and why
};

std::string short_name(const DeviceInfo& device);  // "llvmpipe"

// What the device reaches at most, measured by kernels that do nothing else.
struct Roofline {
    double copy_bytes_per_second = 0;  // read + written
    double flops_per_second = 0;       // float32, fused multiply-adds counted twice
};

// One kernel at work. `flops` are those of the task (a multiply-add counts twice, an exponential
// once), `bytes` what its work groups take in and give out, a number once a work group.
struct KernelLaunch {
    std::string kernel;                    // "attention"
    std::array<std::int64_t, 3> groups{};  // work groups
    std::array<std::int64_t, 3> local{};   // invocations of each
    std::int64_t shared_bytes = 0;         // of each work group
    double flops = 0, bytes = 0;
    double seconds = 0;  // by the device's own timer; 0: not measured
};

// Attention: a work group takes `queries` rows through all tiles of `keys`. Rows are the queries
// that share keys: of one head, or, where heads share them (grouped and latent attention), of all
// those heads, token by token. It makes at most `columns` of the values' width; wider ones are
// made by several.
struct AttentionTiles {
    std::int64_t queries = 1, keys = 32, columns = 1;
};
AttentionTiles attention_tiles(KernelVariant variant, std::int64_t key_width,
                               std::int64_t value_width);

// A product: a work group makes `rows` x `columns` of the result, `depth` terms at a time.
struct ProductTiles {
    std::int64_t rows = 1, columns = 1, depth = 1;
};
// `pair`: of two products side by side (gate and up).
ProductTiles product_tiles(KernelVariant variant, bool pair = false);

// Rows [first, first + rows) of those ordered by expert: what one row of work groups makes. An
// expert without rows has none.
struct ExpertTile {
    std::int64_t expert = 0, first = 0, rows = 0;
    bool operator==(const ExpertTile&) const = default;
};
std::vector<ExpertTile> expert_tiles(std::span<const std::int64_t> load, std::int64_t rows);

}  // namespace sf
