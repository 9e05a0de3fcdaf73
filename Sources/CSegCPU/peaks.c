// Times two instructions on sixteen independent sums.
#include "segcpu_peaks.h"

#if defined(__x86_64__)
#include <stdbool.h>
#include <time.h>

enum { LOOPS = 1 << 18, SUMS = 16 };

#define EACH_SUM(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define CLEAR(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"
#define FMA(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#define BF16(i) "vdpbf16ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#define USED                                                                                                           \
    "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10", "zmm11", "zmm12",         \
        "zmm13", "zmm14", "zmm15", "zmm30", "zmm31"

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

__attribute__((target("avx512f"))) static double run(bool bf16) {
    double start = seconds();
    __asm__ volatile(EACH_SUM(CLEAR) CLEAR(30) CLEAR(31)::: USED);
    if (bf16)
        for (int i = 0; i < LOOPS; i++) __asm__ volatile(EACH_SUM(BF16)::: USED);
    else
        for (int i = 0; i < LOOPS; i++) __asm__ volatile(EACH_SUM(FMA)::: USED);
    return seconds() - start;
}

// The best of several measurements, because the clock may have to speed up first.
static double peak(bool bf16) {
    double least = run(bf16);
    for (int i = 0; i < 20; i++) {
        double time = run(bf16);
        if (time < least) least = time;
    }
    return (double)LOOPS * SUMS * (bf16 ? 64 : 32) / least;
}

double segcpu_peak_fma(void) { return __builtin_cpu_supports("avx512f") ? peak(false) : 0; }

double segcpu_peak_bf16(void) { return __builtin_cpu_supports("avx512bf16") ? peak(true) : 0; }
#else
double segcpu_peak_fma(void) { return 0; }

double segcpu_peak_bf16(void) { return 0; }
#endif
