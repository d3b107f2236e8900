#include "views/latent_scene.h"

#include <algorithm>
#include <cmath>

namespace sf::latent_kv {

namespace {

const std::vector<std::string> pages{"cache", "rank", "shapes"};
constexpr std::int64_t most_context = 131072, most_heads = 256, most_width = 256,
                       most_latent = 2048;

const ModelConfig& config_of(const Frame& frame) {
    static const ModelConfig none;
    return frame.trace != nullptr ? frame.trace->graph->config : none;
}

std::int64_t layers_of(const ModelConfig& c) {
    return c.num_hidden_layers + c.num_nextn_predict_layers;
}

std::int64_t most_rank(const ModelConfig& c) {
    return c.mla() ? c.kv_lora_rank : 0;
}

template <class T>
const T* stored(const Frame& frame, const char* name) {
    if (frame.settings == nullptr) return nullptr;
    const auto it = frame.settings->find(name);
    return it == frame.settings->end() ? nullptr : std::get_if<T>(&it->second);
}

double number(const Frame& frame, const char* name, double standard, double lo, double hi) {
    const double* v = stored<double>(frame, name);
    return std::clamp(v != nullptr && std::isfinite(*v) ? *v : standard, lo, std::max(lo, hi));
}

std::int64_t whole(const Frame& frame, const char* name, std::int64_t standard, std::int64_t lo,
                   std::int64_t hi) {
    return std::llround(number(frame, name, static_cast<double>(standard), static_cast<double>(lo),
                               static_cast<double>(hi)));
}

}  // namespace

Choices read_choices(const Frame& frame) {
    const ModelConfig& c = config_of(frame);
    Choices r;
    const auto* show = stored<std::string>(frame, "show");
    if (show != nullptr && std::find(pages.begin(), pages.end(), *show) != pages.end())
        r.show = *show;
    if (const bool* absorb = stored<bool>(frame, "absorb")) r.absorb = *absorb;
    r.layer = whole(frame, "layer", -1, -1, layers_of(c) - 1);
    r.head = whole(frame, "head", 0, 0, c.num_attention_heads - 1);
    r.rank = whole(frame, "rank", 0, 0, most_rank(c));
    r.bits = number(frame, "bits", 16, 2, 32);
    r.context = whole(frame, "context", 4096, 1, most_context);
    r.heads = whole(frame, "heads", 0, 0, most_heads);
    r.head_width = whole(frame, "head_width", 0, 0, most_width);
    r.rope_width = whole(frame, "rope_width", 0, 0, most_width) / 2 * 2;
    r.latent = whole(frame, "latent", 0, 0, most_latent);
    return r;
}

std::vector<Parameter> parameters(const Frame& frame) {
    using T = Parameter::Type;
    const ModelConfig& c = config_of(frame);
    const auto count = [](const char* name, std::int64_t lo, std::int64_t hi, std::int64_t standard,
                          const char* help) {
        return Parameter{name,
                         T::integer,
                         static_cast<double>(lo),
                         static_cast<double>(hi),
                         {},
                         static_cast<double>(standard),
                         help};
    };
    Parameter context = count("context", 1, most_context, 4096,
                              "Tokens in the cache, in what is computed for a shape.");
    context.log = true;
    return {
        {"show", T::choice, 0, 1, pages, pages.front(),
         "The page: what is cached, how much the rank of the latent carries, or the caches of "
         "known shapes."},
        {"absorb",
         T::toggle,
         0,
         1,
         {},
         false,
         "Folds W_UK into the query and W_UV into the output: keys and values need not be made."},
        count("rank", 0, most_rank(c), 0,
              "Directions of the latent that are kept, the strongest first; 0 keeps all, which is "
              "the model itself."),
        count("layer", -1, layers_of(c) - 1, -1,
              "Layer to look at, MTP modules last; −1 follows the current step."),
        count("head", 0, c.num_attention_heads - 1, 0, "Attention head to look at."),
        context,
        count("bits", 2, 32, 16, "Bits of a number, in what is computed for a shape."),
        count("heads", 0, most_heads, 0, "Heads of the shape by hand; 0: as the model."),
        count("head_width", 0, most_width, 0,
              "Width of a head's keys (unrotated part) and values by hand; 0: as the model."),
        count("rope_width", 0, most_width, 0,
              "Rotated columns of a key by hand, an even number; 0: as the model."),
        count("latent", 0, most_latent, 0, "Width of the latent by hand; 0: as the model."),
    };
}

}  // namespace sf::latent_kv
