// Copies of rows; see segcpu_memory.h.
#pragma once

#include "segcpu_memory.h"

#include "simd.h"

// Rows of whole vectors, such as sixteen channels, are copied without a function call per row.
static void copy_rows(
    const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t bytes, int past_caches) {
    const char *source = from;
    char *target = to;
    if (bytes % sizeof(vf) || bytes > 16 * sizeof(vf)) {
        for (size_t row = 0; row < rows; row++) memcpy(target + row * to_step, source + row * from_step, bytes);
        return;
    }
    const bool streams = past_caches && to_step % sizeof(vf) == 0 && (uintptr_t)target % sizeof(vf) == 0;
    for (size_t row = 0; row < rows; row++, source += from_step, target += to_step)
        for (size_t i = 0; i < bytes; i += sizeof(vf))
            stream_part((float *)(target + i), load((const float *)(source + i)), LANES, streams);
    end_stream(streams);
}

static void add_rows(const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t count) {
    for (size_t row = 0; row < rows; row++) {
        const float *x = (const float *)((const char *)from + row * from_step);
        float *y = (float *)((char *)to + row * to_step);
        for (size_t i = 0; i < count; i++) y[i] += x[i];
    }
}
