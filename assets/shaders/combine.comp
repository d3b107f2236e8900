// y_t = sum of g rows over a token's slots, in the order of its choices: each number is one
// invocation's own, so nothing races.
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer out_block { float outs[]; };     // (slots, columns)
layout(std430, binding = 1) readonly buffer row_block { int rows_of[]; };    // of each slot
layout(std430, binding = 2) readonly buffer gate_block { float gates[]; };   // of each slot
layout(std430, binding = 3) writeonly buffer y_block { float y[]; };
uniform int columns, top_k, out_begin, y_begin;

void main() {
    int c = int(gl_GlobalInvocationID.x), t = int(gl_WorkGroupID.y);
    if (c >= columns) return;
    float sum = 0.0;
    for (int k = 0; k < top_k; ++k)
        sum += gates[t * top_k + k] * outs[out_begin + rows_of[t * top_k + k] * columns + c];
    y[y_begin + t * columns + c] = sum;
}
