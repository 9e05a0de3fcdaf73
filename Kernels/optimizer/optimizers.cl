// Optimiser steps over up to SLOTS parameters in one launch.
// NDRange: dimension 0 elements, dimension 1 slots; items beyond the count of a slot do nothing.

#define SLOTS 8
#define ALL_SLOTS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

#define PICK(k)                                                                                                        \
    case k:                                                                                                            \
        p = p##k + p##k##_start;                                                                                       \
        g = g##k + g##k##_start;                                                                                       \
        m = m##k + m##k##_start;                                                                                       \
        v = v##k + v##k##_start;                                                                                       \
        count = count##k;                                                                                              \
        break;
#define SLOT(k) OUT(p##k), IN(g##k), OUT(m##k), OUT(v##k), const ulong count##k
#define SLOT_POINTERS                                                                                                  \
    __global float *p = 0, *m = 0, *v = 0;                                                                             \
    __global const float *g = 0;                                                                                       \
    ulong count = 0;                                                                                                   \
    switch (get_group_id(1)) { ALL_SLOTS(PICK) }                                                                       \
    const ulong i = get_global_id(0);                                                                                  \
    if (i >= count) return;

// `shrink` is 1 − learning rate · decay for AdamW, else 1; `decay` is 0 for AdamW. `rest1` is 1 − beta1, `rest2` is 1 −
// beta2. `rate` and `correction2` contain Adam's bias correction.
__kernel void adam(
    SLOT(0), SLOT(1), SLOT(2), SLOT(3), SLOT(4), SLOT(5), SLOT(6), SLOT(7), const float shrink, const float decay,
    const float beta1, const float rest1, const float beta2, const float rest2, const float rate,
    const float correction2, const float epsilon) {
    SLOT_POINTERS
    const float before = p[i] * shrink, gradient = g[i] + decay * before;
    const float first = beta1 * m[i] + rest1 * gradient, second = beta2 * v[i] + rest2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] = before - rate * first / (sqrt(second * correction2) + epsilon);
}

// m is the momentum buffer, or null; v is not used.
__kernel void sgd(
    SLOT(0), SLOT(1), SLOT(2), SLOT(3), SLOT(4), SLOT(5), SLOT(6), SLOT(7), const float rate, const float decay,
    const float momentum, const float fresh, const int nesterov, const int is_first) {
    SLOT_POINTERS
    float step = g[i] + decay * p[i];
    if (m) {
        const float moved = is_first ? step : momentum * m[i] + fresh * step;
        m[i] = moved;
        step = nesterov ? step + momentum * moved : moved;
    }
    p[i] -= rate * step;
}
