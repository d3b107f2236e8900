#include "views/draw/formula.h"

#include "views/draw/formula_layout.h"

namespace sf {

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
