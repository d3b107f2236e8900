#include "views/draw/theme.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace sf {

namespace {

constexpr Colour rgb(std::uint32_t hex) {
    return {static_cast<std::uint8_t>(hex >> 16), static_cast<std::uint8_t>(hex >> 8),
            static_cast<std::uint8_t>(hex), 255};
}

constexpr Colour mix(Colour a, Colour b, double t) {
    const auto one = [t](std::uint8_t x, std::uint8_t y) {
        return static_cast<std::uint8_t>(x + (y - x) * t + 0.5);
    };
    return {one(a.r, b.r), one(a.g, b.g), one(a.b, b.b), 255};
}

// Relative, of WCAG.
double luminance(Colour c) {
    const auto linear = [](std::uint8_t v) {
        const double s = v / 255.0;
        return s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(c.r) + 0.7152 * linear(c.g) + 0.0722 * linear(c.b);
}

// In the order of Meaning. Okabe and Ito's eight for what views set side by side (the pale ones
// darkened on white, the dark ones lightened on black, so that thin lines show); the stations of
// the residual stream, which never need telling apart by colour alone, in greys and two deep tones.
constexpr std::array<std::uint32_t, 12> on_light{
    0x0072B2,  // query: blue
    0xDB8F00,  // key: orange
    0x009E73,  // value: bluish green
    0xC2639B,  // latent: reddish purple
    0xD55E00,  // position: vermilion
    0xB8A100,  // shared expert: yellow
    0x3FA3DC,  // routed expert: sky blue
    0x8A5A2B,  // MTP: brown
    0x5A6270,  // residual: slate
    0x98A0AC,  // norm: light slate
    0x2F7F86,  // embedding: petrol
    0x5D4A9C,  // head: violet
};
constexpr std::array<std::uint32_t, 12> on_dark{
    0x4BA3DE, 0xF0AE2B, 0x2FC197, 0xDC8FBB, 0xF07F35, 0xEADF4F,
    0x7CC9F2, 0xC79263, 0xA3ABB9, 0x79818F, 0x5DB6BD, 0xA695E6,
};

}  // namespace

Colour Theme::meaning(Meaning m) const {
    return rgb((dark ? on_dark : on_light)[static_cast<std::size_t>(m)]);
}

Colour Theme::meaning_text(Meaning m) const {
    constexpr double readable = 4.5;  // WCAG 2.2, 1.4.3
    const Colour full = meaning(m);
    const double page = luminance(background);
    for (int step = 0;; ++step) {
        const Colour c = mix(full, ink, step * 0.08);
        const double l = luminance(c);
        if (step == 12 || (std::max(l, page) + 0.05) / (std::min(l, page) + 0.05) >= readable)
            return c;
    }
}

Colour Theme::meaning_soft(Meaning m) const {
    return mix(background, meaning(m), dark ? 0.26 : 0.18);
}

Theme Theme::light(double text_scale) {
    Theme t;
    t.dark = false;
    t.text_scale = text_scale;
    t.background = rgb(0xFFFFFF);
    t.surface = rgb(0xF7F8FA);
    t.raised = rgb(0xECEEF2);
    t.ink = rgb(0x1A1E26);
    t.ink_soft = rgb(0x4C5462);
    t.ink_faint = rgb(0x666E7C);
    t.hairline = rgb(0xD5D9E0);
    t.grid = rgb(0xE8EBEF);
    t.accent = rgb(0x4B45D6);
    t.accent_soft = rgb(0xE6E5FB);
    t.good = rgb(0x17794A);
    t.bad = rgb(0xC3263C);
    return t;
}

Theme Theme::dark_theme(double text_scale) {
    Theme t;
    t.dark = true;
    t.text_scale = text_scale;
    t.background = rgb(0x14171C);
    t.surface = rgb(0x1B1F26);
    t.raised = rgb(0x272C35);
    t.ink = rgb(0xE9EBF0);
    t.ink_soft = rgb(0xB0B7C3);
    t.ink_faint = rgb(0x8B93A1);
    t.hairline = rgb(0x363C48);
    t.grid = rgb(0x262B34);
    t.accent = rgb(0x9C98FF);
    t.accent_soft = rgb(0x302E5E);
    t.good = rgb(0x4CC38A);
    t.bad = rgb(0xFF6B7D);
    return t;
}

}  // namespace sf
