// Resampling of channels-last volumes; see segcpu_resample.h.
#pragma once

#include "segcpu_resample.h"

#include "simd.h"

INLINE vf resample_vector(
    const segcpu_taps taps[3], const float *x, size_t input_h, size_t input_w, size_t channels, size_t d, size_t h,
    size_t w, size_t lanes) {
    vf sum = (vf)0.0f;
    for (int32_t i = taps[0].begin[d]; i < taps[0].begin[d + 1]; i++) {
        size_t at_d = (size_t)(taps[0].first[d] + i - taps[0].begin[d]);
        for (int32_t j = taps[1].begin[h]; j < taps[1].begin[h + 1]; j++) {
            size_t at_h = (size_t)(taps[1].first[h] + j - taps[1].begin[h]);
            float weight = taps[0].weights[i] * taps[1].weights[j];
            const float *row = x + ((at_d * input_h + at_h) * input_w + (size_t)taps[2].first[w]) * channels;
            for (int32_t k = taps[2].begin[w]; k < taps[2].begin[w + 1]; k++, row += channels)
                sum += weight * taps[2].weights[k] * load_part(row, lanes);
        }
    }
    return sum;
}

static void resample_row(
    const segcpu_taps taps[3], const float *x, size_t input_h, size_t input_w, size_t channels, size_t d, size_t h,
    size_t output_w, float *y, bool accumulate) {
    for (size_t w = 0; w < output_w; w++, y += channels)
        for (size_t c = 0; c < channels; c += LANES) {
            size_t lanes = least(LANES, channels - c);
            vf v = lanes == LANES ? resample_vector(taps, x + c, input_h, input_w, channels, d, h, w, LANES)
                                  : resample_vector(taps, x + c, input_h, input_w, channels, d, h, w, lanes);
            if (accumulate) v += load_part(y + c, lanes);
            store_part(y + c, v, lanes);
        }
}
