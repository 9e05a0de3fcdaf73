// The table of kernels for the instruction set in use.
#include "segcpu_kernels.h"

#include "segcpu_isa.h"

const segcpu_kernel_table *segcpu_kernels(void) {
#if defined(__x86_64__)
    switch (segcpu_isa_level()) {
    case SEGCPU_AVX512: return &segcpu_kernels_avx512;
    case SEGCPU_AVX2: return &segcpu_kernels_avx2;
    }
#endif
    return &segcpu_kernels_portable;
}
