// Causal attention with an online softmax over tiles of KEYS keys: after each, the running maximum
// m, the running sum d of e^(score - m) and the running output o (FlashAttention, algorithm 1). A
// work group takes QUERIES rows that share their keys - the queries of `share` heads, token by
// token - and at most WIDTH columns of the values.
#define KEYS 32
INPUT(0, q)
INPUT(1, q_pe)
STORED(2, key)
STORED(3, k_pe)
STORED(4, value)
layout(std430, binding = 5) writeonly buffer out_block { float y[]; };  // (B, T, heads, width)
#ifdef ONLINE
layout(std430, binding = 6) writeonly buffer online_block { vec2 online[]; };  // (B, heads, T, tiles)
uniform int online_begin, online_batch, online_head, online_tiles;
#endif
// Element i of token t, head h, sequence b: begin + b batch + t row + h head + i.
uniform int q_begin, q_batch, q_row, q_head;
uniform int q_pe_begin, q_pe_batch, q_pe_row, q_pe_head;
uniform int key_begin, key_batch, key_row, key_head;
uniform int k_pe_begin, k_pe_batch, k_pe_row, k_pe_head;
uniform int value_begin, value_batch, value_row, value_head;
uniform int y_begin, y_batch, y_row;
uniform int tokens, past, share, content, rope, width, slices;
uniform float scale;

#define minus_infinity uintBitsToFloat(0xFF800000u)

// Where the work group stands: a tile of rows, the heads' common keys, a sequence, columns.
struct Place {
    int first, g, b, column, key, k_pe, value;
};
Place place() {
    Place p;
    p.first = int(gl_WorkGroupID.x) * QUERIES;
    p.g = int(gl_WorkGroupID.y);
    p.b = int(gl_WorkGroupID.z) / slices;
    p.column = int(gl_WorkGroupID.z) % slices * WIDTH;
    p.key = key_begin + p.b * key_batch + p.g * key_head;
    p.k_pe = k_pe_begin + p.b * k_pe_batch + p.g * k_pe_head;
    p.value = value_begin + p.b * value_batch + p.g * value_head + p.column;
    return p;
}
int row_count() { return tokens * share; }
int head_of(Place p, int r) { return p.g * share + r % share; }
int q_of(Place p, int r) {
    return q_begin + p.b * q_batch + r / share * q_row + head_of(p, r) * q_head;
}
int q_pe_of(Place p, int r) {
    return q_pe_begin + p.b * q_pe_batch + r / share * q_pe_row + head_of(p, r) * q_pe_head;
}
int y_of(Place p, int r) {
    return y_begin + p.b * y_batch + r / share * y_row + head_of(p, r) * width + p.column;
}
// How many keys row r sees.
int seen(int r) { return past + r / share + 1; }
#ifdef ONLINE
void keep_online(Place p, int r, int tile, float m, float d) {
    if (p.column == 0)
        online[online_begin + p.b * online_batch + head_of(p, r) * online_head +
               r / share * online_tiles + tile] = vec2(m, d);
}
#endif

#ifdef REGISTERS

// An invocation takes ROWS rows through all tiles by itself, 8 keys at a time, all in registers.
layout(local_size_x = INVOCATIONS) in;

// Columns from c on of the values that begin at `at`; those beyond the last one repeat it.
vec4 four_values(int at, int c, int columns) {
#ifdef ALIGNED
    return LOAD_STORED(value, at + min(c, columns - 4));
#else
    return vec4(LOAD_STORED(value, at + min(c, columns - 1)),
                LOAD_STORED(value, at + min(c + 1, columns - 1)),
                LOAD_STORED(value, at + min(c + 2, columns - 1)),
                LOAD_STORED(value, at + min(c + 3, columns - 1)));
#endif
}

