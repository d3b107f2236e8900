#pragma once

#include <cstdint>
#include <span>

namespace sf {

// Memory of the device, in words of 32 bits. Made, used and destroyed with its context current.
class GlBuffer {
public:
    GlBuffer() = default;
    explicit GlBuffer(std::int64_t words);  // throws DeviceError when there is no memory for it
    ~GlBuffer();
    GlBuffer(GlBuffer&& other) noexcept;
    GlBuffer& operator=(GlBuffer&& other) noexcept;

    std::int64_t words() const { return words_; }
    unsigned id() const { return id_; }
    void write(std::int64_t first, std::span<const float> data);
    void write(std::int64_t first, std::span<const std::uint32_t> data);
    void read(std::int64_t first, std::span<float> data) const;  // waits for what writes it

private:
    unsigned id_ = 0;
    std::int64_t words_ = 0;
};

// Numbers in a buffer from element `offset` on: float32, or 16-bit floats two a word (`half`: only
// for weights, keys and values).
struct GlSlice {
    const GlBuffer* buffer = nullptr;
    std::int64_t offset = 0;
    bool half = false;
};

// How many words `numbers` take.
std::int64_t words_of(std::int64_t numbers, bool half);
// Writes numbers from element `first` (even when half) on, rounded to 16 bits when `half`.
void store(GlBuffer& buffer, std::int64_t first, std::span<const float> numbers, bool half);

}  // namespace sf
