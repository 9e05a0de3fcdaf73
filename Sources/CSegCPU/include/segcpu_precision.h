// Numbers of 8 bits of mantissa, bfloat16, as 32-bit floats that they hold exactly.
#pragma once

#include <stddef.h>

// y = x to the nearest bfloat16, halves to even; what is not a number stays so. x and y may be the same.
typedef void segcpu_round_bf16_kernel(const float *x, float *y, size_t count);
