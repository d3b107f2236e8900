// y = x W^T for matrices side by side, or for rows ordered by expert (GROUPED), each expert's times
// its own W; with SWIGLU y = silu(x W^T) * (x U^T). One sum over the depth from its first term on.
INPUT(0, x)
STORED(1, w)
STORED(2, u)
layout(std430, binding = 3) writeonly buffer y_block { float y[]; };
#ifdef GROUPED
layout(std430, binding = 4) readonly buffer tile_block { ivec4 tiles[]; };  // expert, first, rows
layout(std430, binding = 5) readonly buffer row_block { int x_rows[]; };    // each row's row of x
uniform int gathered, first_row;
#endif
uniform int rows, columns, depth;
uniform int x_begin, x_row, x_step;
uniform int w_begin, w_column, w_term, w_step;
uniform int u_begin;
uniform int y_begin, y_row, y_step;
uniform int first_tile, first_column, first_product;

struct Block {
    int which;        // expert or product
    int first, last;  // rows
    int x, w, u, y;   // where its numbers begin
};
Block block() {
    Block b;
    int tile = first_tile + int(gl_WorkGroupID.y);
#ifdef GROUPED
    b.which = tiles[tile].x;
    b.first = tiles[tile].y;
    b.last = b.first + tiles[tile].z;
    b.x = x_begin;
    b.y = y_begin;
#else
    b.which = first_product + int(gl_WorkGroupID.z);
    b.first = tile * ROWS * LOCAL_ROWS;
    b.last = min(rows, b.first + ROWS * LOCAL_ROWS);
    b.x = x_begin + b.which * x_step;
    b.y = y_begin + b.which * y_step;
#endif
    b.w = w_begin + b.which * w_step;
    b.u = u_begin + b.which * w_step;
    return b;
}
// Where row r of x begins.
int x_of(Block b, int r) {
#ifdef GROUPED
    if (gathered != 0) return b.x + x_rows[r] * x_row;
#endif
    return b.x + r * x_row;
}
float silu(float v) { return v / (1.0 + exp(-v)); }

#ifdef REGISTERS

// An invocation makes ROWS x COLUMNS numbers in registers, and those of U beside them.
layout(local_size_x = 8, local_size_y = LOCAL_ROWS) in;
void main() {
    Block b = block();
    int r0 = b.first + int(gl_LocalInvocationID.y) * ROWS;
    int c0 = first_column + (int(gl_WorkGroupID.x) * 8 + int(gl_LocalInvocationID.x)) * COLUMNS;
    if (r0 >= b.last) return;
    int x_at[ROWS], w_at[COLUMNS];
    float sum[ROWS][COLUMNS];
#ifdef SWIGLU
    float sum_up[ROWS][COLUMNS];
#endif
    for (int i = 0; i < ROWS; ++i) x_at[i] = x_of(b, min(r0 + i, b.last - 1));
    for (int j = 0; j < COLUMNS; ++j) w_at[j] = min(c0 + j, columns - 1) * w_column;
    for (int i = 0; i < ROWS; ++i)
        for (int j = 0; j < COLUMNS; ++j) {
            sum[i][j] = 0.0;
#ifdef SWIGLU
            sum_up[i][j] = 0.0;
#endif
        }
    for (int k = 0; k < depth; k += at_once) {
        NUMBERS wk[COLUMNS];
        for (int j = 0; j < COLUMNS; ++j) wk[j] = LOAD_STORED(w, b.w + w_at[j] + k * w_term);
#ifdef SWIGLU
        NUMBERS uk[COLUMNS];
        for (int j = 0; j < COLUMNS; ++j) uk[j] = LOAD_STORED(u, b.u + w_at[j] + k * w_term);
#endif
        for (int i = 0; i < ROWS; ++i) {
            NUMBERS xk = LOAD(x, x_at[i] + k);
            for (int j = 0; j < COLUMNS; ++j) {
                multiply_add(sum[i][j], xk, wk[j]);
#ifdef SWIGLU
                multiply_add(sum_up[i][j], xk, uk[j]);
#endif
            }
        }
    }
    // A compiler for the CPU takes its time over each place that stores: let there be few.
    for (int i = 0; i < ROWS; ++i) {
        if (r0 + i >= b.last) break;
        int at = b.y + (r0 + i) * y_row + c0;
        for (int c = 0; c < min(COLUMNS, columns - c0); ++c) {
            float value = 0.0;
            for (int j = 0; j < COLUMNS; ++j)
#ifdef SWIGLU
                value = j == c ? silu(sum[i][j]) * sum_up[i][j] : value;
#else
                value = j == c ? sum[i][j] : value;
#endif
            y[at + c] = value;
        }
    }
}

