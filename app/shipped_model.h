#pragma once

#include "core/model/model.h"

namespace sf {

// The trained model that is part of the program (assets/models/micro, embedded when it is built);
// null where it was built without. Each call reads it anew.
ModelPtr shipped_model();
// The same with multi-head attention instead of MLA, trained alike (assets/models/micro_mha,
// weights alone); null where it was built without, and for models of another shape. Read once.
ModelPtr shipped_twin(const ModelConfig& config);

}  // namespace sf
