// Elementwise arithmetic; see segcpu_elementwise.h.
#pragma once

#include "segcpu_elementwise.h"

#include <math.h>

#include "simd.h"

// powf of each lane, with its special cases.
INLINE vf power_of_each(vf a, vf b) {
    float base[LANES], exponent[LANES];
    store(base, a);
    store(exponent, b);
    for (int i = 0; i < LANES; i++) base[i] = powf(base[i], exponent[i]);
    return load(base);
}

// aᵇ. A lane uses logarithms if its base is positive and normal and its result is not so large or small that logarithms
// lose digits. The result of a lane does not depend on the other lanes.
INLINE vf power(vf a, vf b) {
    vi plain = (a >= 1.17549435e-38f) & (a <= 3.40282347e38f);
    vf exponent = b * logarithm(plain ? a : (vf)1.0f);
    plain &= __builtin_elementwise_abs(exponent) <= 16.0f;
    int32_t lanes[LANES], every = -1;
    memcpy(lanes, &plain, sizeof lanes);
    for (int i = 0; i < LANES; i++) every &= lanes[i];
    vf quick = exponential(plain ? exponent : (vf)0.0f);
    if (every) return quick;
    return plain ? quick : power_of_each(a, b);
}

INLINE vf truth(vi condition) { return condition ? (vf)1.0f : (vf)0.0f; }

INLINE vf binary_value(int op, vf a, vf b) {
    switch (op) {
    case SEGCPU_ADD: return a + b;
    case SEGCPU_SUBTRACT: return a - b;
    case SEGCPU_MULTIPLY: return a * b;
    case SEGCPU_DIVIDE: return a / b;
    case SEGCPU_MAXIMUM: return ((a != a) | (a > b)) ? a : b;
    case SEGCPU_MINIMUM: return ((a != a) | (a < b)) ? a : b;
    case SEGCPU_POWER: return power(a, b);
    case SEGCPU_EQUAL: return truth(a == b);
    case SEGCPU_LESS: return truth(a < b);
    case SEGCPU_LESS_OR_EQUAL: return truth(a <= b);
    default: return b != 0.0f ? a : (vf)0.0f;
    }
}

// Calls FUNCTION with the op as a constant, so that it is compiled separately for each op.
#define FOR_BINARY(op, FUNCTION, ...)                                                                                  \
    switch (op) {                                                                                                      \
    case SEGCPU_ADD: FUNCTION(SEGCPU_ADD, __VA_ARGS__); break;                                                         \
    case SEGCPU_SUBTRACT: FUNCTION(SEGCPU_SUBTRACT, __VA_ARGS__); break;                                               \
    case SEGCPU_MULTIPLY: FUNCTION(SEGCPU_MULTIPLY, __VA_ARGS__); break;                                               \
    case SEGCPU_DIVIDE: FUNCTION(SEGCPU_DIVIDE, __VA_ARGS__); break;                                                   \
    case SEGCPU_MAXIMUM: FUNCTION(SEGCPU_MAXIMUM, __VA_ARGS__); break;                                                 \
    case SEGCPU_MINIMUM: FUNCTION(SEGCPU_MINIMUM, __VA_ARGS__); break;                                                 \
    case SEGCPU_POWER: FUNCTION(SEGCPU_POWER, __VA_ARGS__); break;                                                     \
    case SEGCPU_EQUAL: FUNCTION(SEGCPU_EQUAL, __VA_ARGS__); break;                                                     \
    case SEGCPU_LESS: FUNCTION(SEGCPU_LESS, __VA_ARGS__); break;                                                       \
    case SEGCPU_LESS_OR_EQUAL: FUNCTION(SEGCPU_LESS_OR_EQUAL, __VA_ARGS__); break;                                     \
    default: FUNCTION(SEGCPU_MASK, __VA_ARGS__);                                                                       \
    }

INLINE void binary_as(
    int op, const float *a, size_t a_period, const float *b, size_t b_period, float *y, size_t count) {
    size_t at_a = 0, at_b = 0, i = 0;
    if (!a_period) a_period = SIZE_MAX / LANES * LANES;
    if (!b_period) b_period = SIZE_MAX / LANES * LANES;
    for (; i + LANES <= count; i += LANES) {
        store(y + i, binary_value(op, load(a + at_a), load(b + at_b)));
        at_a = at_a + LANES == a_period ? 0 : at_a + LANES;
        at_b = at_b + LANES == b_period ? 0 : at_b + LANES;
    }
    size_t lanes = count - i;
    if (lanes) store_part(y + i, binary_value(op, load_part(a + at_a, lanes), load_part(b + at_b, lanes)), lanes);
}

static void binary(int op, const float *a, size_t a_period, const float *b, size_t b_period, float *y, size_t count) {
    FOR_BINARY(op, binary_as, a, a_period, b, b_period, y, count)
}

// An operand's part of a row: a vector of elements, or its one repeated number.
INLINE vf row_part(segcpu_operand x, size_t i, size_t lanes) {
    return x.step ? load_part(x.data + i, lanes) : (vf)(*x.data);
}

