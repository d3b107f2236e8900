#pragma once

#include "tests/core/gl/gl_bench.h"

#include <memory>
#include <sstream>

namespace sf::test {

// The three layouts of attention with random numbers; the fused op's inputs.
enum class Layout { expanded, latent, grouped };
struct AttentionCase {
    Layout layout{};
    Attrs attrs;
    std::int64_t batch = 1, tokens = 1, past = 0, rank = 0;
    std::vector<Tensor> in;

    std::int64_t context() const { return past + tokens; }
    Op op() const { return layout == Layout::latent ? Op::attention_latent : Op::attention; }
    Shape out() const {
        return {batch, tokens, attrs.heads, layout == Layout::latent ? rank : attrs.value};
    }
    std::string text() const {
        std::ostringstream s;
        s << (layout == Layout::expanded ? "expanded"
              : layout == Layout::latent ? "latent"
                                         : "grouped")
          << " batch " << batch << " tokens " << tokens << " past " << past << " heads "
          << attrs.heads << "/" << attrs.kv_heads << " nope " << attrs.nope << " rope "
          << attrs.rope << " value " << attrs.value << " rank " << rank;
        return s.str();
    }
    void fill(Dice& dice) {
        const auto B = batch, T = tokens, S = context(), H = attrs.heads, G = attrs.kv_heads;
        const auto nope = attrs.nope, rope = attrs.rope, value = attrs.value;
        in.clear();
        const bool is_latent = layout == Layout::latent;
        in.push_back(dice.normal({B, T, H, is_latent ? rank : nope + rope}));
        in.push_back(dice.normal({B, T, H, rope}));
        if (is_latent) {
            in.push_back(dice.normal({B, S, rank}));
            in.push_back(dice.normal({B, S, rope}));
        } else if (layout == Layout::expanded) {
            in.push_back(dice.normal({B, S, H, nope + value}));
            in.push_back(dice.normal({B, S, rope}));
        } else {
            in.push_back(dice.normal({B, S, G, nope + rope}));
            in.push_back(dice.normal({B, S, G, value}));
        }
    }
    Tensor on_cpu() const {
        std::vector<const Tensor*> all;
        for (const Tensor& t : in) all.push_back(&t);
        return test::on_cpu(op(), attrs, all, out());
    }
};

// An attention of at most `work` multiply-adds or so.
inline AttentionCase random_attention(Dice& dice, std::int64_t most_tokens) {
    AttentionCase c;
    c.layout = dice.one_of({Layout::expanded, Layout::latent, Layout::grouped});
    Attrs& a = c.attrs;
    const bool even = dice.from(0, 2) == 0;  // sizes as models have them
    const auto size = [&](std::int64_t low, std::int64_t high) {
        const auto n = dice.from(low, high);
        return even ? std::max<std::int64_t>(4, n / 4 * 4) : n;
    };
    const auto groups = dice.from(1, 3), share = dice.from(1, 3);
    a.heads = groups * share;
    a.kv_heads = c.layout == Layout::grouped ? groups : 0;
    a.nope = size(1, 40);
    a.rope = dice.from(0, 5) == 0 && c.layout != Layout::grouped ? 0 : size(2, 20) / 2 * 2;
    a.value = size(1, 70);
    c.rank = c.layout == Layout::latent ? size(1, 80) : 0;
    a.scale = 1 / std::sqrt(static_cast<double>((c.rank > 0 ? c.rank : a.nope) + a.rope));
    a.width = c.rank;
    c.batch = dice.from(1, 3);
    c.tokens = dice.one_of({std::int64_t{1}, dice.from(1, 4), dice.from(1, most_tokens)});
    c.past = dice.one_of({std::int64_t{0}, dice.from(0, most_tokens)});
    c.fill(dice);
    return c;
}

// Keys and values that are kept in 16 bits, if `half`, and the rest.
struct AttentionOnDevice {
    std::vector<std::unique_ptr<OnDevice>> in;
    OnDevice out;
    AttentionJob job;
    AttentionOnDevice(const AttentionCase& c, bool half) : out(c.out()) {
        std::vector<GlSlice> slices;
        for (std::size_t i = 0; i < c.in.size(); ++i) {
            in.push_back(std::make_unique<OnDevice>(c.in[i], half && i >= 2));
            slices.push_back(in.back()->slice);
        }
        job = attention_job(c.attrs, c.in[0].shape, c.in[2].shape, slices, out.slice);
    }
    std::vector<float> read() const {
        return out.read(job.batch * job.tokens * job.heads * job.width);
    }
};

// Routed experts with random choices; the fused op's inputs.
struct ExpertsCase {
    Attrs attrs;
    std::int64_t tokens = 1, dim = 1, inter = 1;
    std::vector<Tensor> in;

