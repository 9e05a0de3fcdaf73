// The kernels for AVX2.
#if defined(__x86_64__)
#define KERNELS segcpu_kernels_avx2
#define VEC_LANES 8
#define ACCUMULATORS 12
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "kernels.h"
#pragma clang attribute pop
#endif
