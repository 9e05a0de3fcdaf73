#include "segcpu_isa.h"

#include <stdatomic.h>

static atomic_int chosen = -1;

static int machine_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512bw"))
        return SEGCPU_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return SEGCPU_AVX2;
#endif
    return SEGCPU_PORTABLE;
}

int segcpu_isa_level(void) {
    int level = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (level < 0) atomic_store_explicit(&chosen, level = machine_level(), memory_order_relaxed);
    return level;
}

int segcpu_isa_set(int level) {
    int most = machine_level();
    atomic_store_explicit(&chosen, level < most ? level : most, memory_order_relaxed);
    return segcpu_isa_level();
}

const char *segcpu_isa_name(void) {
    static const char *const names[] = {"portable", "AVX2", "AVX-512"};
    return names[segcpu_isa_level()];
}