// Sixteen elements of short rows; places[i] is the row start plus the step of element i.
INLINE vf gathered(segcpu_operand x, size_t row, const int32_t *places) {
    float part[LANES];
    for (int i = 0; i < LANES; i++) part[i] = x.data[row * x.row + (size_t)places[i]];
    return load(part);
}

// Computes sixteen rows of fewer than sixteen elements side by side.
INLINE void short_rows_as(int op, segcpu_operand a, segcpu_operand b, float *y, size_t rows, size_t count) {
    int32_t at_a[LANES * LANES], at_b[LANES * LANES];
    for (size_t i = 0; i < LANES * count; i++) {
        at_a[i] = (int32_t)(i / count * a.row + i % count * a.step);
        at_b[i] = (int32_t)(i / count * b.row + i % count * b.step);
    }
    const bool a_runs = a.step == 1 && a.row == count, b_runs = b.step == 1 && b.row == count;
    for (size_t row = 0; row + LANES <= rows; row += LANES)
        for (size_t i = 0; i < LANES * count; i += LANES) {
            vf left = a_runs ? load(a.data + row * count + i) : gathered(a, row, at_a + i);
            vf right = b_runs ? load(b.data + row * count + i) : gathered(b, row, at_b + i);
            store(y + row * count + i, binary_value(op, left, right));
        }
}

INLINE void binary_rows_as(int op, segcpu_operand a, segcpu_operand b, float *y, size_t rows, size_t count) {
    size_t row = 0;
    if (count < LANES && a.row < 1 << 20 && b.row < 1 << 20) {
        short_rows_as(op, a, b, y, rows, count);
        row = rows / LANES * LANES;
    }
    for (; row < rows; row++) {
        segcpu_operand left = {a.data + row * a.row, a.row, a.step}, right = {b.data + row * b.row, b.row, b.step};
        size_t i = 0;
        for (; i + LANES <= count; i += LANES)
            store(y + row * count + i, binary_value(op, row_part(left, i, LANES), row_part(right, i, LANES)));
        size_t lanes = count - i;
        if (lanes)
            store_part(
                y + row * count + i, binary_value(op, row_part(left, i, lanes), row_part(right, i, lanes)), lanes);
    }
}

static void binary_rows(int op, segcpu_operand a, segcpu_operand b, float *y, size_t rows, size_t count) {
    FOR_BINARY(op, binary_rows_as, a, b, y, rows, count)
}

// ln x for any x.
INLINE vf any_logarithm(vf x) {
    vi is_tiny = x < 1.17549435e-38f;
    vf y = logarithm(is_tiny ? x * 16777216.0f : x);
    y = is_tiny ? y - 16.6355323f : y;
    y = x == __builtin_inff() ? x : y;
    y = x == 0.0f ? (vf)(-__builtin_inff()) : y;
    return ((x < 0.0f) | (x != x)) ? (vf)__builtin_nanf("") : y;
}

// ln(1 + x) without loss of accuracy for small x (Kahan): the ratio corrects the rounding of 1 + x.
INLINE vf any_log1p(vf x) {
    vf u = 1.0f + x, d = u - 1.0f;
    vf y = any_logarithm(u);
    return ((d == 0.0f) | (x == __builtin_inff())) ? x : y * (x / d);
}

INLINE vf unary_value(int op, vf x) {
    switch (op) {
    case SEGCPU_EXP: return exponential(x);
    case SEGCPU_LOG: return any_logarithm(x);
    case SEGCPU_LOG1P: return any_log1p(x);
    case SEGCPU_SQRT: return __builtin_elementwise_sqrt(x);
    case SEGCPU_RECIPROCAL: return 1.0f / x;
    case SEGCPU_ABS: return __builtin_elementwise_abs(x);
    default: return x > 0.0f ? (vf)1.0f : x < 0.0f ? (vf)-1.0f : (vf)0.0f;
    }
}

INLINE void unary_as(int op, const float *x, float *y, size_t count) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) store(y + i, unary_value(op, load(x + i)));
    size_t lanes = count - i;
    if (lanes) store_part(y + i, unary_value(op, load_part(x + i, lanes)), lanes);
}

static void unary(int op, const float *x, float *y, size_t count) {
    switch (op) {
    case SEGCPU_EXP: unary_as(SEGCPU_EXP, x, y, count); break;
    case SEGCPU_LOG: unary_as(SEGCPU_LOG, x, y, count); break;
    case SEGCPU_LOG1P: unary_as(SEGCPU_LOG1P, x, y, count); break;
    case SEGCPU_SQRT: unary_as(SEGCPU_SQRT, x, y, count); break;
    case SEGCPU_RECIPROCAL: unary_as(SEGCPU_RECIPROCAL, x, y, count); break;
    case SEGCPU_ABS: unary_as(SEGCPU_ABS, x, y, count); break;
    default: unary_as(SEGCPU_SIGN, x, y, count);
    }
}

static void cast(const int32_t *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = (float)x[i];
}

static void scale(const float *x, float alpha, float *y, float beta, size_t count) {
    if (beta == 0)
        for (size_t i = 0; i < count; i++) y[i] = alpha * x[i];
    else
        for (size_t i = 0; i < count; i++) y[i] = alpha * x[i] + beta * y[i];
}
