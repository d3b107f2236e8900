// SWIGLU: y = silu(a) b; ADD: y = a + b; HALVES: words of two 16-bit floats from a.
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer a_block { float a[]; };
layout(std430, binding = 1) readonly buffer b_block { float b[]; };
#ifdef HALVES
layout(std430, binding = 2) writeonly buffer y_block { uint y[]; };
#else
layout(std430, binding = 2) writeonly buffer y_block { float y[]; };
#endif
uniform int n, a_begin, b_begin, y_begin;

void main() {
    int i = int(gl_GlobalInvocationID.x);
#ifdef HALVES
    if (2 * i >= n) return;
    float second = 2 * i + 1 < n ? a[a_begin + 2 * i + 1] : 0.0;
    y[y_begin + i] = packHalf2x16(vec2(a[a_begin + 2 * i], second));
#else
    if (i >= n) return;
    float u = a[a_begin + i], v = b[b_begin + i];
#ifdef SWIGLU
    y[y_begin + i] = u / (1.0 + exp(-u)) * v;
#else
    y[y_begin + i] = u + v;
#endif
#endif
}
