#include "core/gl/gl_parts.h"

#include "core/error.h"
#include "core/ops/expert_rows.h"

#include <algorithm>

namespace sf {

namespace {

std::vector<std::uint32_t> words(std::span<const std::int64_t> numbers) {
    std::vector<std::uint32_t> w(numbers.size());
    std::transform(numbers.begin(), numbers.end(), w.begin(),
                   [](std::int64_t n) { return static_cast<std::uint32_t>(n); });
    return w;
}

// One product of each expert's rows with its own weights, over the tiles [first, last).
struct Grouped {
    const char* kernel;
    GlSlice x, w, u, y;  // u: with SwiGLU
    const GlBuffer *tiles, *x_rows;
    std::int64_t x_numbers, w_numbers, y_numbers, slots;
    std::int64_t columns, depth;
    bool swiglu;
};

void run_grouped(GlLauncher& l, const Grouped& g, std::span<const ExpertTile> list,
                 std::int64_t first_tile) {
    const bool aligned = multiple_of_four(g.depth | g.x.offset);
    const ProductTiles tiles = product_tiles(l.variant, g.swiglu);
    std::vector<std::string> defines{"ROWS 8", "LOCAL_ROWS " + std::to_string(tiles.rows / 8),
                                     "COLUMNS " + std::to_string(tiles.columns / 8), "GROUPED"};
    if (g.swiglu) defines.emplace_back("SWIGLU");
    if (aligned) defines.emplace_back("ALIGNED");
    if (g.w.half) defines.emplace_back("HALF");
    GlProgram& p = l.program("product.comp", std::move(defines));
    p.set("x_begin", l.input(0, g.x, g.x_numbers, aligned));
    p.set("w_begin", l.input(1, g.w, g.w_numbers, aligned));
    if (g.swiglu) p.set("u_begin", l.input(2, g.u, g.w_numbers, aligned));
    p.set("y_begin", l.storage(3, g.y, g.y_numbers));
    l.storage(4, {g.tiles}, g.tiles->words());
    l.storage(5, {g.x_rows}, g.slots);
    p.set("gathered", std::int64_t{g.swiglu});
    p.set("columns", g.columns);
    p.set("depth", g.depth);
    p.set("x_row", g.depth);
    p.set("w_column", g.depth);
    p.set("w_term", std::int64_t{1});
    p.set("w_step", g.columns * g.depth);
    p.set("y_row", g.columns);
    const double weights = g.swiglu ? 2 : 1, depth = static_cast<double>(g.depth);
    const auto& most = l.device.info.limits.groups;
    const auto count = static_cast<std::int64_t>(list.size());
    const auto across = (g.columns + tiles.columns - 1) / tiles.columns;
    for (std::int64_t t = 0; t < count; t += most[1])
        for (std::int64_t c = 0; c < across; c += most[0]) {
            p.set("first_tile", first_tile + t);
            p.set("first_column", c * tiles.columns);
            const auto down = std::min(most[1], count - t), wide = std::min(most[0], across - c);
            const auto columns = static_cast<double>(
                std::min(g.columns, (c + wide) * tiles.columns) - c * tiles.columns);
            double rows = 0;
            for (const ExpertTile& tile :
                 list.subspan(static_cast<std::size_t>(t), static_cast<std::size_t>(down)))
                rows += static_cast<double>(tile.rows);
            GlLauncher::Work work{g.kernel, {wide, down, 1}};
            if (l.variant != KernelVariant::registers)
                work.shared_bytes = (g.swiglu ? 3 : 2) * 16 * 68 * 4;
            work.flops = 2 * rows * columns * depth * weights;
            work.bytes = 4 * rows * (depth * static_cast<double>(wide) + columns) +
                         (g.w.half ? 2 : 4) * weights * columns * depth * static_cast<double>(down);
            l.run(p, work);
        }
}

}  // namespace

std::int64_t ExpertWeights::bytes() const {
    std::int64_t words = 0;
    for (const Piece& p : pieces) words += p.gate.words() + p.up.words() + p.down.words();
    return 4 * words;
}

ExpertWeights store_experts(const GlDevice& device, std::span<const ConstView> weights, bool half) {
    ExpertWeights w;
    w.experts = static_cast<std::int64_t>(weights.size()) / 3;
    w.inter = weights[0].shape[0];
    w.dim = weights[0].shape[1];
    w.half = half;
    const auto each = w.inter * w.dim, size = words_of(each, half) * 4;
    const DeviceLimits& limits = device.info.limits;
    const auto room = std::min(limits.block_bytes - limits.alignment - 16,
                               4 * (limits.texels - limits.alignment));
    if (size > room)
        throw DeviceError("the weights of one expert, " + std::to_string(size) +
                          " bytes, do not fit the device's blocks of " +
                          std::to_string(limits.block_bytes) + " bytes");
    const auto together = room / size;
    std::vector<float> numbers;
    const auto stored = [&](std::int64_t first, std::int64_t count, std::size_t which) {
        numbers.clear();
        for (std::int64_t e = first; e < first + count; ++e) {
            const Real* from = weights[static_cast<std::size_t>(3 * e) + which].real;
            numbers.insert(numbers.end(), from, from + each);
        }
        GlBuffer buffer(words_of(each * count, half));
        store(buffer, 0, numbers, half);
        return buffer;
    };
    for (std::int64_t e = 0; e < w.experts; e += together) {
        const auto count = std::min(together, w.experts - e);
        w.pieces.push_back(
            {e, count, stored(e, count, 0), stored(e, count, 1), stored(e, count, 2)});
    }
    return w;
}

void ExpertKernels::grow(GlBuffer& buffer, std::int64_t words) {
    if (buffer.words() < words) {
        buffer = GlBuffer();
        buffer = GlBuffer(words);
    }
}

void ExpertKernels::run(GlLauncher& l, const ExpertsJob& j) {
    const ExpertWeights& w = *j.weights;
    const auto most = l.most_numbers(false);
    if (j.tokens <= 0) return;
    if (j.tokens * j.top_k * std::max(w.dim, w.inter) <= most &&
        j.tokens <= l.device.info.limits.groups[1])
        return run_whole(l, j);
    if (j.tokens == 1)
        throw DeviceError("one token's rows for its experts do not fit the device's blocks of " +
                          std::to_string(l.device.info.limits.block_bytes) + " bytes");
    const auto part = [&](std::int64_t first, std::int64_t count) {
        ExpertsJob some = j;
        some.x.offset += first * w.dim;
        some.y.offset += first * w.dim;
        some.tokens = count;
        const auto begin = static_cast<std::size_t>(first * j.top_k),
                   size = static_cast<std::size_t>(count * j.top_k);
        some.indices = j.indices.subspan(begin, size);
        some.gates = j.gates.subspan(begin, size);
        run(l, some);
    };
    part(0, j.tokens / 2);
    part(j.tokens / 2, j.tokens - j.tokens / 2);
}

void ExpertKernels::run_whole(GlLauncher& l, const ExpertsJob& j) {
    const ExpertWeights& w = *j.weights;
    const auto slots = j.tokens * j.top_k;
    std::vector<std::int64_t> load(static_cast<std::size_t>(w.experts)),
        order(static_cast<std::size_t>(slots));
    for (const std::int64_t e : j.indices) ++load[static_cast<std::size_t>(e)];
    order_slots(j.indices.data(), slots, load.data(), w.experts, order.data());
    const auto row_of = inverse(order.data(), slots);
    for (std::int64_t& slot : order) slot /= j.top_k;
    const std::vector<ExpertTile> tiles = expert_tiles(load, product_tiles(l.variant).rows);

    grow(hidden_, slots * w.inter);
    grow(outs_, slots * w.dim);
    grow(token_of_, slots);
    grow(row_of_, slots);
    grow(gates_, slots);
    grow(tiles_, 4 * static_cast<std::int64_t>(tiles.size()));
    token_of_.write(0, words(order));
    row_of_.write(0, words(row_of));
    gates_.write(0, j.gates);

    std::vector<std::int64_t> table;
    std::size_t begin = 0;
    for (const ExpertTile& t : tiles) {
        const auto piece = std::find_if(w.pieces.begin(), w.pieces.end(), [&](const auto& p) {
            return t.expert < p.first + p.count;
        });
        table.insert(table.end(), {t.expert - piece->first, t.first, t.rows, 0});
    }
    tiles_.write(0, words(table));
    for (const ExpertWeights::Piece& piece : w.pieces) {
        std::size_t end = begin;
        while (end < tiles.size() && tiles[end].expert < piece.first + piece.count) ++end;
        const auto list = std::span(tiles).subspan(begin, end - begin);
        const auto first = static_cast<std::int64_t>(begin);
        const auto weight = piece.count * w.inter * w.dim;
        begin = end;
        if (list.empty()) continue;
        run_grouped(l,
                    {"experts gate and up",
                     j.x,
                     {&piece.gate, 0, w.half},
                     {&piece.up, 0, w.half},
                     {&hidden_},
                     &tiles_,
                     &token_of_,
                     j.tokens * w.dim,
                     weight,
                     slots * w.inter,
                     slots,
                     w.inter,
                     w.dim,
                     true},
                    list, first);
        run_grouped(l,
                    {"experts down",
                     {&hidden_},
                     {&piece.down, 0, w.half},
                     {},
                     {&outs_},
                     &tiles_,
                     &token_of_,
                     slots * w.inter,
                     weight,
                     slots * w.dim,
                     slots,
                     w.dim,
                     w.inter,
                     false},
                    list, first);
    }

    GlProgram& p = l.program("combine.comp", {});
    p.set("out_begin", l.storage(0, {&outs_}, slots * w.dim));
    l.storage(1, {&row_of_}, slots);
    l.storage(2, {&gates_}, slots);
    p.set("y_begin", l.storage(3, j.y, j.tokens * w.dim));
    p.set("columns", w.dim);
    p.set("top_k", j.top_k);
    const auto n = static_cast<double>(j.tokens * w.dim), k = static_cast<double>(j.top_k);
    l.run(p, {"experts combine", {(w.dim + 63) / 64, j.tokens, 1}, 0, 2 * n * k, 4 * n * (k + 1)});
}

}  // namespace sf
