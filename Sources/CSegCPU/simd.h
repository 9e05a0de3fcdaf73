// Vectors of two widths, and the functions of them that the kernels share.
//
// A `vf` has sixteen lanes with every instruction set; the compiler splits it into the available registers. A `vec` is
// one register of VEC_LANES floats. Convolutions and matrix products use `vec`, because their blocks are sized by the
// number of registers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Vectors are passed between inlined functions only.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

typedef float vf __attribute__((ext_vector_type(16)));
typedef int32_t vi __attribute__((ext_vector_type(16)));
typedef uint32_t vu __attribute__((ext_vector_type(16)));
typedef double vd __attribute__((ext_vector_type(16)));
typedef uint64_t vl __attribute__((ext_vector_type(8)));

INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

INLINE vf load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vf v) { memcpy(p, &v, sizeof v); }

INLINE vi load_integers(const int32_t *p) {
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

// Loads the first `lanes` elements; the other lanes are 0. Kernels are inlined with a constant of 16 for full vectors.
INLINE vf load_part(const float *p, size_t lanes) {
    if (lanes == LANES) return load(p);
    float part[LANES] = {0};
    for (size_t i = 0; i < lanes; i++) part[i] = p[i];
    return load(part);
}

INLINE vi load_integers_part(const int32_t *p, size_t lanes, int32_t rest) {
    if (lanes == LANES) return load_integers(p);
    int32_t part[LANES];
    for (size_t i = 0; i < LANES; i++) part[i] = i < lanes ? p[i] : rest;
    return load_integers(part);
}

INLINE void store_part(float *p, vf v, size_t lanes) {
    if (lanes == LANES) {
        store(p, v);
        return;
    }
    float part[LANES];
    store(part, v);
    for (size_t i = 0; i < lanes; i++) p[i] = part[i];
}

// Whether the results of a run of a normalisation bypass the caches, which saves reading their cache lines first. A run
// is a 32nd of its tensor, up to a limit. If the run has 2^15 floats, the tensor has at least 4 MiB: more than the
// second-level cache, so the next op could not read the results from there.
INLINE bool is_streamed(const float *y, size_t count) { return count >= 1 << 15 && (uintptr_t)y % sizeof(vf) == 0; }

INLINE void stream_part(float *p, vf v, size_t lanes, bool streams) {
    if (streams && lanes == LANES) __builtin_nontemporal_store(v, (vf *)p);
    else store_part(p, v, lanes);
}

// Streamed stores are not ordered with other stores, and other threads read the results.
INLINE void end_stream(bool streams) {
    if (streams) __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// Replaces the lanes from `lanes` on by `rest`.
INLINE vf keep_lanes(vf v, size_t lanes, float rest) {
    const vi number = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return lanes == LANES ? v : (number < (vi)(int32_t)lanes ? v : (vf)rest);
}

INLINE vf maximum(vf a, vf b) { return a > b ? a : b; }

INLINE float horizontal_sum(vf v) {
    float e[LANES];
    store(e, v);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) e[i] += e[i + half];
    return e[0];
}

INLINE float horizontal_max(vf v) {
    float e[LANES];
    store(e, v);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) e[i] = e[i] > e[i + half] ? e[i] : e[i + half];
    return e[0];
}

// One register.
typedef float vec __attribute__((ext_vector_type(VEC_LANES)));
typedef float unaligned_vec __attribute__((ext_vector_type(VEC_LANES), aligned(4)));

INLINE vec load_vec(const float *p) { return *(const unaligned_vec *)p; }
INLINE void store_vec(float *p, vec v) { *(unaligned_vec *)p = v; }

INLINE vec load_vec_part(const float *p, ptrdiff_t lanes) {
    if (lanes == VEC_LANES) return load_vec(p);
    float part[VEC_LANES] = {0};
    for (ptrdiff_t i = 0; i < lanes; i++) part[i] = p[i];
    return load_vec(part);
}