void main() {
    Place p = place();
    int r0 = p.first + int(gl_LocalInvocationID.x) * ROWS;
    if (r0 >= row_count()) return;
    int last = min(r0 + ROWS, row_count()) - 1;
    int context = past + tokens, columns = min(WIDTH, width - p.column);
    int qs[ROWS], qps[ROWS];
    float m[ROWS], d[ROWS];
    vec4 o[ROWS][WIDTH / 4];
    for (int i = 0; i < ROWS; ++i) {
        qs[i] = q_of(p, min(r0 + i, last));
        qps[i] = q_pe_of(p, min(r0 + i, last));
        m[i] = minus_infinity;
        d[i] = 0.0;
        for (int c = 0; c < WIDTH / 4; ++c) o[i][c] = vec4(0.0);
    }
    for (int key0 = 0; key0 < seen(last); key0 += 8) {
        float s[ROWS][8];
        int ks[8], kps[8], vs[8];
        for (int j = 0; j < 8; ++j) {
            int k = min(key0 + j, context - 1);
            ks[j] = p.key + k * key_row;
            kps[j] = p.k_pe + k * k_pe_row;
            vs[j] = p.value + k * value_row;
            for (int i = 0; i < ROWS; ++i) s[i][j] = 0.0;
        }
        for (int t = 0; t < content; t += at_once) {
            NUMBERS kt[8];
            for (int j = 0; j < 8; ++j) kt[j] = LOAD_STORED(key, ks[j] + t);
            for (int i = 0; i < ROWS; ++i) {
                NUMBERS qt = LOAD(q, qs[i] + t);
                for (int j = 0; j < 8; ++j) multiply_add(s[i][j], qt, kt[j]);
            }
        }
        for (int t = 0; t < rope; t += at_once) {
            NUMBERS kt[8];
            for (int j = 0; j < 8; ++j) kt[j] = LOAD_STORED(k_pe, kps[j] + t);
            for (int i = 0; i < ROWS; ++i) {
                NUMBERS qt = LOAD(q_pe, qps[i] + t);
                for (int j = 0; j < 8; ++j) multiply_add(s[i][j], qt, kt[j]);
            }
        }
        for (int i = 0; i < ROWS; ++i) {
            float top = m[i];
            for (int j = 0; j < 8; ++j) {
                s[i][j] = key0 + j < seen(r0 + i) ? s[i][j] * scale : minus_infinity;
                top = max(top, s[i][j]);
            }
            float shrink = exp(m[i] - top), sum = 0.0;
            for (int j = 0; j < 8; ++j) {
                s[i][j] = exp(s[i][j] - top);
                sum += s[i][j];
            }
            m[i] = top;
            d[i] = d[i] * shrink + sum;
            for (int c = 0; c < WIDTH / 4; ++c) o[i][c] *= shrink;
#ifdef ONLINE
            if (r0 + i <= last && (key0 % KEYS == KEYS - 8 || key0 + 8 >= seen(last)))
                keep_online(p, r0 + i, key0 / KEYS, m[i], d[i]);
#endif
        }
        for (int c = 0; c < WIDTH / 4; ++c)
            for (int j = 0; j < 8; ++j) {
                vec4 v = four_values(vs[j], 4 * c, columns);
                for (int i = 0; i < ROWS; ++i) o[i][c] += s[i][j] * v;
            }
    }
    for (int i = 0; i < ROWS; ++i) {
        if (r0 + i > last) break;
        int at = y_of(p, r0 + i);
        // A compiler for the CPU takes its time over each place that stores: let there be few.
        for (int c = 0; c < columns; ++c) {
            vec4 four = o[i][0];
            for (int n = 0; n < WIDTH / 4; ++n) four = n == c / 4 ? o[i][n] : four;
            y[at + c] = four[c % 4] / d[i];
        }
    }
}

#else

// 256 invocations share a tile's scores: 4 rows by 2 keys each, 16 terms at a time in shared
// memory; then 4 rows by 4 columns of the output, 64 columns of 32 values at a time.
layout(local_size_x = 256) in;
const int q_pad = 68, key_pad = 36;
shared float qs[16 * q_pad];         // term, row
shared float ks[16 * key_pad];       // term, key
shared float ps[KEYS * q_pad];       // key, row: e^(score - m)
shared float vs[KEYS * 64];          // key, column

#ifdef SUBGROUPS
int invocation() { return int(gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID); }
vec4 row_maximum(vec4 x) { return subgroupClusteredMax(x, 16u); }
vec4 row_sum(vec4 x) { return subgroupClusteredAdd(x, 16u); }
#else
int invocation() { return int(gl_LocalInvocationIndex); }
// Of the 16 invocations that share four rows.
shared vec4 parts[256];
vec4 row_maximum(vec4 x) {
    int id = invocation();
    barrier();
    parts[id] = x;
    barrier();
    for (int i = 0; i < 16; ++i) x = max(x, parts[id / 16 * 16 + i]);
    return x;
}
vec4 row_sum(vec4 x) {
    int id = invocation();
    barrier();
    parts[id] = x;
    barrier();
    vec4 sum = vec4(0.0);
    for (int i = 0; i < 16; ++i) sum += parts[id / 16 * 16 + i];
    return sum;
}
#endif

