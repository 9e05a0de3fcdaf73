// Optimiser steps; see segcpu_optimizer.h.
#pragma once

#include "segcpu_optimizer.h"

#include "simd.h"

static void adam(
    const segcpu_adam_rule *rule, float *parameter, const float *gradient, float *first, float *second, size_t count) {
    const segcpu_adam_rule r = *rule;
    for (size_t i = 0; i < count; i += LANES) {
        size_t lanes = least(LANES, count - i);
        vf p = load_part(parameter + i, lanes), g = load_part(gradient + i, lanes) + r.decay * p;
        vf m = load_part(first + i, lanes), v = load_part(second + i, lanes);
        m = m + (g - m) * (1.0f - r.beta1);
        v = v * r.beta2 + (1.0f - r.beta2) * g * g;
        vf denominator = __builtin_elementwise_sqrt(v) * r.correction + r.epsilon;
        store_part(first + i, m, lanes);
        store_part(second + i, v, lanes);
        store_part(parameter + i, p * r.shrinkage - r.step_size * (m / denominator), lanes);
    }
}

static void sgd(const segcpu_sgd_rule *rule, float *parameter, const float *gradient, float *momentum, size_t count) {
    const segcpu_sgd_rule r = *rule;
    for (size_t i = 0; i < count; i += LANES) {
        size_t lanes = least(LANES, count - i);
        vf p = load_part(parameter + i, lanes), g = load_part(gradient + i, lanes) + r.decay * p;
        if (momentum) {
            vf b = r.first ? g : load_part(momentum + i, lanes) * r.momentum + r.share * g;
            store_part(momentum + i, b, lanes);
            g = r.nesterov ? g + r.momentum * b : b;
        }
        store_part(parameter + i, p - r.learning_rate * g, lanes);
    }
}
