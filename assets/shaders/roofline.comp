// What the device reaches at most. COPY: moves four numbers an invocation. FMA: multiplies and adds
// in registers, 32 numbers an invocation, `rounds` times.
layout(local_size_x = 64) in;
layout(std430, binding = 1) writeonly buffer y_block { vec4 y[]; };
uniform int n, rounds;

#ifdef COPY
INPUT(0, x)
void main() {
    int i = int(gl_GlobalInvocationID.x);
    if (i < n) y[i] = LOAD(x, 4 * i);
}
#else
void main() {
    int i = int(gl_GlobalInvocationID.x);
    vec4 a[8];
    for (int j = 0; j < 8; ++j) a[j] = vec4(i + j);
    for (int r = 0; r < rounds; r += 8)
        for (int s = 0; s < 8; ++s)
            for (int j = 0; j < 8; ++j) a[j] = a[j] * 0.5 + vec4(1.0, 2.0, 3.0, 4.0);
    vec4 sum = vec4(0.0);
    for (int j = 0; j < 8; ++j) sum += a[j];
    if (i < n) y[i] = sum;
}
#endif
