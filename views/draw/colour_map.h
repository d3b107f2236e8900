#pragma once

#include "views/canvas/canvas.h"
#include "views/draw/cells.h"
#include "views/draw/theme.h"

#include <algorithm>
#include <vector>

namespace sf {

Colour mix(Colour a, Colour b, double t);  // in sRGB, as every canvas blends
double luminance(Colour c);                // relative, WCAG
double contrast(Colour a, Colour b);       // 1 .. 21
// Black or white ink, whichever reads better on the colour.
Colour ink_on(Colour background);

// Perceptually uniform (even steps of lightness in OKLab). Sequential: t in 0..1, from dark blue to
// yellow. Diverging: t in -1..1, blue below zero, red above, the page's colour at zero.
Colour sequential(double t);
Colour diverging(const Theme& theme, double t);

struct ColourScale;

// A scale resolved once for many values (the cells of a heat map).
class Painter {
public:
    Painter(const Theme& theme, const ColourScale& scale);
    Colour operator()(double v) const {
        if (v != v) return bad_;
        // All of a scale without width have one colour, the infinite too.
        const double place = last_ > 0 ? std::clamp((v - lo_) * factor_, 0.0, last_) : 0;
        return table_[static_cast<std::size_t>(place + 0.5)];
    }

private:
    const Colour* table_;
    double lo_, factor_, last_;  // (v - lo) * factor is the place in the table, 0..last
    Colour bad_;
};

// From values to colours: signed values get the diverging map centred on zero, others the
// sequential one. NaN is the theme's `bad`, infinite values are the ends.
struct ColourScale {
    double lo = 0, hi = 1;  // diverging: lo = -hi
    bool signed_values = false;

    Colour colour(const Theme& theme, double v) const;
    // Fits the finite values: diverging when there are negative ones.
    static ColourScale fit(const std::vector<double>& values);
    static ColourScale fit(std::int64_t rows, std::int64_t cols, const Cells<double>& values);
    static ColourScale range(double lo, double hi) { return {lo, hi, false}; }
    static ColourScale symmetric(double limit) { return {-limit, limit, true}; }
};

}  // namespace sf
