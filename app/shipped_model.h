#pragma once

#include "core/model/model.h"

namespace sf {

// The trained model that is part of the program (assets/models/micro, embedded when it is built);
// null where it was built without. Each call reads it anew.
ModelPtr shipped_model();

}  // namespace sf
