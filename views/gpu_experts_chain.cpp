#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/gpu_experts.h"

#include <algorithm>
#include <string>
#include <vector>

// What happens to the rows, from left to right: each box a kernel but the first.
namespace sf::gpu {

namespace {

struct Box {
    Stage stage;
    std::string name, formula, shape, work, brief;
};

std::vector<Box> boxes_of(const ExpertsScene& s) {
    const ExpertsWork& w = s.work;
    const auto groups = [&](Stage stage, double flops) {
        return counted(s.groups(stage), "work group") + ", " + format_short(flops) + " FLOP";
    };
    return {{Stage::gather, "gather", "u_{π}",
             product_text(w.tokens, w.hidden) + " → " + product_text(w.rows(), w.hidden),
             "read through the list of rows", "by a list of rows"},
            {Stage::gate_up, "gate, up, SwiGLU", "h = SiLU(W_1 u) ⊙ W_3 u",
             product_text(w.rows(), w.hidden) + " → " + product_text(w.rows(), w.width),
             groups(Stage::gate_up, w.gate_up_flops()),
             counted(s.groups(Stage::gate_up), "work group")},
            {Stage::down, "down", "W_2 h",
             product_text(w.rows(), w.width) + " → " + product_text(w.rows(), w.hidden),
             groups(Stage::down, w.down_flops()), counted(s.groups(Stage::down), "work group")},
            {Stage::combine, "combine", "\\sum_i g_i W_2 h",
             product_text(w.rows(), w.hidden) + " → " + product_text(w.tokens, w.hidden),
             "each token gathers its k rows", "k rows a token"}};
}

}  // namespace

double chain_height(const Theme& t) {
    return 3 * line_height(t.small()) + 22 * t.text_scale;
}

void draw_chain(Canvas& canvas, const ExpertsScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale, gap = 34 * u, line = line_height(t.small());
    const std::vector<Box> boxes = boxes_of(s);
    const double w = (area.w - gap * 3) / 4;
    if (w < 60 * u) return;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        const Box& box = boxes[i];
        const Rect r{area.x + (w + gap) * static_cast<double>(i), area.y, w, area.h};
        const bool lit = s.stage == box.stage;
        draw_panel(canvas, t, r, lit);
        const Rect in{r.x + 10 * u, r.y + 7 * u, r.w - 20 * u, r.h - 14 * u};
        const auto bold = t.text(t.small(), lit ? t.accent : t.ink, Weight::bold);
        const auto soft = t.text(t.small(), t.ink_soft);
        text_in(canvas, {in.x, in.y, in.w, line}, box.name, bold);
        const double used = canvas.text_width(box.name, bold) + 10 * u;
        const double formula = formula_width(canvas, box.formula, soft, {nullptr, true});
        if (used + formula <= in.w)
            draw_formula(canvas,
                         {in.right() - formula, in.y + line / 2 + cap_height(t.small()) / 2},
                         box.formula, soft, {nullptr, true});
        double y = in.y + line + 2 * u;
        for (const auto& texts : {std::vector{box.shape}, {box.work, box.brief}}) {
            text_in(canvas, {in.x, y, in.w, line}, first_fitting(canvas, soft, in.w, texts), soft);
            y += line + 1 * u;
        }
        if (i > 0)
            draw_arrow(canvas, {{r.x - gap + 5 * u, r.centre().y}, {r.x - 5 * u, r.centre().y}},
                       {lit ? t.accent : t.ink_faint, 1.5});
    }
}

}  // namespace sf::gpu
