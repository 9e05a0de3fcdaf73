// The kernels for AVX2.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KERNEL(name) segcpu_##name##_avx2
#include "kernels.h"
#pragma clang attribute pop
#else
typedef int segcpu_no_avx2;
#endif
