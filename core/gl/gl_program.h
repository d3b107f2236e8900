#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// A compute shader of assets/shaders: definitions, what the device offers to all (memory.glsl),
// then the file.
struct GlSource {
    std::string file;                  // "product.comp"
    std::vector<std::string> defines;  // "SHARED", "WIDTH 64"
};

// A compiled compute shader. A compile error becomes a DeviceError with file and line of ours:
// "product.comp:41: 'rows' undeclared".
class GlProgram {
public:
    explicit GlProgram(const GlSource& source);
    // The same with a text that is not among the program's own; the file's name is for errors.
    GlProgram(const GlSource& source, std::string_view text);
    ~GlProgram();
    GlProgram(const GlProgram&) = delete;
    GlProgram& operator=(const GlProgram&) = delete;

    unsigned id() const { return id_; }
    std::array<std::int64_t, 3> local() const { return local_; }

    void set(const char* uniform, std::int64_t value);
    void set(const char* uniform, float value);

private:
    int location(const char* uniform);
    unsigned id_ = 0;
    std::array<std::int64_t, 3> local_{1, 1, 1};
    std::map<std::string, int, std::less<>> locations_;
};

}  // namespace sf
