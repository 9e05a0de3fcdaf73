// Elementwise arithmetic.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The numbers are the indices of the cases of BinaryOp and UnaryOp in SegBackend/OpParams.swift; a test compares them.
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

// y = a op b. Each operand repeats after its period, a multiple of 16, or is as long as y if its period is 0. y may be
// either operand.
typedef void segcpu_binary_kernel(
    int op, const float *a, size_t a_period, const float *b, size_t b_period, float *y, size_t count);

// An operand in rows: `row` elements from a row to the next, and within a row a step of 1, or 0 if one number is
// repeated.
typedef struct {
    const float *data;
    size_t row, step;
} segcpu_operand;

// y [rows, count] = a op b. y may be an operand of its shape.
typedef void segcpu_binary_rows_kernel(int op, segcpu_operand a, segcpu_operand b, float *y, size_t rows, size_t count);

// y = op(x). y may be x.
typedef void segcpu_unary_kernel(int op, const float *x, float *y, size_t count);

// y = x as floats.
typedef void segcpu_cast_kernel(const int32_t *x, float *y, size_t count);

// y = alpha x + beta y; beta = 0 overwrites. y may be x.
typedef void segcpu_scale_kernel(const float *x, float alpha, float *y, float beta, size_t count);
