#include "views/draw/formula.h"

#include "views/draw/formula_layout.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace formula {

void draw(Canvas& canvas, Vec2 baseline, const Box& box, Colour colour, const Theme* theme) {
    for (const Ink& i : box.ink) {
        const Colour c = i.meaning && theme != nullptr ? theme->meaning_text(*i.meaning) : colour;
        switch (i.kind) {
            case Ink::Kind::text:
                canvas.text(baseline + i.at, i.text, {i.size, i.weight, c, Align::left});
                break;
            case Ink::Kind::rule: {
                // On whole pixels, as the canvases place text: a thin rule stays sharp.
                const Rect& r = i.rect;
                const double y = std::round(baseline.y) + std::round(r.y);
                const double x = r.w <= r.h ? std::round(baseline.x + r.x) : baseline.x + r.x;
                canvas.fill_rect({x, y, r.w, r.h}, c);
                break;
            }
            case Ink::Kind::shape: {
                std::vector<Vec2> points = i.outline;
                for (Vec2& p : points) p = {p.x + baseline.x, p.y + std::round(baseline.y)};
                canvas.fill_polygon(points, c);
                break;
            }
        }
    }
}

}  // namespace formula

namespace {

formula::Box box_of(std::string_view markup, const TextStyle& style, const FormulaLook& look) {
    auto part = formula::parse(markup);
    if (look.in_line) part = formula::in_line(std::move(part));
    return formula::lay_out(part, style.size, style.weight, !look.in_line);
}

}  // namespace

FormulaSize formula_size(const Canvas& /*canvas*/, std::string_view markup, const TextStyle& style,
                         const FormulaLook& look) {
    const auto box = box_of(markup, style, look);
    return {box.width + box.correction, box.ascent, box.descent};
}

double formula_width(const Canvas& canvas, std::string_view markup, const TextStyle& style,
                     const FormulaLook& look) {
    return formula_size(canvas, markup, style, look).width;
}

double draw_formula(Canvas& canvas, Vec2 baseline, std::string_view markup, const TextStyle& style,
                    const FormulaLook& look) {
    const auto box = box_of(markup, style, look);
    const double width = box.width + box.correction;
    const double shift = style.align == Align::left     ? 0
                         : style.align == Align::centre ? width / 2
                                                        : width;
    formula::draw(canvas, {baseline.x - shift, baseline.y}, box, style.colour, look.theme);
    return width;
}

}  // namespace sf
