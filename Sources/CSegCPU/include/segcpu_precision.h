// Rounding to bfloat16, which has 8 bits of mantissa. The numbers stay 32-bit floats, which represent them exactly.
#pragma once

#include <stddef.h>

// y = x rounded to the nearest bfloat16, ties to even; a NaN stays a NaN. x and y may be the same.
typedef void segcpu_round_bf16_kernel(const float *x, float *y, size_t count);
