#pragma once

#include "core/backend/device.h"
#include "core/gl/gl_buffer.h"
#include "core/gl/gl_device.h"
#include "core/gl/gl_program.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// What all kernels need to run: compiled programs, inputs and outputs bound where the shader looks
// for them, and the launch itself, fenced and on request timed.
class GlLauncher {
public:
    GlLauncher(GlDevice& of, KernelVariant which);
    ~GlLauncher();
    GlLauncher(const GlLauncher&) = delete;
    GlLauncher& operator=(const GlLauncher&) = delete;

    GlDevice& device;
    const KernelVariant variant;
    std::vector<KernelLaunch>* launches = nullptr;  // null: nothing is timed

    // Compiled when first asked for; the variant is defined besides `defines`.
    GlProgram& program(const std::string& file, std::vector<std::string> defines);

    // How many numbers of one slice can be bound at once.
    std::int64_t most_numbers(bool half) const;
    // Binds `count` numbers from slice.offset on, and says at which element the first one lies
    // there. input: what memory.glsl's INPUT and STORED read; storage: a plain storage block.
    std::int64_t input(unsigned slot, const GlSlice& slice, std::int64_t count, bool aligned);
    std::int64_t storage(unsigned slot, const GlSlice& slice, std::int64_t count);

    struct Work {
        const char* kernel;
        std::array<std::int64_t, 3> groups;
        std::int64_t shared_bytes = 0;
        double flops = 0, bytes = 0;
    };
    void run(GlProgram& program, const Work& work);

private:
    std::int64_t clock() const;
    std::map<std::string, std::unique_ptr<GlProgram>> programs_;
    std::array<unsigned, 8> textures_{};
    unsigned query_ = 0;
};

inline bool multiple_of_four(std::int64_t n) {
    return n % 4 == 0;
}

}  // namespace sf
