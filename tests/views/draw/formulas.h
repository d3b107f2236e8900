#pragma once

#include "views/draw/formula.h"
#include "views/draw/theme.h"

#include <array>
#include <string_view>

namespace sf {

// Formulas of the model as its views write them: what the tests lay out and the page shows.
constexpr std::array<std::string_view, 20> model_formulas{
    R"(\latent{c}^{KV}_t = RMSNorm(W^{DKV} h_t))",
    R"([\key{k}^{C}_t; \value{v}^{C}_t] = [W^{UK}; W^{UV}] \latent{c}^{KV}_t)",
    R"(a_{t,s} = \frac{\query{q}^{C}_t·\key{k}^{C}_s + \position{q^{R}_t·k^{R}_s}}{\sqrt{d_h + d_h^{R}}})",
    R"(\vec{o}_{t,i} = \sum_{s=1}^{t} softmax_s(\frac{\query{\vec{q}}^T_{t,i} \key{\vec{k}}_{s,i}}{\sqrt{d_h + d_h^{R}}}) \value{\vec{v}}^{C}_{s,i})",
    R"(RMSNorm(x)_i = \frac{x_i}{\sqrt{\frac{1}{d} \sum_{j=1}^{d} x_j^2 + ε}} γ_i)",
    R"(α_{t,s} = \frac{e^{a_{t,s}}}{\sum_{j=1}^{t} e^{a_{t,j}}})",
    R"(m_j = \op{max}_{}(m_{j−1}, \op{max}_{s ∈ tile} a_s))",
    R"(d_j = d_{j−1} e^{m_{j−1}−m_j} + \sum_{s ∈ tile} e^{a_s−m_j})",
    R"(o_j = \frac{d_{j−1}}{d_j} e^{m_{j−1}−m_j} o_{j−1} + \frac{1}{d_j} \sum_s e^{a_s−m_j} \value{v}_s)",
    R"([\matrix{x'_{2i} \\ x'_{2i+1}}] = [\matrix{cos mθ_i & −sin mθ_i \\ sin mθ_i & cos mθ_i}] [\matrix{x_{2i} \\ x_{2i+1}}]\text{,   } θ_i = b^{−2i/d})",
    R"(\routed{g}_{i,t} = \frac{\routed{s}_{i,t}}{\sum_{j ∈ Topk} \routed{s}_{j,t}}\text{,   } s_{i,t} = σ(u_t · e_i))",
    R"(h'_t = u_t + \sum_{i=1}^{N_s} \shared{FFN}_i^{(s)}(u_t) + \sum_{i=1}^{N_r} g_{i,t} \routed{FFN}_i^{(r)}(u_t))",
    R"(h = SiLU(W_1 u) ⊙ W_3 u\text{,   }SiLU(x) = \frac{x}{1 + e^{−x}})",
    R"(\mtp{L_{MTP}} = \frac{λ}{D} \sum_{k=1}^{D} \mtp{L}^k_{MTP}\text{,   }\mtp{L}^k_{MTP} = −\frac{1}{T} \sum_{i=2+k}^{T+1} ln P^k_i(t_i))",
    R"(L_{Bal} = α \sum_{i=1}^{N_r} f_i P_i\text{,   }f_i = \frac{N_r}{K_r T} \sum_{t=1}^{T} 1(s_{i,t} ∈ Topk))",
    R"(a_{7,3} = \frac{\query{q}·\key{k}}{\sqrt{d}} \\ = \frac{\query{0.82}·\key{1.31} + \query{−0.4}·\key{0.25}}{\sqrt{64}} \\ = 0.1218)",
    R"(x = \frac{−b ± \sqrt{b^2 − 4 a c}}{2a})",
    R"(\frac{1}{1 + \frac{a}{b + \frac{c}{d}}} + \sqrt{1 + \sqrt{1 + x^{2^n}}})",
    R"((\frac{a}{b})^2 + [\sum_i x_i^2]^{1/2}_{min} + f(x'))",
    R"(q̃_t = W^{UK⊤} q^{C}_t, ∂L/∂c^{KV}, x_i ≥ 0 \text{ if even})",
};

// All of them below each other; returns the height.
inline double draw_formulas(Canvas& canvas, const Theme& theme, Vec2 at, double size) {
    const FormulaLook look{&theme, false};
    const auto style = theme.text(size, theme.ink);
    double y = at.y;
    for (const auto f : model_formulas) {
        const auto s = formula_size(canvas, f, style, look);
        y += s.ascent;
        draw_formula(canvas, {at.x, y}, f, style, look);
        y += s.descent + size * 0.9;
    }
    return y - at.y;
}

}  // namespace sf