    std::string text() const {
        std::ostringstream s;
        s << "tokens " << tokens << " dim " << dim << " inter " << inter << " experts "
          << attrs.experts << " top " << attrs.top_k;
        return s.str();
    }
    // `only`: the experts that are ever chosen.
    void fill(Dice& dice, std::int64_t only) {
        in.clear();
        in.push_back(dice.normal({1, tokens, dim}));
        Tensor chosen({1, tokens, attrs.top_k}, DType::i64);
        for (std::int64_t t = 0; t < tokens; ++t) {
            const auto first = dice.from(0, only - 1);
            for (std::int64_t k = 0; k < attrs.top_k; ++k)
                chosen.ints[static_cast<std::size_t>(t * attrs.top_k + k)] = (first + k) % only;
        }
        in.push_back(chosen);
        in.push_back(dice.normal({1, tokens, attrs.top_k}, 0.5));
        for (std::int64_t e = 0; e < attrs.experts; ++e) {
            in.push_back(dice.normal({inter, dim}, 1 / std::sqrt(static_cast<double>(dim))));
            in.push_back(dice.normal({inter, dim}, 1 / std::sqrt(static_cast<double>(dim))));
            in.push_back(dice.normal({dim, inter}, 1 / std::sqrt(static_cast<double>(inter))));
        }
    }
    Tensor on_cpu() const {
        std::vector<const Tensor*> all;
        for (const Tensor& t : in) all.push_back(&t);
        return test::on_cpu(Op::experts, attrs, all, in[0].shape);
    }
    std::vector<ConstView> weights() const {
        std::vector<ConstView> w;
        for (std::size_t i = 3; i < in.size(); ++i) w.push_back(in[i].view());
        return w;
    }
};

inline ExpertsCase random_experts(Dice& dice, std::int64_t most_tokens) {
    ExpertsCase c;
    const bool even = dice.from(0, 1) == 0;
    const auto size = [&](std::int64_t high) {
        const auto n = dice.from(1, high);
        return even ? std::max<std::int64_t>(4, n / 4 * 4) : n;
    };
    c.dim = size(90);
    c.inter = size(70);
    c.attrs.experts = dice.from(1, 9);
    c.attrs.top_k = dice.from(1, std::min<std::int64_t>(4, c.attrs.experts));
    c.tokens = dice.one_of({std::int64_t{1}, dice.from(1, 9), dice.from(1, most_tokens)});
    // All experts, some without a token, or as few as can be: one with all tokens when top_k = 1.
    c.fill(dice, dice.one_of(
                     {c.attrs.experts, dice.from(c.attrs.top_k, c.attrs.experts), c.attrs.top_k}));
    return c;
}

inline std::vector<float> on_device(GlKernels& kernels, const GlDevice& device,
                                    const ExpertsCase& c, bool half) {
    const OnDevice x(c.in[0]), y(c.in[0].shape);
    const ExpertWeights weights = store_experts(device, c.weights(), half);
    kernels.experts(
        {x.slice, y.slice, &weights, c.tokens, c.attrs.top_k, c.in[1].ints, c.in[2].real});
    return y.read(c.tokens * c.dim);
}

}  // namespace sf::test
