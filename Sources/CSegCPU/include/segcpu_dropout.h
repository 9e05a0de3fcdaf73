// Dropout with a counter-based random number generator.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Elementwise dropout; an element is dropped if its Philox word is below the threshold.
typedef struct {
    uint32_t threshold;
    float scale;
    uint64_t seed;
    uint32_t layer, pass;
} segcpu_dropout_rule;

// A run of elements: the number of elements, and the linear index of the first element in its tensor. Dropout's random
// numbers use this index as their counter.
typedef struct {
    size_t count;
    uint64_t element;
} segcpu_run;

// y = x mask / (1 - p), channelwise if keep [period] is not NULL. y may be x.
typedef void segcpu_dropout_kernel(
    const segcpu_dropout_rule *rule, const float *keep, size_t period, const float *x, float *y, bool accumulate,
    segcpu_run run);

// The multipliers of elements 0 ..< count: 0 or rule->scale.
typedef void segcpu_dropout_multipliers_kernel(
    const segcpu_dropout_rule *rule, uint64_t element, float *multipliers, size_t count);
