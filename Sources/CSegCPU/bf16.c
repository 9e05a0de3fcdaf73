// Rounding to bfloat16 by integers, so that every machine gives the same bits: the instructions for it take denormal
// numbers for 0.
#include "segcpu_bf16.h"
#include "segcpu_isa.h"

#include <stdint.h>
#include <string.h>

static inline __attribute__((always_inline)) void round_all(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
        // Rounding would carry some of them to infinity or to 0.
        uint32_t quiet = (bits | 0x00400000) & 0xffff0000;
        bits = (bits & 0x7fffffff) > 0x7f800000 ? quiet : nearest;
        memcpy(y + i, &bits, sizeof bits);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))) static void round_avx512(
    const float *x, float *y, size_t count) {
    round_all(x, y, count);
}

__attribute__((target("avx2"))) static void round_avx2(const float *x, float *y, size_t count) {
    round_all(x, y, count);
}
#endif

void segcpu_round_bf16(const float *x, float *y, size_t count) {
#if defined(__x86_64__)
    switch (segcpu_isa_level()) {
    case SEGCPU_AVX512: round_avx512(x, y, count); return;
    case SEGCPU_AVX2: round_avx2(x, y, count); return;
    }
#endif
    round_all(x, y, count);
}
