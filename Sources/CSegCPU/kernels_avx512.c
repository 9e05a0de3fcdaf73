// The kernels for AVX-512.
#if defined(__x86_64__)
#define KERNELS segcpu_kernels_avx512
#define VEC_LANES 16
#define ACCUMULATORS 28
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function)
#include "kernels.h"
#pragma clang attribute pop
#endif
