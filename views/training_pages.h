#pragma once

#include "views/paged_view.h"

#include <memory>

// The pages of the view "Training", each defined in its own training_<name>.cpp.
namespace sf {

std::unique_ptr<const ViewPage> make_training_runs_page();
std::unique_ptr<const ViewPage> make_training_curves_page();
std::unique_ptr<const ViewPage> make_training_text_page();
std::unique_ptr<const ViewPage> make_training_shape_page();

}  // namespace sf
