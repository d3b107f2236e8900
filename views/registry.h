#pragma once

#include "views/view.h"

#include <memory>

namespace sf {

// One factory a view, each defined in <name>_view.cpp.
std::unique_ptr<const View> make_map_view();
std::unique_ptr<const View> make_rope_view();
std::unique_ptr<const View> make_latent_view();
std::unique_ptr<const View> make_attention_view();
std::unique_ptr<const View> make_experts_view();
std::unique_ptr<const View> make_mtp_view();
std::unique_ptr<const View> make_training_view();
std::unique_ptr<const View> make_gpu_view();
std::unique_ptr<const View> make_inspector_view();

}  // namespace sf
