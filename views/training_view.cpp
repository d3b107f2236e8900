#include "views/registry.h"
#include "views/training_pages.h"

namespace sf {

namespace {

// What changes while it learns?
class TrainingView final : public PagedView {
public:
    TrainingView() : PagedView(make_pages()) {}
    std::string id() const override { return "training"; }
    std::string title() const override { return "Training"; }
    std::string group() const override { return "Training"; }
    std::string lesson() const override {
        return "A training step reads some rows of text, asks how surprised the model was by every "
               "next token (the loss, in nats a token), and moves all weights a little to where it "
               "would have been surprised less. The loss falls fast at first, when the model "
               "learns which tokens there are, then slowly, when it learns what follows from what. "
               "It cannot fall below the floor: the generated corpus is made by chance, and no "
               "model can foretell chance. Press the curves to go back to a step: all views then "
               "show the model as it was. On “Text” the same beginnings are continued better and "
               "better; on “Shape” another architecture can be drawn up, its price read off, and "
               "built.";
    }

private:
    static Pages make_pages() {
        Pages all;
        all.push_back(make_training_curves_page());
        all.push_back(make_training_text_page());
        all.push_back(make_training_shape_page());
        all.push_back(make_training_runs_page());
        return all;
    }
};

}  // namespace

std::unique_ptr<const View> make_training_view() {
    return std::make_unique<TrainingView>();
}

}  // namespace sf
