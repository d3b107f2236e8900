#pragma once

#include "views/paged_view.h"

#include <memory>

namespace sf {

// The pages of the view "Experts", one factory a page, each defined in experts_<page>_page.cpp.
std::unique_ptr<const ViewPage> make_experts_token_page();
std::unique_ptr<const ViewPage> make_experts_sequence_page();
std::unique_ptr<const ViewPage> make_experts_training_page();
std::unique_ptr<const ViewPage> make_experts_kinds_page();
std::unique_ptr<const ViewPage> make_experts_scale_page();
std::unique_ptr<const ViewPage> make_experts_dense_page();

}  // namespace sf
