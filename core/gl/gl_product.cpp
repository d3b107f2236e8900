#include "core/gl/gl_parts.h"

#include "core/error.h"

#include <algorithm>

namespace sf {

namespace {

std::int64_t blocks(std::int64_t n, std::int64_t size) {
    return (n + size - 1) / size;
}

// How far a job reaches in each of its three operands.
struct Reach {
    std::int64_t x, w, y;
    explicit Reach(const ProductJob& j)
        : x((j.times - 1) * j.x_step + (j.rows - 1) * j.x_row + j.depth),
          w((j.times - 1) * j.w_step + (j.columns - 1) * j.w_column + (j.depth - 1) * j.w_term + 1),
          y((j.times - 1) * j.y_step + (j.rows - 1) * j.y_row + j.columns) {}
};

bool is_aligned(const ProductJob& j) {
    return j.w_term == 1 && multiple_of_four(j.x.offset | j.x_row | j.x_step) &&
           multiple_of_four(j.w.offset | j.w_column | j.w_step) && multiple_of_four(j.depth);
}

void run_whole(GlLauncher& l, const ProductJob& j, const Reach& reach) {
    const bool aligned = is_aligned(j);
    const ProductTiles tiles = product_tiles(l.variant);
    std::vector<std::string> defines{"ROWS 8", "LOCAL_ROWS " + std::to_string(tiles.rows / 8),
                                     "COLUMNS " + std::to_string(tiles.columns / 8)};
    if (aligned) defines.emplace_back("ALIGNED");
    if (j.w.half) defines.emplace_back("HALF");
    GlProgram& p = l.program("product.comp", std::move(defines));
    p.set("x_begin", l.input(0, j.x, reach.x, aligned));
    p.set("w_begin", l.input(1, j.w, reach.w, aligned));
    p.set("y_begin", l.storage(3, j.y, reach.y));
    p.set("rows", j.rows);
    p.set("columns", j.columns);
    p.set("depth", j.depth);
    p.set("x_row", j.x_row);
    p.set("x_step", j.x_step);
    p.set("w_column", j.w_column);
    p.set("w_term", j.w_term);
    p.set("w_step", j.w_step);
    p.set("y_row", j.y_row);
    p.set("y_step", j.y_step);
    const auto across = blocks(j.columns, tiles.columns), down = blocks(j.rows, tiles.rows);
    const auto r = static_cast<double>(j.rows), c = static_cast<double>(j.columns),
               k = static_cast<double>(j.depth), n = static_cast<double>(j.times);
    GlLauncher::Work work{"product", {across, down, j.times}};
    if (l.variant != KernelVariant::registers) work.shared_bytes = 2 * 16 * 68 * 4;
    work.flops = 2 * r * c * k * n;
    work.bytes = n * (4 * r * k * static_cast<double>(across) +
                      (j.w.half ? 2 : 4) * c * k * static_cast<double>(down) + 4 * r * c);
    l.run(p, work);
}

ProductJob some_rows(ProductJob j, std::int64_t first, std::int64_t count) {
    j.x.offset += first * j.x_row;
    j.y.offset += first * j.y_row;
    j.rows = count;
    return j;
}
ProductJob some_columns(ProductJob j, std::int64_t first, std::int64_t count) {
    j.w.offset += first * j.w_column;
    j.y.offset += first;
    j.columns = count;
    return j;
}
ProductJob some_times(ProductJob j, std::int64_t first, std::int64_t count) {
    j.x.offset += first * j.x_step;
    j.w.offset += first * j.w_step;
    j.y.offset += first * j.y_step;
    j.times = count;
    return j;
}

// About half of n, in whole tiles.
std::int64_t half_of(std::int64_t n, std::int64_t tile) {
    return n <= tile ? n / 2 : blocks(n / 2, tile) * tile;
}

}  // namespace

void run_product(GlLauncher& l, const ProductJob& j) {
    if (j.rows <= 0 || j.columns <= 0 || j.times <= 0) return;
    const Reach reach(j);
    const auto most = l.most_numbers(false), most_w = l.most_numbers(j.w.half);
    const auto& groups = l.device.info.limits.groups;
    const ProductTiles tiles = product_tiles(l.variant);
    const bool wide = reach.w > most_w, tall = reach.x > most || reach.y > most;
    const bool many_rows = blocks(j.rows, tiles.rows) > groups[1];
    const bool many_columns = blocks(j.columns, tiles.columns) > groups[0];
    if (!wide && !tall && !many_rows && !many_columns && j.times <= groups[2])
        return run_whole(l, j, reach);
    const auto halves = [&](auto some, std::int64_t n, std::int64_t tile) {
        const auto first = half_of(n, tile);
        run_product(l, some(j, 0, first));
        run_product(l, some(j, first, n - first));
    };
    if (j.times > 1 && (wide || j.times > groups[2])) return halves(some_times, j.times, 1);
    if (j.columns > 1 && (many_columns || (wide && j.w_column >= j.w_term)))
        return halves(some_columns, j.columns, tiles.columns);
    if (j.rows > 1 && (many_rows || (tall && !wide))) return halves(some_rows, j.rows, tiles.rows);
    if (j.times > 1 && !wide) return halves(some_times, j.times, 1);
    if (j.columns > 1 && !wide && reach.x <= most)
        return halves(some_columns, j.columns, tiles.columns);
    throw DeviceError("a product of depth " + std::to_string(j.depth) +
                      " has rows that do not fit the device's blocks of " +
                      std::to_string(l.device.info.limits.block_bytes) + " bytes");
}

ProductJob linear_job(GlSlice x, GlSlice w, GlSlice y, std::int64_t rows, std::int64_t columns,
                      std::int64_t depth) {
    ProductJob j{x, w, y, rows, columns, depth};
    j.x_row = depth;
    j.y_row = columns;
    j.w_column = depth;
    return j;
}

ProductJob absorb_q_job(GlSlice q, GlSlice kv_b, GlSlice y, const Attrs& a, std::int64_t rows,
                        std::int64_t rank) {
    ProductJob j{q, kv_b, y, rows, rank, a.nope};
    j.x_row = a.heads * (a.nope + a.rope);
    j.y_row = a.heads * rank;
    j.w_column = 1;
    j.w_term = rank;
    j.times = a.heads;
    j.x_step = a.nope + a.rope;
    j.w_step = (a.nope + a.value) * rank;
    j.y_step = rank;
    return j;
}

ProductJob expand_v_job(GlSlice x, GlSlice kv_b, GlSlice y, const Attrs& a, std::int64_t rows,
                        std::int64_t rank) {
    kv_b.offset += a.nope * rank;
    ProductJob j{x, kv_b, y, rows, a.value, rank};
    j.x_row = a.heads * rank;
    j.y_row = a.heads * a.value;
    j.w_column = rank;
    j.times = a.heads;
    j.x_step = rank;
    j.w_step = (a.nope + a.value) * rank;
    j.y_step = a.value;
    return j;
}

}  // namespace sf
