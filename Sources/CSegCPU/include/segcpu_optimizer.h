// Optimiser steps.
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    float beta1, beta2;
    float step_size;  // learning rate over 1 - beta1^step
    float correction; // 1 over the square root of 1 - beta2^step
    float epsilon;
    float decay;     // added to the gradient, times the parameter
    float shrinkage; // factor of the parameter
} segcpu_adam_rule;

typedef void segcpu_adam_kernel(
    const segcpu_adam_rule *rule, float *parameter, const float *gradient, float *first, float *second, size_t count);

typedef struct {
    float learning_rate, momentum;
    float share; // share of the gradient in the momentum: 1 - dampening
    float decay;
    bool nesterov, first; // the first step copies the gradient to the momentum
} segcpu_sgd_rule;

// momentum may be NULL.
typedef void segcpu_sgd_kernel(
    const segcpu_sgd_rule *rule, float *parameter, const float *gradient, float *momentum, size_t count);
