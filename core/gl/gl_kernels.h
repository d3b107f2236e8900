#pragma once

#include "core/backend/backend.h"
#include "core/backend/device.h"
#include "core/gl/gl_buffer.h"
#include "core/gl/gl_device.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

// Attention and experts as compute shaders (assets/shaders/*.comp). All row-major float32; every
// sum has a fixed order, so two runs give the same bits. Work beyond DeviceLimits (bytes of one
// bound block, groups of one dispatch) is cut into several dispatches; what cannot be cut throws
// DeviceError with a sentence. Calls only queue work; GlBuffer::read waits for it. Outputs never
// overlap inputs.
namespace sf {

// y_i (rows, columns) = x_i (rows, depth) W_i for i < times: element (r, c) of y_i is the sum over
// k of x[i x_step + r x_row + k] w[i w_step + c w_column + k w_term].
// A linear layer's weight (out, in): w_column = in, w_term = 1. absorb_q: w_column 1, w_term rank.
struct ProductJob {
    GlSlice x, w, y;
    std::int64_t rows = 0, columns = 0, depth = 0;
    std::int64_t x_row = 0, y_row = 0;
    std::int64_t w_column = 0, w_term = 1;
    std::int64_t times = 1, x_step = 0, w_step = 0, y_step = 0;
};
ProductJob linear_job(GlSlice x, GlSlice w, GlSlice y, std::int64_t rows, std::int64_t columns,
                      std::int64_t depth);
// One product a head: q (B, T, H, nope + rope), kv_b (H (nope + value), rank) -> (B, T, H, rank).
ProductJob absorb_q_job(GlSlice q, GlSlice kv_b, GlSlice y, const Attrs& attrs, std::int64_t rows,
                        std::int64_t rank);
// (B, T, H, rank), kv_b -> (B, T, H, value).
ProductJob expand_v_job(GlSlice x, GlSlice kv_b, GlSlice y, const Attrs& attrs, std::int64_t rows,
                        std::int64_t rank);

// Where rows lie: element i of head h, row r, sequence b at slice.offset + b batch + r row +
// h / share head + i.
struct HeadRows {
    GlSlice slice;
    std::int64_t batch = 0, row = 0, head = 0, share = 1;
};
// Causal softmax attention with an online softmax over tiles of attention_tile keys. Query row t
// sees the keys up to past + t. Out (B, T, H, width).
struct AttentionJob {
    HeadRows q, q_pe, key, k_pe, value;
    GlSlice out;
    std::int64_t batch = 1, tokens = 1, past = 0, heads = 1;
    std::int64_t content = 0, rope = 0, width = 0;
    float scale = 1;
    OnlineRecord* online = nullptr;  // filled (waits for it) when asked for
    std::int64_t context() const { return past + tokens; }
};
// Of the fused op's inputs (as core/ops/attention_layout.h names them), where they lie.
AttentionJob attention_job(const Attrs& attrs, const Shape& q, const Shape& keys,
                           std::span<const GlSlice> inputs, GlSlice out);

// The weights of the routed experts on the device: gate, up (inter, dim) and down (dim, inter) of
// each, in pieces of consecutive experts that fit a block.
class ExpertWeights {
public:
    struct Piece {
        std::int64_t first = 0, count = 0;  // experts
        GlBuffer gate, up, down;
    };
    std::int64_t experts = 0, dim = 0, inter = 0;
    bool half = false;
    std::vector<Piece> pieces;
    std::int64_t bytes() const;
};
// weights: gate, up, down of expert 0, of expert 1, ... as Op::experts' inputs name them.
ExpertWeights store_experts(const GlDevice& device, std::span<const ConstView> weights, bool half);

// y (tokens, dim) = sum over a token's choices of gate x down(silu(gate x) up x), in their order.
struct ExpertsJob {
    GlSlice x, y;
    const ExpertWeights* weights = nullptr;
    std::int64_t tokens = 0, top_k = 0;
    std::span<const std::int64_t> indices;  // (tokens, top_k)
    std::span<const float> gates;           // (tokens, top_k)
};

// The kernels in one variant. Weights, keys and values may be kept in 16 bits: each stored number
// is then off by at most 2^-11 of itself (of to_half's, where a driver does not round to the
// nearest, 2^-10), so a product by at most 2^-11 sum |x w|; all arithmetic stays float32. Needs its
// context current. Compiled when first used.
class GlKernels {
public:
    // Throws DeviceError when the device refuses the variant. half: what warm_up compiles; a call
    // goes by its slices.
    GlKernels(GlDevice& device, KernelVariant variant, bool half);
    ~GlKernels();
    KernelVariant variant() const;
    bool half() const;

    // Compiles everything and runs each kernel once; told how many of how many are ready.
    void warm_up(const std::function<void(int done, int of)>& progress);
    // What runs from now on is timed and put here; null: no longer. Timing waits for each kernel.
    void record(std::vector<KernelLaunch>* launches);

    void product(const ProductJob& job);
    void attention(const AttentionJob& job);
    void experts(const ExpertsJob& job);
    void swiglu(GlSlice gate, GlSlice up, GlSlice y, std::int64_t n);  // y = silu(gate) up
    void add(GlSlice a, GlSlice b, GlSlice y, std::int64_t n);
    void to_half(GlSlice from, GlSlice to, std::int64_t n);  // to.offset is even

    Roofline roofline();  // measured now: some tenths of a second

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
