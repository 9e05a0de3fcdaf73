// Pointwise ops, sums over an axis, softmax, attention's row steps, and optimiser steps.
#ifndef SEGCPU_POINTWISE_H
#define SEGCPU_POINTWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The numbers are the places of the cases of BinaryOp and UnaryOp in SegBackend/OpParams.swift, which a test checks.
enum {
    SEGCPU_ADD = 0,
    SEGCPU_SUBTRACT = 1,
    SEGCPU_MULTIPLY = 2,
    SEGCPU_DIVIDE = 3,
    SEGCPU_MAXIMUM = 4,
    SEGCPU_MINIMUM = 5,
    SEGCPU_POWER = 6,
    SEGCPU_EQUAL = 7,
    SEGCPU_LESS = 8,
    SEGCPU_LESS_OR_EQUAL = 9,
    SEGCPU_MASK = 10,
};
enum {
    SEGCPU_EXP = 0,
    SEGCPU_LOG = 1,
    SEGCPU_LOG1P = 2,
    SEGCPU_SQRT = 3,
    SEGCPU_RECIPROCAL = 4,
    SEGCPU_ABS = 5,
    SEGCPU_SIGN = 6,
};
enum { SEGCPU_SUM = 0, SEGCPU_MAX };

// y = a op b; each repeats after its period, a multiple of 16, or is as long as y where that is 0. y may be either.
void segcpu_binary(
    int op, const float *a, size_t a_period, const float *b, size_t b_period, float *y, size_t count);

// An operand of rows: `row` elements from a row to the next, and along it a step of 1, or 0 where one number repeats.
typedef struct {
    const float *data;
    size_t row, step;
} segcpu_operand;

// y [rows, count] = a op b. y may be an operand of its shape.
void segcpu_binary_rows(int op, segcpu_operand a, segcpu_operand b, float *y, size_t rows, size_t count);

// y = op(x). y may be x.
void segcpu_unary(int op, const float *x, float *y, size_t count);

// y = x as floats.
void segcpu_cast(const int32_t *x, float *y, size_t count);

// y = alpha x + beta y; beta = 0 overwrites. y may be x.
void segcpu_scale(const float *x, float alpha, float *y, float beta, size_t count);

// Copies rows of `bytes` bytes, so many bytes apart on either side; past the caches where the whole copy outgrows them.
void segcpu_copy_rows(
    const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t bytes, int past_caches);

// Adds rows of floats, so many bytes apart on either side.
void segcpu_add_rows(const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t count);

// Each row of x [rows, channels] divided by its divisor. y may be x.
void segcpu_divide_rows(const float *x, const float *divisors, float *y, size_t rows, size_t channels);

// sum [rows, channels] += weights [rows] x, weight_sum += weights.
void segcpu_blend_rows(
    const float *x, const float *weights, float *sum, float *weight_sum, size_t rows, size_t channels);

// Sums of columns over a run of rows; period as in segcpu_norm.h. Scratch: a period each.
void segcpu_column_sums(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *wide, double *sums);

// The largest of columns over a run of rows, NaN where any is. Scratch: a period.
void segcpu_column_maxima(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *maxima);

// Reduces n rows, `stride` elements apart, of `width` columns.
void segcpu_reduce(int op, const float *x, size_t n, size_t stride, size_t width, double *out);

// Softmax of each row; scratch is 16 rows. y may be x.
void segcpu_softmax(const float *x, float *y, size_t rows, size_t channels, float *scratch);

// gx = y (g - Σ y g) for each row; scratch is 32 rows.
void segcpu_softmax_gradient(
    const float *y, const float *upstream, float *gx, bool accumulate, size_t rows, size_t channels, float *scratch);

// Attention over one block of keys: scores [rows, keys] (leading extent `stride`) become e^(scale s - max) with the
// running maximum; row sums follow; `decay` receives what earlier blocks' results are multiplied with.
void segcpu_attention_scores(
    float *scores, size_t rows, size_t keys, size_t stride, float scale, float *maximum, float *sum, float *decay);

// Multiplies rows of `width` elements, `stride` apart, with factors.
void segcpu_scale_rows(float *x, size_t rows, size_t width, size_t stride, const float *factors);

// The dot product of each pair of rows.
void segcpu_row_dots(const float *a, const float *b, size_t rows, size_t width, size_t stride, float *dots);

// From scores s and dP: p = e^(scale s - lse) to `scores`, dS = scale p (dP - dots) to `gradients`.
void segcpu_attention_gradient(
    float *scores, float *gradients, size_t rows, size_t keys, size_t stride, float scale, const float *log_sum_exp,
    const float *dots);

typedef struct {
    float beta1, beta2;
    float step_size;  // learning rate over 1 - beta1^step
    float correction; // 1 over the root of 1 - beta2^step
    float epsilon;
    float decay;     // added to the gradient, times the parameter
    float shrinkage; // what the parameter is multiplied with
} segcpu_adam_rule;

void segcpu_adam(
    const segcpu_adam_rule *rule, float *parameter, const float *gradient, float *first, float *second, size_t count);

typedef struct {
    float learning_rate, momentum;
    float share; // of the gradient in the momentum: 1 - dampening
    float decay;
    bool nesterov, first; // the first step fills the momentum with the gradient
} segcpu_sgd_rule;

// momentum may be NULL.
void segcpu_sgd(
    const segcpu_sgd_rule *rule, float *parameter, const float *gradient, float *momentum, size_t count);

#endif
