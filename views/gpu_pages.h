#pragma once

#include "views/paged_view.h"

#include <memory>

namespace sf {

// The pages of the view "On the GPU", one factory a page, each defined in gpu_<page>_page.cpp.
std::unique_ptr<const ViewPage> make_gpu_attention_page();
std::unique_ptr<const ViewPage> make_gpu_experts_page();
std::unique_ptr<const ViewPage> make_gpu_result_page();
std::unique_ptr<const ViewPage> make_gpu_cost_page();

}  // namespace sf
