#include "views/gpu_pages.h"
#include "views/registry.h"

namespace sf {

namespace {

// How does the same arithmetic become thousands of invocations, and what does it cost?
class GpuView final : public PagedView {
public:
    GpuView() : PagedView(pages()) {}
    std::string id() const override { return "gpu"; }
    std::string title() const override { return "On the GPU"; }
    std::string group() const override { return "Engine room"; }
    std::string lesson() const override {
        return "A graphics processor runs thousands of small invocations at once, in work groups "
               "that share a little fast memory. So the work has to be cut: attention into blocks "
               "of query rows, each walking over the tiles of keys that it may see with its own "
               "running m, d and o; experts into tiles of the rows that the router sent them. "
               "No group waits for another and none writes where another writes. Tiles above the "
               "diagonal are never touched, and a tile of an expert with few tokens is mostly "
               "empty. Drag over the matrix to walk a group through its tiles. “Result” sets the "
               "device's numbers beside the CPU's, “Cost” tells what each kernel took and which "
               "of the two limits of the device, memory or arithmetic, it is near.";
    }

private:
    static Pages pages() {
        Pages all;
        all.push_back(make_gpu_attention_page());
        all.push_back(make_gpu_experts_page());
        all.push_back(make_gpu_result_page());
        all.push_back(make_gpu_cost_page());
        return all;
    }
};

}  // namespace

std::unique_ptr<const View> make_gpu_view() {
    return std::make_unique<GpuView>();
}

}  // namespace sf