INLINE void store_vec_part(float *p, vec v, ptrdiff_t lanes) {
    if (lanes == VEC_LANES) {
        store_vec(p, v);
        return;
    }
    float part[VEC_LANES];
    store_vec(part, v);
    for (ptrdiff_t i = 0; i < lanes; i++) p[i] = part[i];
}

// 2ⁿ for -126 <= n <= 127.
INLINE vf power_of_two(vi n) { return (vf)((n + 127) << 23); }

// x = n ln 2 + r with |r| <= ln 2 / 2; returns eʳ - 1.
INLINE vf reduced_expm1(vf x, vi *n) {
    // Adding 1.5 · 2²³ rounds to an integer on any instruction set.
    vf k = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    *n = __builtin_convertvector(k, vi);
    vf r = x - k * 0.693359375f;
    r = r + k * 2.12194440e-4f;
    vf q = r * 1.98578289e-4f + 1.39336877e-3f;
    q = q * r + 8.33336083e-3f;
    q = q * r + 4.16664647e-2f;
    q = q * r + 1.66666665e-1f;
    q = q * r + 5.00000001e-1f;
    return q * r * r + r;
}

// eˣ; 0 below -104, infinite above 88.7.
INLINE vf exponential(vf x) {
    x = x < -104.0f ? (vf)-104.0f : x;
    x = x > 89.0f ? (vf)89.0f : x;
    vi n;
    vf p = reduced_expm1(x, &n);
    // The scaling has two steps, because 2ⁿ alone may not be representable.
    vi half = n >> 1;
    return (p * power_of_two(half) + power_of_two(half)) * power_of_two(n - half);
}

// eˣ - 1 for x <= 0, without cancellation.
INLINE vf expm1_of_negative(vf x) {
    x = x < -30.0f ? (vf)-30.0f : x;
    vi n;
    vf p = reduced_expm1(x, &n);
    vf two = power_of_two(n);
    return p * two + (two - 1.0f);
}

// ln((1 + s) / (1 - s)), |s| <= 1/3.
INLINE vf twice_artanh(vf s) {
    vf v = s * s;
    vf p = v * 0.122065145f + 0.106966319f;
    p = p * v + 0.143103603f;
    p = p * v + 0.199993455f;
    p = p * v + 0.333333397f;
    return 2.0f * s * v * p + 2.0f * s;
}

// ln(1 + u) for 0 <= u <= 1.
INLINE vf log1p_of_fraction(vf u) { return twice_artanh(u / (2.0f + u)); }

// ln x for positive normal x.
INLINE vf logarithm(vf x) {
    vi bits = (vi)x;
    // The exponent is taken from x / √½, so that the mantissa lies in [√½, √2).
    vi e = (bits - 0x3f3504f3) >> 23;
    vf m = (vf)(bits - (e << 23));
    vf k = __builtin_convertvector(e, vf);
    return k * 0.693359375f + (twice_artanh((m - 1.0f) / (m + 1.0f)) - k * 2.12194440e-4f);
}

INLINE vf sigmoid(vf x) { return 1.0f / (1.0f + exponential(-x)); }

// Φ(x), and e^(-x²/2) for the derivative.
INLINE vf normal_cdf(vf x, vf *bell) {
    vf z = __builtin_elementwise_abs(x) * 0.707106781f;
    *bell = exponential(-0.5f * x * x);
    vf t = 1.0f / (1.0f + 0.4f * z);
    // erfc(z) e^(z²) as a polynomial of t, with an error of 3e-8 for z <= 10; for larger z, the bell is 0.
    vf p = t * 0.0286957137f - 0.0747488334f;
    p = p * t - 0.063686532f;
    p = p * t + 0.275788398f;
    p = p * t - 0.0685667619f;
    p = p * t + 0.26863753f;
    p = p * t + 0.177416412f;
    p = p * t + 0.231355117f;
    p = p * t + 0.225082581f;
    p = p * t + 2.6404911e-05f;
    vf tail = 0.5f * p * *bell;
    return x > 0.0f ? 1.0f - tail : tail;
}
