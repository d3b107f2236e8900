#pragma once

#include "views/draw/number.h"

#include <cmath>
#include <limits>
#include <string>

namespace sf {

// The largest of many errors that each have a tolerance of their own, by their share of it. Not a
// number is the worst of all.
struct Worst {
    double share = 0, error = 0, tolerance = 0;
    void add(double e, double allowed) {
        if (std::isnan(e)) e = std::numeric_limits<double>::infinity();
        if (tolerance > 0 && !(e / allowed > share)) return;
        share = e / allowed;
        error = e;
        tolerance = allowed;
    }
    bool holds() const { return share <= 1; }
    std::string figure() const {
        return (error == 0 ? "max error 0" : "max error " + format_number(error, 3)) +
               ", tolerance " + format_number(tolerance, 2);
    }
};

}  // namespace sf
