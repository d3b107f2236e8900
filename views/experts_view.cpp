#include "views/experts_pages.h"
#include "views/registry.h"

namespace sf {

namespace {

// Who works on which token? How does balance come without a gradient? What does node-limited
// routing cost and save?
class ExpertsView final : public PagedView {
public:
    ExpertsView() : PagedView(pages()) {}
    std::string id() const override { return "experts"; }
    std::string title() const override { return "Experts"; }
    std::string group() const override { return "Experts"; }
    std::string lesson() const override {
        return "A mixture-of-experts layer has many small feed-forward networks, and each token is "
               "worked on by few of them: parameters grow, the work for a token does not. The "
               "router gives every expert an affinity s. To choose, a bias b is added to it (the "
               "outlined bars), first whole groups of experts are chosen, which in a large "
               "installation are the machines that hold them, then the best experts in those "
               "groups. To weigh, s alone counts: the gates g are the chosen affinities divided "
               "by their sum. So the bias can even out the load without touching what the model "
               "computes. Kick an expert with a bias by hand, or switch it off, and see the "
               "prediction change; on the page “Sequence” see where all tokens of the text go. "
               "“Training” shows how the bias evens out the loads step by step, “Kinds” what each "
               "expert works on, “Real size” a gate of DeepSeek-V3's shape, and “Dense” what the "
               "same work would be without experts.";
    }

private:
    static Pages pages() {
        Pages all;
        all.push_back(make_experts_token_page());
        all.push_back(make_experts_sequence_page());
        all.push_back(make_experts_training_page());
        all.push_back(make_experts_kinds_page());
        all.push_back(make_experts_scale_page());
        all.push_back(make_experts_dense_page());
        return all;
    }
};

}  // namespace

std::unique_ptr<const View> make_experts_view() {
    return std::make_unique<ExpertsView>();
}

}  // namespace sf
