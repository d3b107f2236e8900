#pragma once

#include "views/canvas/canvas.h"

#include <cstdint>

namespace sf {

// What a colour means, everywhere: in every view, figure and formula.
enum class Meaning : std::uint8_t {
    query,
    key,
    value,
    latent,
    position,
    shared_expert,
    routed_expert,
    mtp,
    residual,
    norm,
    embedding,
    head
};

// Light or dark, with text sizes already scaled. Categories from Okabe and Ito's palette.
struct Theme {
    bool dark = false;
    double text_scale = 1.0;  // 0.75 .. 3

    Colour background, surface, raised;  // page, panel, chip
    Colour ink, ink_soft, ink_faint;     // text: first, second, third rank
    Colour hairline, grid;
    Colour accent, accent_soft;  // the current step, the chosen token
    Colour good, bad;            // self-check

    Colour meaning(Meaning m) const;       // strong: lines, bars, outlines
    Colour meaning_text(Meaning m) const;  // for letters: as much of it as reads well on the page
    Colour meaning_soft(Meaning m) const;  // the same as a background under ink

    // Three sizes, two weights, in logical pixels.
    double small() const { return 11.0 * text_scale; }
    double normal() const { return 13.0 * text_scale; }
    double large() const { return 18.0 * text_scale; }
    TextStyle text(double size, Colour c, Weight w = Weight::regular, Align a = Align::left) const {
        return {size, w, c, a};
    }

    static Theme light(double text_scale = 1.0);
    static Theme dark_theme(double text_scale = 1.0);
};

}  // namespace sf
