#pragma once

#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/view.h"

#include <functional>
#include <string>

namespace sf {

// A true run of a small untrained model with two modules, wide weights so that predictions differ.
inline TracePtr mtp_run(const std::string& prompt = "the cat sat", std::int64_t modules = 2,
                        const std::function<void(ModelConfig&)>& change = {},
                        const RunOptions& options = {}, std::size_t batch = 1) {
    const auto shape = [&](ModelConfig& c) {
        c.num_nextn_predict_layers = modules;
        c.initializer_range = 0.25;
        if (change) change(c);
    };
    return test::changed_run(prompt, shape, options, batch);
}

inline void parallel(ModelConfig& c) {
    c.mtp_kind = "parallel";
}

struct MtpPicture : test::Picture {
    explicit MtpPicture(TracePtr t, const std::string& step = "probs", double w = 1280,
                        double h = 720, double text = 1, bool dark = false)
        : Picture(view(), std::move(t), step, w, h, text, dark) {}
    static const View& view() { return *find_view("mtp"); }
};

// The texts whose middle lies in a rectangle.
inline std::vector<std::string> texts_in(const RecordingCanvas& canvas, const Rect& r) {
    std::vector<std::string> all;
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::text && r.contains(p.rect.centre())) all.push_back(p.text);
    return all;
}

inline bool holds(const std::vector<std::string>& all, const std::string& part) {
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& t) { return t.find(part) != std::string::npos; });
}

inline const Hit* find_hit(const RecordingCanvas& canvas, const std::string& node) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == node) return &h;
    return nullptr;
}

}  // namespace sf
