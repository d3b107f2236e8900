#pragma once

#include "core/gl/gl_buffer.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// A compute shader as it is compiled: a file of assets/shaders with definitions put in front.
struct GlSource {
    std::string file;                  // "product.comp"
    std::vector<std::string> defines;  // "SHARED", "TILE 32"
};

// A compiled compute shader. A compile error becomes a DeviceError with file and line of our file:
// "product.comp:41: 'rows' undeclared".
class GlProgram {
public:
    explicit GlProgram(const GlSource& source);
    // The same from a text that is not among the program's own: file names it in errors.
    GlProgram(const GlSource& source, std::string_view text);
    ~GlProgram();
    GlProgram(GlProgram&& other) noexcept;
    GlProgram& operator=(GlProgram&&) = delete;

    std::array<std::int64_t, 3> local() const { return local_; }
    std::int64_t shared_bytes() const { return shared_bytes_; }

    void use() const;
    // Of the program in use.
    void set(const char* uniform, std::int64_t value) const;
    void set(const char* uniform, float value) const;

private:
    void build(const GlSource& source, std::string_view text);
    int location(const char* uniform) const;
    unsigned id_ = 0;
    std::array<std::int64_t, 3> local_{1, 1, 1};
    std::int64_t shared_bytes_ = 0;
    mutable std::map<std::string, int, std::less<>> locations_;
};

}  // namespace sf
