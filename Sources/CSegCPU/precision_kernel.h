// Rounding to bfloat16 by integer arithmetic, which gives the same bits on every machine; the rounding instructions
// replace denormal numbers by 0. See segcpu_precision.h.
#pragma once

#include "segcpu_precision.h"

#include <stdint.h>
#include <string.h>

static void round_bf16(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
        // Rounding would turn some NaNs into infinity or 0.
        uint32_t quiet = (bits | 0x00400000) & 0xffff0000;
        bits = (bits & 0x7fffffff) > 0x7f800000 ? quiet : nearest;
        memcpy(y + i, &bits, sizeof bits);
    }
}
