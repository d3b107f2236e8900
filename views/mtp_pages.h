#pragma once

#include "views/paged_view.h"

#include <memory>

// The pages of the view "Multi-token prediction".
namespace sf::mtp {

std::unique_ptr<const ViewPage> make_stairs_page();
std::unique_ptr<const ViewPage> make_draft_page();

}  // namespace sf::mtp
