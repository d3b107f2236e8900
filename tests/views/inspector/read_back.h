#pragma once

// Reads numbers back from what was drawn and compares them with a trace. Knows nothing of the
// view's own code: only hits, texts, pictures and bars.

#include "core/run/trace.h"
#include "views/canvas/recording_canvas.h"
#include "views/draw/colour_map.h"
#include "views/draw/theme.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace sf::test {

// "−1.23×10⁻⁷" and how far rounding may have moved it.
struct ReadNumber {
    double value = 0, slack = 0;
};

inline void replace_all(std::string& s, const std::string& from, const std::string& to) {
    for (std::size_t i = 0; (i = s.find(from, i)) != std::string::npos; i += to.size())
        s.replace(i, from.size(), to);
}

inline std::optional<ReadNumber> read_number(std::string s) {
    replace_all(s, "−", "-");
    for (const char* space : {" ", "\u202f", "\u2009", "\u00a0"}) replace_all(s, space, "");
    if (s == "NaN") return ReadNumber{std::numeric_limits<double>::quiet_NaN(), 0};
    if (s == "∞") return ReadNumber{INFINITY, 0};
    if (s == "-∞") return ReadNumber{-INFINITY, 0};
    double power = 1;
    if (const auto times = s.find("×10"); times != std::string::npos) {
        std::string exponent = s.substr(times + std::string("×10").size());
        s.resize(times);
        static const char* const raised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
        for (int d = 0; d < 10; ++d) replace_all(exponent, raised[d], std::to_string(d));
        replace_all(exponent, "⁻", "-");
        power = std::pow(10.0, std::atof(exponent.c_str()));
    }
    if (s.empty() || s.find_first_not_of("-0123456789.") != std::string::npos) return std::nullopt;
    const auto dot = s.find('.');
    const auto decimals = dot == std::string::npos ? 0 : s.size() - dot - 1;
    const double unit = std::pow(10.0, -static_cast<double>(decimals)) * power;
    return ReadNumber{std::atof(s.c_str()) * power, unit * 0.5001};
}

inline bool same(const ReadNumber& read, double stored) {
    if (std::isnan(stored)) return std::isnan(read.value);
    if (std::isinf(stored)) return read.value == stored;
    return std::fabs(read.value - stored) <= read.slack + std::fabs(stored) * 1e-6;
}

// The largest picture of the node's cells; null when there is none.
inline const Hit* main_hit(const RecordingCanvas& canvas, const std::string& node) {
    const Hit* best = nullptr;
    for (const Hit& h : canvas.hits())
        if (h.target.node == node && h.target.rows * h.target.cols > 1 &&
            (!best || h.rect.w * h.rect.h > best->rect.w * best->rect.h))
            best = &h;
    return best;
}

struct ReadBack {
    std::vector<std::string> wrong;
    int numbers = 0, pixels = 0, bars = 0;
};

inline std::int64_t flat(const Target& t, std::int64_t r, std::int64_t c) {
    return t.first + r * t.row_stride + c * t.col_stride;
}

// Above the causal diagonal of (.., queries, keys) nothing is drawn.
inline bool drawn_blank(const Trace& trace, const std::string& node, std::int64_t index) {
    const NodeId id = named_tensor(*trace.graph, node).node;
    const Op op = (*trace.graph)[id].op;
    if (op != Op::scores && op != Op::scores_latent && op != Op::causal_softmax) return false;
    const Shape s = trace.shape(id);
    return index % s[3] > index / s[3] % s[2] + s[3] - s[2];
}

