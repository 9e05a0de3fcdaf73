#define _GNU_SOURCE
#include "CSegCores.h"

#ifdef __linux__
#include <sched.h>
#include <string.h>

size_t segcores_allowed(uint64_t *bits, size_t words) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 0;
    size_t known = sizeof set / sizeof *bits;
    if (known > words) known = words;
    memset(bits, 0, words * sizeof *bits);
    for (size_t core = 0; core < known * 64; core++)
        if (CPU_ISSET(core, &set)) bits[core / 64] |= UINT64_C(1) << core % 64;
    return known;
}
#else
size_t segcores_allowed(uint64_t *bits, size_t words) {
    (void)bits, (void)words;
    return 0;
}
#endif
