// The kernels for any processor.
#define KERNEL(name) segcpu_##name##_portable
#include "kernels.h"
