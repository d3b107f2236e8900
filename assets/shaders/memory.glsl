// How kernels read. INPUT names float32 numbers, STORED those that may be kept in 16 bits (HALF);
// LOAD reads from element i: four numbers at once where all rows begin at multiples of four
// (ALIGNED), else one. A software renderer reads buffers fastest as textures.
#ifdef SUBGROUPS
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_clustered : require
#endif

#ifdef ALIGNED
#define NUMBERS vec4
const int at_once = 4;
void multiply_add(inout float sum, vec4 a, vec4 b) {
    sum += a.x * b.x;
    sum += a.y * b.y;
    sum += a.z * b.z;
    sum += a.w * b.w;
}
#else
#define NUMBERS float
const int at_once = 1;
void multiply_add(inout float sum, float a, float b) { sum += a * b; }
#endif

#ifdef HALF
vec4 unpacked(uvec2 four) { return vec4(unpackHalf2x16(four.x), unpackHalf2x16(four.y)); }
float unpacked(uint pair, int i) { return unpackHalf2x16(pair)[i & 1]; }
#endif

#ifdef REGISTERS
#define INPUT(slot, name) layout(binding = slot) uniform samplerBuffer name;
#ifdef ALIGNED
#define LOAD(name, i) texelFetch(name, (i) >> 2)
#else
#define LOAD(name, i) texelFetch(name, i).x
#endif
#ifdef HALF
#define STORED(slot, name) layout(binding = slot) uniform usamplerBuffer name;
#ifdef ALIGNED
#define LOAD_STORED(name, i) unpacked(texelFetch(name, (i) >> 2).xy)
#else
#define LOAD_STORED(name, i) unpacked(texelFetch(name, (i) >> 1).x, i)
#endif
#endif

#else
#ifdef ALIGNED
#define INPUT(slot, name) layout(std430, binding = slot) readonly buffer name##_block { vec4 name[]; };
#define LOAD(name, i) name[(i) >> 2]
#else
#define INPUT(slot, name) layout(std430, binding = slot) readonly buffer name##_block { float name[]; };
#define LOAD(name, i) name[i]
#endif
#ifdef HALF
#ifdef ALIGNED
#define STORED(slot, name) layout(std430, binding = slot) readonly buffer name##_block { uvec2 name[]; };
#define LOAD_STORED(name, i) unpacked(name[(i) >> 2])
#else
#define STORED(slot, name) layout(std430, binding = slot) readonly buffer name##_block { uint name[]; };
#define LOAD_STORED(name, i) unpacked(name[(i) >> 1], i)
#endif
#endif
#endif

#ifndef HALF
#define STORED(slot, name) INPUT(slot, name)
#define LOAD_STORED(name, i) LOAD(name, i)
#endif
