// The kernels for AVX-512.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,fma"))), apply_to = function)
#define KERNEL(name) segcpu_##name##_avx512
#include "kernels.h"
#pragma clang attribute pop
#else
typedef int segcpu_no_avx512;
#endif