// Terms are those of the content, then those of the position.
NUMBERS q_term(int at, int pe_at, int t) {
    if (t < content) return LOAD(q, at + t);
    return t < content + rope ? LOAD(q_pe, pe_at + t - content) : NUMBERS(0.0);
}
NUMBERS key_term(Place p, int k, int t) {
    if (t < content) return LOAD_STORED(key, p.key + k * key_row + t);
    return t < content + rope ? LOAD_STORED(k_pe, p.k_pe + k * k_pe_row + t - content)
                              : NUMBERS(0.0);
}
#ifdef ALIGNED
// Each invocation brings four terms of a row; half of them four of a key.
void bring_terms(Place p, int id, int t0, int key0, int row_end, int context) {
    int mine = id / 4, t = id % 4 * 4;
    int r = min(p.first + mine, row_end - 1);
    vec4 four = q_term(q_of(p, r), q_pe_of(p, r), t0 + t);
    for (int i = 0; i < 4; ++i) qs[(t + i) * q_pad + mine] = four[i];
    if (mine >= KEYS) return;
    four = key_term(p, min(key0 + mine, context - 1), t0 + t);
    for (int i = 0; i < 4; ++i) ks[(t + i) * key_pad + mine] = four[i];
}
void bring_values(Place p, int id, int c0, int key0, int columns, int context) {
    for (int i = id; i < KEYS * 16; i += 256) {
        int k = i / 16, c = i % 16 * 4;
        int at = p.value + min(key0 + k, context - 1) * value_row + c0 + c;
        vec4 four = c0 + c < columns ? LOAD_STORED(value, at) : vec4(0.0);
        for (int n = 0; n < 4; ++n) vs[k * 64 + c + n] = four[n];
    }
}
#else
void bring_terms(Place p, int id, int t0, int key0, int row_end, int context) {
    int t = id % 16;
    for (int mine = id / 16; mine < 64; mine += 16) {
        int r = min(p.first + mine, row_end - 1);
        qs[t * q_pad + mine] = q_term(q_of(p, r), q_pe_of(p, r), t0 + t);
    }
    for (int mine = id / 16; mine < KEYS; mine += 16)
        ks[t * key_pad + mine] = key_term(p, min(key0 + mine, context - 1), t0 + t);
}
void bring_values(Place p, int id, int c0, int key0, int columns, int context) {
    for (int i = id; i < KEYS * 64; i += 256) {
        int k = i / 64, c = i % 64;
        int at = p.value + min(key0 + k, context - 1) * value_row + c0 + c;
        vs[i] = c0 + c < columns ? LOAD_STORED(value, at) : 0.0;
    }
}
#endif

void main() {
    Place p = place();
    int id = invocation(), tx = id % 16, ty = id / 16 * 4;
    int row_end = min(p.first + QUERIES, row_count());
    int context = past + tokens, columns = min(WIDTH, width - p.column);
    vec4 m = vec4(minus_infinity), d = vec4(0.0);
    vec4 o[4][WIDTH / 64];
    for (int i = 0; i < 4; ++i)
        for (int c = 0; c < WIDTH / 64; ++c) o[i][c] = vec4(0.0);

    for (int key0 = 0; key0 < seen(row_end - 1); key0 += KEYS) {
        vec4 s0 = vec4(0.0), s1 = vec4(0.0);  // four rows against keys tx and tx + 16
        for (int t0 = 0; t0 < content + rope; t0 += 16) {
            bring_terms(p, id, t0, key0, row_end, context);
            barrier();
            for (int t = 0; t < 16; ++t) {
                vec4 rows = vec4(qs[t * q_pad + ty], qs[t * q_pad + ty + 1],
                                 qs[t * q_pad + ty + 2], qs[t * q_pad + ty + 3]);
                s0 += rows * ks[t * key_pad + tx];
                s1 += rows * ks[t * key_pad + tx + 16];
            }
            barrier();
        }
        for (int i = 0; i < 4; ++i) {
            int visible = min(seen(p.first + ty + i), context) - key0;
            s0[i] = tx < visible ? s0[i] * scale : minus_infinity;
            s1[i] = tx + 16 < visible ? s1[i] * scale : minus_infinity;
        }
        vec4 top = max(m, row_maximum(max(s0, s1)));
        vec4 shrink = exp(m - top);
        s0 = exp(s0 - top);
        s1 = exp(s1 - top);
        m = top;
        d = d * shrink + row_sum(s0 + s1);
        for (int i = 0; i < 4; ++i) {
            ps[tx * q_pad + ty + i] = s0[i];
            ps[(tx + 16) * q_pad + ty + i] = s1[i];
            for (int c = 0; c < WIDTH / 64; ++c) o[i][c] *= shrink[i];
#ifdef ONLINE
            if (tx == 0 && p.first + ty + i < row_end)
                keep_online(p, p.first + ty + i, key0 / KEYS, m[i], d[i]);
#endif
        }
        for (int c = 0; c < WIDTH / 64; ++c) {
            if (64 * c >= columns) break;
            bring_values(p, id, 64 * c, key0, columns, context);
            barrier();
            for (int k = 0; k < KEYS; ++k) {
                int at = k * 64 + tx * 4;
                vec4 v = vec4(vs[at], vs[at + 1], vs[at + 2], vs[at + 3]);
                for (int i = 0; i < 4; ++i) o[i][c] += ps[k * q_pad + ty + i] * v;
            }
            barrier();
        }
    }
    for (int i = 0; i < 4; ++i) {
        int r = p.first + ty + i;
        if (r >= row_end) break;
        for (int c = 0; c < WIDTH / 64; ++c)
            for (int n = 0; n < 4; ++n) {
                int column = 64 * c + 4 * tx + n;
                if (column < columns) y[y_of(p, r) + column] = o[i][c][n] / d[i];
            }
    }
}

#endif
