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

const float minus_infinity = uintBitsToFloat(0xFF800000u);

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

// An invocation takes ROWS rows through all tiles by itself: 8 keys or columns at a time.
layout(local_size_x = INVOCATIONS) in;
float s[ROWS * KEYS];   // scores, then e^(score - m)
float o[ROWS * WIDTH];

void scores(Place p, int r0, int key0, int context, int to) {
    int qs[ROWS], qps[ROWS], ks[8], kps[8];
    float sum[ROWS][8];
    for (int i = 0; i < ROWS; ++i) {
        int r = min(r0 + i, row_count() - 1);
        qs[i] = q_of(p, r);
        qps[i] = q_pe_of(p, r);
        for (int j = 0; j < 8; ++j) sum[i][j] = 0.0;
    }
    for (int j = 0; j < 8; ++j) {
        int k = min(key0 + j, context - 1);
        ks[j] = p.key + k * key_row;
        kps[j] = p.k_pe + k * k_pe_row;
    }
    for (int t = 0; t < content; t += at_once) {
        NUMBERS kt[8];
        for (int j = 0; j < 8; ++j) kt[j] = LOAD_STORED(key, ks[j] + t);
        for (int i = 0; i < ROWS; ++i) {
            NUMBERS qt = LOAD(q, qs[i] + t);
            for (int j = 0; j < 8; ++j) multiply_add(sum[i][j], qt, kt[j]);
        }
    }
    for (int t = 0; t < rope; t += at_once) {
        NUMBERS kt[8];
        for (int j = 0; j < 8; ++j) kt[j] = LOAD_STORED(k_pe, kps[j] + t);
        for (int i = 0; i < ROWS; ++i) {
            NUMBERS qt = LOAD(q_pe, qps[i] + t);
            for (int j = 0; j < 8; ++j) multiply_add(sum[i][j], qt, kt[j]);
        }
    }
    for (int i = 0; i < ROWS; ++i)
        for (int j = 0; j < 8; ++j)
            s[i * KEYS + to + j] = key0 + j < seen(r0 + i) ? sum[i][j] * scale : minus_infinity;
}

void main() {
    Place p = place();
    int r0 = p.first + int(gl_LocalInvocationID.x) * ROWS;
    if (r0 >= row_count()) return;
    int last = min(r0 + ROWS, row_count()) - 1;
    int context = past + tokens, columns = min(WIDTH, width - p.column);
    float m[ROWS], d[ROWS], shrink[ROWS];
    for (int i = 0; i < ROWS; ++i) {
        m[i] = minus_infinity;
        d[i] = 0.0;
    }
    for (int c = 0; c < columns; c += 8)
        for (int i = 0; i < ROWS; ++i)
            for (int j = 0; j < 8; ++j) o[i * WIDTH + c + j] = 0.0;

    for (int key0 = 0; key0 < seen(last); key0 += KEYS) {
        for (int to = 0; to < KEYS; to += 8) scores(p, r0, key0 + to, context, to);
        for (int i = 0; i < ROWS; ++i) {
            float top = m[i];
            for (int j = 0; j < KEYS; ++j) top = max(top, s[i * KEYS + j]);
            shrink[i] = exp(m[i] - top);
            float sum = 0.0;
            for (int j = 0; j < KEYS; ++j) {
                float e = exp(s[i * KEYS + j] - top);
                s[i * KEYS + j] = e;
                sum += e;
            }
            m[i] = top;
            d[i] = d[i] * shrink[i] + sum;
#ifdef ONLINE
            if (r0 + i <= last) keep_online(p, r0 + i, key0 / KEYS, m[i], d[i]);
#endif
        }
        int keys = min(KEYS, context - key0);
        for (int c = 0; c < columns; c += 8) {
            float sum[ROWS][8];
            for (int i = 0; i < ROWS; ++i)
                for (int j = 0; j < 8; ++j) sum[i][j] = o[i * WIDTH + c + j] * shrink[i];
            for (int k = 0; k < keys; ++k) {
                int at = p.value + (key0 + k) * value_row + c;
                float v[8];
#ifdef ALIGNED
                vec4 a = LOAD_STORED(value, at);
                vec4 b = c + 4 < columns ? LOAD_STORED(value, at + 4) : vec4(0.0);
                for (int j = 0; j < 4; ++j) {
                    v[j] = a[j];
                    v[4 + j] = b[j];
                }
#else
                for (int j = 0; j < 8; ++j) v[j] = LOAD_STORED(value, at + min(j, columns - c - 1));
#endif
                for (int i = 0; i < ROWS; ++i) {
                    float e = s[i * KEYS + k];
                    for (int j = 0; j < 8; ++j) sum[i][j] += e * v[j];
                }
            }
            for (int i = 0; i < ROWS; ++i)
                for (int j = 0; j < 8; ++j) o[i * WIDTH + c + j] = sum[i][j];
        }
    }
    for (int i = 0; i < ROWS; ++i) {
        if (r0 + i > last) break;
        int at = y_of(p, r0 + i);
        for (int c = 0; c < columns; ++c) y[at + c] = o[i * WIDTH + c] / d[i];
    }
}

#endif
