#pragma once

#include "views/draw/heat_map.h"
#include "views/view.h"

#include <cstdint>
#include <string>

// What views show of values that a person set: frame.trace beside frame.base.
namespace sf {

// An element of the run; where a person set it, what the run had without.
double unedited(const Frame& frame, const Tensor& tensor, const std::string& node,
                std::int64_t index);
// Whether a person set this element: it then follows from nothing, and checks leave it out.
bool set_by_hand(const Trace& trace, const std::string& node, std::int64_t index);
// Has the map of a tensor outline the cells that are another than in the run without.
void outline_changed(HeatMap& map, const Frame& frame);
// "next token “8” 99 % → “7” 54 %" after the followed token; empty where nothing was set.
std::string consequence(const Frame& frame);

}  // namespace sf
