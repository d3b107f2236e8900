#include "core/gl/gl_parts.h"

#include <array>
#include <vector>

namespace sf {

namespace {

// Small operands for every kernel, as models have them: all rows begin at multiples of four.
class Trial {
public:
    Trial(GlKernels& kernels, GlDevice& device) : kernels_(kernels), device_(device) {
        const std::vector<float> ones(4096, 1.0F);
        buffer_.write(0, ones);
        halves_.write(0, std::vector<std::uint32_t>(2048));
    }
    std::vector<std::function<void()>> all() {
        std::vector<std::function<void()>> steps{
            [this] { kernels_.product(linear_job(in(), stored(), {&out_}, 8, 8, 8)); },
            [this] {
                Attrs a;
                a.heads = 1;
                a.nope = a.rope = a.value = 8;
                kernels_.product(absorb_q_job(in(), stored(), {&out_}, a, 8, 8));
            },
            [this] { experts(); }, [this] { kernels_.swiglu(in(), in(), {&out_}, 8); },
            [this] { kernels_.add(in(), in(), {&out_}, 8); }};
        if (kernels_.half()) steps.emplace_back([this] { kernels_.to_half(in(), {&out_}, 8); });
        std::int64_t before = 0;
        for (const std::int64_t width : {64, 128, 256}) {
            const auto columns = attention_tiles(kernels_.variant(), 16, width).columns;
            if (columns == before) continue;
            before = columns;
            steps.emplace_back([this, width] { attention(width); });
        }
        return steps;
    }
    // Waits for what ran.
    void finish() {
        std::array<float, 1> number{};
        out_.read(0, number);
    }

private:
    GlSlice in() const { return {&buffer_}; }
    GlSlice stored() const {
        return kernels_.half() ? GlSlice{&halves_, 0, true} : GlSlice{&buffer_};
    }
    void attention(std::int64_t width) {
        Attrs a;
        a.heads = 1;
        a.nope = a.rope = 8;
        a.value = width;
        const std::vector<GlSlice> inputs{in(), in(), stored(), stored()};
        kernels_.attention(attention_job(a, {1, 2, 1, 16}, {1, 2, 1, 8 + width}, inputs, {&out_}));
    }
    void experts() {
        const std::vector<float> weights(64, 1.0F);
        const std::vector<ConstView> views(3, ConstView{{8, 8}, weights.data(), nullptr});
        const ExpertWeights stored = store_experts(device_, views, kernels_.half());
        const std::array<std::int64_t, 1> index{0};
        const std::array<float, 1> gate{1};
        kernels_.experts({in(), {&out_}, &stored, 1, 1, index, gate});
    }

    GlKernels& kernels_;
    GlDevice& device_;
    GlBuffer buffer_{4096}, halves_{2048}, out_{4096};
};

}  // namespace

void warm_up(GlKernels& kernels, GlDevice& device,
             const std::function<void(int done, int of)>& progress) {
    Trial trial(kernels, device);
    const auto steps = trial.all();
    const int of = static_cast<int>(steps.size());
    for (int i = 0; i < of; ++i) {
        steps[static_cast<std::size_t>(i)]();
        trial.finish();
        progress(i + 1, of);
    }
}

}  // namespace sf
