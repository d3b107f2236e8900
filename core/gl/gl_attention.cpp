#include "core/gl/gl_parts.h"

#include "core/error.h"
#include "core/graph/kernel_work.h"
#include "core/ops/attention_layout.h"

#include <algorithm>

namespace sf {

namespace {

std::int64_t key_heads(const AttentionJob& j) {
    return j.heads / j.key.share;
}
// From the first number of head 0 of sequence 0 to the last of the last head of the last sequence.
std::int64_t reach(const AttentionJob& j, const HeadRows& r, std::int64_t rows,
                   std::int64_t width) {
    return (j.batch - 1) * r.batch + (rows - 1) * r.row + (j.heads / r.share - 1) * r.head + width;
}
struct Reach {
    std::int64_t q, q_pe, key, k_pe, value, out;
    explicit Reach(const AttentionJob& j)
        : q(reach(j, j.q, j.tokens, j.content)),
          q_pe(reach(j, j.q_pe, j.tokens, j.rope)),
          key(reach(j, j.key, j.context(), j.content)),
          k_pe(reach(j, j.k_pe, j.context(), j.rope)),
          value(reach(j, j.value, j.context(), j.width)),
          out(j.batch * j.tokens * j.heads * j.width) {}
    std::int64_t queries() const { return std::max({q, q_pe, out}); }
    std::int64_t keys() const { return std::max({key, k_pe, value}); }
};

bool is_aligned(const AttentionJob& j) {
    const auto rows = [](const HeadRows& r) {
        return multiple_of_four(r.slice.offset | r.batch | r.row | r.head);
    };
    return rows(j.q) && rows(j.key) && rows(j.value) && multiple_of_four(j.content | j.width) &&
           (j.rope == 0 || (rows(j.q_pe) && rows(j.k_pe) && multiple_of_four(j.rope)));
}

// Where m and d of the whole job go; parts write theirs among them.
struct Online {
    GlBuffer buffer;
    std::int64_t tiles = 0, heads = 0, tokens = 0;  // of the whole job
    std::int64_t first_sequence = 0, first_token = 0;
};

struct Counts {
    double flops = 0, bytes = 0;
};
Counts counts(const AttentionJob& j, const AttentionTiles& tiles, std::int64_t slices) {
    const auto share = j.key.share, rows = j.tokens * share;
    const double k = static_cast<double>(j.content + j.rope), w = static_cast<double>(j.width),
                 each = static_cast<double>(j.batch * key_heads(j)),
                 parts = static_cast<double>(slices), stored = j.key.slice.half ? 2 : 4;
    AttentionWork work{j.batch, j.heads, share, j.tokens, j.context()};
    work.key_width = j.content + j.rope;
    work.value_width = j.width;
    Counts c{work.flops()};
    for (std::int64_t r = 0; r < rows; r += tiles.queries) {
        const auto last = std::min(rows, r + tiles.queries) - 1;
        const auto q = static_cast<double>(last + 1 - r),
                   keys = static_cast<double>(j.past + last / share + 1);
        c.bytes += each * (4 * q * (parts * k + w) + stored * keys * (parts * k + w));
    }
    return c;
}

void set_rows(GlProgram& p, const std::string& name, const HeadRows& r, std::int64_t begin) {
    p.set((name + "_begin").c_str(), begin);
    p.set((name + "_batch").c_str(), r.batch);
    p.set((name + "_row").c_str(), r.row);
    p.set((name + "_head").c_str(), r.head);
}

void run_whole(GlLauncher& l, const AttentionJob& j, const Reach& reach, Online* online) {
    const AttentionTiles tiles = attention_tiles(l.variant, j.content + j.rope, j.width);
    const bool aligned = is_aligned(j);
    std::vector<std::string> defines{"QUERIES " + std::to_string(tiles.queries), "ROWS 4",
                                     "INVOCATIONS " + std::to_string(tiles.queries / 4),
                                     "WIDTH " + std::to_string(tiles.columns)};
    if (aligned) defines.emplace_back("ALIGNED");
    if (j.key.slice.half) defines.emplace_back("HALF");
    if (online) defines.emplace_back("ONLINE");
    GlProgram& p = l.program("attention.comp", std::move(defines));
    set_rows(p, "q", j.q, l.input(0, j.q.slice, reach.q, aligned));
    set_rows(p, "key", j.key, l.input(2, j.key.slice, reach.key, aligned));
    set_rows(p, "value", j.value, l.input(4, j.value.slice, reach.value, aligned));
    if (j.rope > 0) {
        set_rows(p, "q_pe", j.q_pe, l.input(1, j.q_pe.slice, reach.q_pe, aligned));
        set_rows(p, "k_pe", j.k_pe, l.input(3, j.k_pe.slice, reach.k_pe, aligned));
    }
    p.set("y_begin", l.storage(5, j.out, reach.out));
    p.set("y_row", j.heads * j.width);
    p.set("y_batch", j.tokens * j.heads * j.width);
    p.set("tokens", j.tokens);
    p.set("past", j.past);
    p.set("share", j.key.share);
    p.set("content", j.content);
    p.set("rope", j.rope);
    p.set("width", j.width);
    p.set("scale", j.scale);
    if (online) {
        const auto head = online->tokens * online->tiles, batch = online->heads * head;
        p.set("online_begin", online->first_sequence * batch + online->first_token * online->tiles);
        p.set("online_batch", batch);
        p.set("online_head", head);
        p.set("online_tiles", online->tiles);
        l.storage(6, {&online->buffer}, online->buffer.words());
    }
    const auto slices = (j.width + tiles.columns - 1) / tiles.columns;
    p.set("slices", slices);
    GlLauncher::Work work{"attention",
                          {(j.tokens * j.key.share + tiles.queries - 1) / tiles.queries,
                           key_heads(j), j.batch * slices}};
    if (l.variant != KernelVariant::registers)
        work.shared_bytes = 4 * (16 * (68 + 36) + 32 * (68 + 64)) +
                            (l.variant == KernelVariant::shared ? 256 * 16 : 0);
    const Counts c = counts(j, tiles, slices);
    work.flops = c.flops;
    work.bytes = c.bytes;
    l.run(p, work);
}

AttentionJob some_sequences(AttentionJob j, std::int64_t first, std::int64_t count) {
    for (HeadRows* r : {&j.q, &j.q_pe, &j.key, &j.k_pe, &j.value})
        r->slice.offset += first * r->batch;
    j.out.offset += first * j.tokens * j.heads * j.width;
    j.batch = count;
    return j;
}
// Of one sequence: what comes before is past.
AttentionJob some_tokens(AttentionJob j, std::int64_t first, std::int64_t count) {
    for (HeadRows* r : {&j.q, &j.q_pe}) r->slice.offset += first * r->row;
    j.out.offset += first * j.heads * j.width;
    j.past += first;
    j.tokens = count;
    return j;
}

void run_parts(GlLauncher& l, const AttentionJob& j, Online* online) {
    const Reach reach(j);
    const auto& groups = l.device.info.limits.groups;
    const AttentionTiles tiles = attention_tiles(l.variant, j.content + j.rope, j.width);
    const auto slices = (j.width + tiles.columns - 1) / tiles.columns;
    const bool rows_fit = reach.queries() <= l.most_numbers(false) &&
                          (j.tokens * j.key.share + tiles.queries - 1) / tiles.queries <= groups[0];
    const bool keys_fit = reach.keys() <= l.most_numbers(j.key.slice.half);
    if (rows_fit && keys_fit && j.batch * slices <= groups[2] && key_heads(j) <= groups[1])
        return run_whole(l, j, reach, online);
    const auto part = [&](auto some, std::int64_t first, std::int64_t count,
                          std::int64_t Online::*at) {
        if (online) online->*at += first;
        run_parts(l, some(j, first, count), online);
        if (online) online->*at -= first;
    };
    const auto halves = [&](auto some, std::int64_t n, std::int64_t Online::*at) {
        part(some, 0, n / 2, at);
        part(some, n / 2, n - n / 2, at);
    };
    if (j.batch > 1) return halves(some_sequences, j.batch, &Online::first_sequence);
    if (j.tokens > 1 && !rows_fit) return halves(some_tokens, j.tokens, &Online::first_token);
    throw DeviceError("attention over " + std::to_string(j.context()) + " keys of " +
                      std::to_string(key_heads(j)) + " heads does not fit the device's blocks of " +
                      std::to_string(l.device.info.limits.block_bytes) + " bytes");
}

// Tiles that a row sees nothing of change nothing.
void fill_record(const AttentionJob& j, const Online& online, OnlineRecord& record) {
    const auto rows = j.batch * j.heads * j.tokens, n = online.tiles;
    std::vector<float> pairs(static_cast<std::size_t>(2 * rows * n));
    online.buffer.read(0, pairs);
    record.keys = attention_tile;
    record.tiles = n;
    record.m.resize(static_cast<std::size_t>(rows * n));
    record.d.resize(record.m.size());
    for (std::int64_t r = 0; r < rows; ++r) {
        const auto last = (j.past + r % j.tokens) / attention_tile;
        for (std::int64_t i = 0; i < n; ++i) {
            const auto from = static_cast<std::size_t>(2 * (r * n + std::min(i, last)));
            const auto to = static_cast<std::size_t>(r * n + i);
            record.m[to] = pairs[from];
            record.d[to] = pairs[from + 1];
        }
    }
}

}  // namespace

void run_attention(GlLauncher& l, const AttentionJob& j) {
    if (j.key.slice.half != j.value.slice.half ||
        (j.rope > 0 && j.key.slice.half != j.k_pe.slice.half))
        throw ShapeError("attention", "needs keys and values stored alike");
    if (!j.online) return run_parts(l, j, nullptr);
    Online online;
    online.tiles = (j.context() + attention_tile - 1) / attention_tile;
    online.heads = j.heads;
    online.tokens = j.tokens;
    const auto numbers = 2 * j.batch * j.heads * j.tokens * online.tiles;
    if (numbers > l.most_numbers(false))
        throw DeviceError("a record of m and d after each tile of " + std::to_string(j.context()) +
                          " keys does not fit one block of the device");
    online.buffer = GlBuffer(numbers);
    run_parts(l, j, &online);
    fill_record(j, online, *j.online);
}

AttentionJob attention_job(const Attrs& a, const Shape& q, const Shape& keys,
                           std::span<const GlSlice> inputs, GlSlice out) {
    const auto h0 = head_layout(a, q, keys, 0, 0);
    const bool shared = keys.rank == 3;
    const auto groups = shared ? 1 : a.kv_heads > 0 ? a.kv_heads : a.heads;
    const auto share = a.heads / groups;
    const auto b1 = head_layout(a, q, keys, 1, 0);
    const auto rows = [&](std::size_t input, Rows HeadLayout::*which, std::int64_t heads_apart) {
        const auto next = head_layout(a, q, keys, 0, std::min(heads_apart, a.heads - 1));
        HeadRows r;
        r.slice = inputs[input];
        r.slice.offset += (h0.*which).begin;
        r.batch = (b1.*which).begin - (h0.*which).begin;
        r.row = (h0.*which).ld;
        r.head = (next.*which).begin - (h0.*which).begin;
        r.share = heads_apart;
        return r;
    };
    AttentionJob j;
    j.q = rows(0, &HeadLayout::q, 1);
    j.q_pe = rows(1, &HeadLayout::q_pe, 1);
    j.key = rows(2, &HeadLayout::key, share);
    j.k_pe = rows(h0.k_pe_in, &HeadLayout::k_pe, share);
    j.value = rows(h0.value_in, &HeadLayout::value, share);
    j.out = out;
    j.batch = q[0];
    j.tokens = q[1];
    j.past = keys[1] - q[1];
    j.heads = a.heads;
    j.content = h0.content;
    j.rope = h0.rope;
    j.width = shared ? h0.content : h0.width;
    j.scale = static_cast<float>(a.scale);
    return j;
}

}  // namespace sf