#else

// 256 invocations make 64 x 64 numbers, 4 x 4 each. 16 terms of 64 rows and columns at a time lie
// in shared memory, terms apart, so that neighbours read neighbours.
layout(local_size_x = 256) in;
const int pad = 68;
shared float xs[16 * pad];
shared float ws[16 * pad];
#ifdef SWIGLU
shared float us[16 * pad];
#endif

void main() {
    Block b = block();
    int id = int(gl_LocalInvocationID.x);
    int c0 = first_column + int(gl_WorkGroupID.x) * 64;
    int tx = id % 16 * 4, ty = id / 16 * 4;
    float sum[4][4];
#ifdef SWIGLU
    float sum_up[4][4];
#endif
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) {
            sum[i][j] = 0.0;
#ifdef SWIGLU
            sum_up[i][j] = 0.0;
#endif
        }
#ifdef ALIGNED
    // Each invocation brings four terms of one row and one column.
    int mine = id / 4, term = id % 4 * 4;
    int x_at = x_of(b, min(b.first + mine, b.last - 1)) + term;
    int w_at = min(c0 + mine, columns - 1) * w_column + term;
#else
    // Four of each; along the terms or, when those lie apart, along the columns.
    bool straight = w_term != 1;
    int term = id % 16, w_mine = straight ? id % 64 : id / 16;
    int w_first_term = straight ? id / 64 : term;
    int x_at[4], w_at[4];
    for (int i = 0; i < 4; ++i) {
        x_at[i] = x_of(b, min(b.first + id / 16 + 16 * i, b.last - 1)) + term;
        w_at[i] = min(c0 + w_mine + (straight ? 0 : 16 * i), columns - 1) * w_column +
                  (w_first_term + (straight ? 4 * i : 0)) * w_term;
    }
#endif
    for (int k = 0; k < depth; k += 16) {
#ifdef ALIGNED
        bool there = k + term < depth;
        vec4 x4 = there ? LOAD(x, x_at + k) : vec4(0.0);
        vec4 w4 = there ? LOAD_STORED(w, b.w + w_at + k) : vec4(0.0);
#ifdef SWIGLU
        vec4 u4 = there ? LOAD_STORED(u, b.u + w_at + k) : vec4(0.0);
#endif
        for (int i = 0; i < 4; ++i) {
            xs[(term + i) * pad + mine] = x4[i];
            ws[(term + i) * pad + mine] = w4[i];
#ifdef SWIGLU
            us[(term + i) * pad + mine] = u4[i];
#endif
        }
#else
        for (int i = 0; i < 4; ++i) {
            xs[term * pad + id / 16 + 16 * i] = k + term < depth ? LOAD(x, x_at[i] + k) : 0.0;
            int w_k = w_first_term + (straight ? 4 * i : 0);
            int w_to = w_k * pad + w_mine + (straight ? 0 : 16 * i);
            bool there = k + w_k < depth;
            ws[w_to] = there ? LOAD_STORED(w, b.w + w_at[i] + k * w_term) : 0.0;
#ifdef SWIGLU
            us[w_to] = there ? LOAD_STORED(u, b.u + w_at[i] + k * w_term) : 0.0;
#endif
        }
#endif
        barrier();
        for (int t = 0; t < 16; ++t) {
            float xt[4], wt[4];
            for (int i = 0; i < 4; ++i) xt[i] = xs[t * pad + ty + i];
            for (int j = 0; j < 4; ++j) wt[j] = ws[t * pad + tx + j];
#ifdef SWIGLU
            float ut[4];
            for (int j = 0; j < 4; ++j) ut[j] = us[t * pad + tx + j];
#endif
            for (int i = 0; i < 4; ++i)
                for (int j = 0; j < 4; ++j) {
                    sum[i][j] += xt[i] * wt[j];
#ifdef SWIGLU
                    sum_up[i][j] += xt[i] * ut[j];
#endif
                }
        }
        barrier();
    }
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) {
            int r = b.first + ty + i, c = c0 + tx + j;
            if (r < b.last && c < columns) {
                float value = sum[i][j];
#ifdef SWIGLU
                value = silu(value) * sum_up[i][j];
#endif
                y[b.y + r * y_row + c] = value;
            }
        }
}

#endif