// Compares every number inside a picture of the node's cells, every pixel of the largest one
// (whose colours were fitted to `scale`, or to its own cells) and every bar (from its row's
// smallest to its largest value, or as the scale) with the trace.
inline ReadBack read_back(const RecordingCanvas& canvas, const Trace& trace,
                          const std::string& node, const Theme& theme,
                          std::optional<ColourScale> scale = {}, bool bars_on_scale = false) {
    ReadBack out;
    const Tensor& tensor = *trace.find(node);
    const auto wrong = [&](const std::string& what, std::int64_t index) {
        if (out.wrong.size() < 8)
            out.wrong.push_back(node + "[" + std::to_string(index) + "]: " + what + ", stored " +
                                std::to_string(tensor.at(index)));
        else
            out.wrong.emplace_back("...");
    };
    const Hit* const largest = main_hit(canvas, node);
    for (const Hit& h : canvas.hits()) {
        const Target& t = h.target;
        if (t.node != node || t.rows * t.cols <= 1) continue;
        const Image* image = nullptr;
        for (const Primitive& p : canvas.primitives())
            if (p.kind == Primitive::Kind::image && p.rect == h.rect) image = p.image.get();
        if (image) {
            for (const Primitive& p : canvas.primitives()) {
                const Vec2 middle{p.rect.centre().x, p.baseline.y - p.style.size * 0.35};
                if (p.kind != Primitive::Kind::text || !h.rect.contains(middle)) continue;
                const auto cell = pick(h, middle);
                const auto read = read_number(p.text);
                if (!cell || !read) continue;
                ++out.numbers;
                if (!same(*read, tensor.at(cell->index))) wrong("reads " + p.text, cell->index);
            }
            if (&h != largest || image->w != t.cols || image->h != t.rows) continue;
            const auto value = [&](std::int64_t i) {
                const auto index = flat(t, i / t.cols, i % t.cols);
                return drawn_blank(trace, node, index) ? std::nan("") : tensor.at(index);
            };
            const ColourScale fitted =
                scale ? *scale
                      : ColourScale::fit(1, t.rows * t.cols,
                                         [&](std::int64_t, std::int64_t i) { return value(i); });
            for (std::int64_t i = 0; i < t.rows * t.cols; ++i) {
                const Colour seen = image->pixels[static_cast<std::size_t>(i)];
                const auto index = flat(t, i / t.cols, i % t.cols);
                ++out.pixels;
                if (drawn_blank(trace, node, index) ? seen.a != 0
                                                    : !(seen == fitted.colour(theme, value(i))))
                    wrong("has another colour", index);
            }
        } else if (t.rows == 1 && static_cast<double>(t.cols) <= h.rect.w) {
            double lo = 0, hi = 0;
            std::vector<double> values;
            for (std::int64_t c = 0; c < t.cols; ++c) {
                const auto index = flat(t, 0, c);
                values.push_back(drawn_blank(trace, node, index) ? 0 : tensor.at(index));
                lo = std::min(lo, values.back());
                hi = std::max(hi, values.back());
            }
            if (bars_on_scale) {
                lo = std::min(0.0, scale->lo);
                hi = std::max(0.0, scale->hi);
            }
            if (!(lo < hi)) hi = lo + 1;
            const double share = h.rect.w / static_cast<double>(t.cols);
            const auto along = [&](double v) {
                return h.rect.bottom() - (v - lo) / (hi - lo) * h.rect.h;
            };
            for (const Primitive& p : canvas.primitives()) {
                if (p.kind != Primitive::Kind::fill_rect || p.rect.x < h.rect.x - 0.01 ||
                    p.rect.right() > h.rect.right() + 0.01 || p.rect.y < h.rect.y - 0.01 ||
                    p.rect.bottom() > h.rect.bottom() + 0.01)
                    continue;
                const auto c = static_cast<std::int64_t>((p.rect.centre().x - h.rect.x) / share);
                const double v = values[static_cast<std::size_t>(c)];
                ++out.bars;
                if (std::fabs(p.rect.y - std::min(along(0), along(v))) > 0.02 ||
                    std::fabs(p.rect.bottom() - std::max(along(0), along(v))) > 0.02)
                    wrong("has another bar", flat(t, 0, c));
            }
        }
    }
    // Chips: one cell each, its text beginning with what the number stands for.
    if (tensor.dtype == DType::i64)
        for (const Hit& h : canvas.hits()) {
            if (h.target.node != node || h.target.rows * h.target.cols != 1) continue;
            std::string all;
            for (const Primitive& p : canvas.primitives())
                if (p.kind == Primitive::Kind::text && h.rect.contains(p.baseline)) {
                    all += "|" + p.text;
                }
            if (all.find(node.substr(node.rfind('.') + 1)) != std::string::npos) continue;  // a box
            ++out.numbers;
            const std::string number =
                std::to_string(tensor.ints[static_cast<std::size_t>(h.target.first)]);
            if (all != "|E" + number && all != "|G" + number &&
                all.find("|" + number) == std::string::npos)
                wrong("reads " + all, h.target.first);
        }
    return out;
}

}  // namespace sf::test
