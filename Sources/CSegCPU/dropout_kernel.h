// Dropout; see segcpu_dropout.h.
//
// Philox4x32 with ten rounds, eight counters at a time (Salmon et al. 2011); gives the same bits as SegBackend's
// Philox4x32.
#pragma once

#include "segcpu_dropout.h"

#include "reduce_kernel.h"

// Writes the multipliers of elements 4 · block ..< 4 · block + count, rounded up to 32.
INLINE void philox_multipliers(const segcpu_dropout_rule *rule, uint64_t block, float *multipliers, size_t count) {
    const vl low = (vl)0xffffffffu;
    const vl number = {0, 1, 2, 3, 4, 5, 6, 7};
    for (size_t i = 0; i < count; i += 32, block += 8) {
        // Only the lower 32 bits of each 64-bit lane are used; the upper 32 bits have no meaning.
        vl c0 = block + number, c1 = c0 >> 32, c2 = (vl)(uint64_t)rule->layer, c3 = (vl)(uint64_t)rule->pass;
        uint32_t k0 = (uint32_t)rule->seed, k1 = (uint32_t)(rule->seed >> 32);
        for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
            vl a = (c0 & low) * (vl)0xD2511F53u, b = (c2 & low) * (vl)0xCD9E8D57u;
            c0 = (b >> 32) ^ c1 ^ (vl)(uint64_t)k0;
            c2 = (a >> 32) ^ c3 ^ (vl)(uint64_t)k1;
            c1 = b;
            c3 = a;
        }
        vl p = (c0 & low) | (c1 << 32), q = (c2 & low) | (c3 << 32);
        vu words[2] = {
            (vu)__builtin_shufflevector(p, q, 0, 8, 1, 9, 2, 10, 3, 11),
            (vu)__builtin_shufflevector(p, q, 4, 12, 5, 13, 6, 14, 7, 15)};
        for (int half = 0; half < 2; half++)
            store(multipliers + i + 16 * half, words[half] >= rule->threshold ? (vf)rule->scale : (vf)0.0f);
    }
}

static void dropout_multipliers(const segcpu_dropout_rule *rule, uint64_t element, float *multipliers, size_t count) {
    for (size_t i = 0; i < count;) {
        float buffer[96];
        size_t skip = (element + i) & 3, n = least(64, count - i);
        philox_multipliers(rule, (element + i) >> 2, buffer, n + skip);
        memcpy(multipliers + i, buffer + skip, n * sizeof *multipliers);
        i += n;
    }
}

// The keep multipliers of up to TILE elements from `element` on.
INLINE const float *keep_tile(const segcpu_dropout_rule *rule, uint64_t element, size_t count, float *buffer) {
    size_t skip = element & 3;
    philox_multipliers(rule, element >> 2, buffer, count + skip);
    return buffer + skip;
}

static void dropout(
    const segcpu_dropout_rule *rule, const float *keep, size_t period, const float *x, float *y, bool accumulate,
    segcpu_run run) {
    float buffer[TILE + 64];
    size_t phase = 0;
    for (size_t tile = 0; tile < run.count; tile += TILE) {
        size_t end = least(tile + TILE, run.count);
        const float *kept = keep ? NULL : keep_tile(rule, run.element + tile, end - tile, buffer);
        for (size_t i = tile; i < end; i += LANES) {
            size_t lanes = least(LANES, end - i);
            vf v = load_part(x + i, lanes) * (kept ? load(kept + (i - tile)) : load(keep + phase));
            if (accumulate) v += load_part(y + i, lanes);
            store_part(y + i, v, lanes);
            phase = phase + LANES == period ? 0 : phase + LANES;
        }
    }
}
