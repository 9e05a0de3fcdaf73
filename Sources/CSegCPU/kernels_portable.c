// The kernels for any processor.
#define KERNELS segcpu_kernels_portable
#define VEC_LANES 4
#if defined(__aarch64__)
#define ACCUMULATORS 24
#else
#define ACCUMULATORS 12
#endif
#include "kernels.h"
