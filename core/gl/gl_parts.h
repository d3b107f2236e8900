#pragma once

#include "core/gl/gl_kernels.h"
#include "core/gl/gl_launch.h"

#include <vector>

namespace sf {

// The kernels of GlKernels, a file each.

void run_product(GlLauncher& launcher, const ProductJob& job);
void run_attention(GlLauncher& launcher, const AttentionJob& job);
Roofline measure_roofline(GlLauncher& launcher);
void warm_up(GlKernels& kernels, GlDevice& device,
             const std::function<void(int done, int of)>& progress);

// Keeps the memory for what lies between the experts' products.
class ExpertKernels {
public:
    void run(GlLauncher& launcher, const ExpertsJob& job);

private:
    void run_whole(GlLauncher& launcher, const ExpertsJob& job);
    void grow(GlBuffer& buffer, std::int64_t words);
    GlBuffer hidden_, outs_, tiles_, token_of_, row_of_, gates_;
};

}  // namespace sf
