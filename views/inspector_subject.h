#pragma once

#include "views/inspector_draw.h"

#include <string>

// What the settings and the cursor come to. Settings are read as they were given, not through the
// declared ranges, because those depend on the node that is chosen here.
namespace sf::inspector {

std::string text_of(const Frame& frame, const char* name);
double number_of(const Frame& frame, const char* name, double standard);
bool toggle_of(const Frame& frame, const char* name);

// The tensor in the setting `node`, else that of the cursor's step; no_node: no such name. A
// gradient by its name ("grad.logits"), by the setting `gradient`, or at a step of the way back.
TensorName tensor_of(const Frame& frame);
Choice choice_now(const Frame& frame);
// `of.node` must be a node. `like`: takes over part and selection of another subject.
Subject make_subject(const Frame& frame, TensorName of, const Subject* like = nullptr);

}  // namespace sf::inspector
