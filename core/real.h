#pragma once

namespace sf {

// The number the whole core computes with: float32, or double in the second build of the core
// that gradient checks and references use (target sf_core_f64, -DSF_REAL=double).
#ifdef SF_REAL
using Real = SF_REAL;
#else
using Real = float;
#endif

}  // namespace sf
