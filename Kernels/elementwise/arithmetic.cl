// Pointwise arithmetic.
// NDRange: dimension 0, one item per wide element, a vector of WIDTH elements. The host sets WIDTH above 1 only if
// every array is aligned to WIDTH elements.

#ifndef WIDTH
#define WIDTH 1
#endif
#if WIDTH == 4
typedef float4 wide_t;
#define ISNAN(x) isnan(x)
#else
typedef float wide_t;
#define ISNAN(x) ((x) != (x))
#endif

// The numbers are the indices of the cases of BinaryOp and UnaryOp in SegBackend/OpParams.swift; a test compares them.
#define ADD 0
#define SUBTRACT 1
#define MULTIPLY 2
#define DIVIDE 3
#define MAXIMUM 4
#define MINIMUM 5
#define POWER 6
#define EQUAL 7
#define LESS 8
#define LESS_OR_EQUAL 9
#define MASK 10

#define EXP 0
#define LOG 1
#define LOG1P 2
#define SQRT 3
#define RECIPROCAL 4
#define ABS 5
#define SIGN 6

#define TRUTH(condition) ((condition) ? (wide_t)(1.0f) : (wide_t)(0.0f))

inline wide_t binary_value(const int op, const wide_t a, const wide_t b) {
    switch (op) {
    case ADD: return a + b;
    case SUBTRACT: return a - b;
    case MULTIPLY: return a * b;
    case DIVIDE: return a / b;
    // The result is NaN if either operand is NaN.
    case MAXIMUM: return ISNAN(a) || a > b ? a : b;
    case MINIMUM: return ISNAN(a) || a < b ? a : b;
    case POWER: return pow(a, b);
    case EQUAL: return TRUTH(a == b);
    case LESS: return TRUTH(a < b);
    case LESS_OR_EQUAL: return TRUTH(a <= b);
    default: return b != (wide_t)(0.0f) ? a : (wide_t)(0.0f);
    }
}

inline wide_t unary_value(const int op, const wide_t x) {
    switch (op) {
    case EXP: return exp(x);
    case LOG: return log(x);
    case LOG1P: return log1p(x);
    case SQRT: return sqrt(x);
    case RECIPROCAL: return (wide_t)(1.0f) / x;
    case ABS: return fabs(x);
    default: return x > (wide_t)(0.0f) ? (wide_t)(1.0f) : x < (wide_t)(0.0f) ? (wide_t)(-1.0f) : (wide_t)(0.0f);
    }
}

// An operand that repeats after `period` wide elements; a single number if `period` is 0.
inline wide_t repeated(__global const float *x, const ulong i, const ulong period, const ulong count) {
    if (period == 0) return (wide_t)(x[0]);
    return ((__global const wide_t *)x)[period == count ? i : i % period];
}

// y = a ∘ b, where both operands repeat with a period; counts are of wide elements.
__kernel void binary(
    IN(a), IN(b), OUT(y), const ulong count, const ulong a_period, const ulong b_period, const int op) {
    ENTER(a);
    ENTER(b);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    ((__global wide_t *)y)[i] = binary_value(op, repeated(a, i, a_period, count), repeated(b, i, b_period, count));
}

// y = op(x); the count is of wide elements.
__kernel void unary(IN(x), OUT(y), const ulong count, const int op) {
    ENTER(x);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i < count) ((__global wide_t *)y)[i] = unary_value(op, ((__global const wide_t *)x)[i]);
}

#if WIDTH == 1

// y [extents.x, .y, .z, .w] = a ∘ b, where each operand has its own strides along the axes; a stride of 0 repeats the
// operand.
__kernel void binary_strided(
    IN(a), IN(b), OUT(y), const ulong count, const int4 extents, const int4 a_steps, const int4 b_steps, const int op) {
    ENTER(a);
    ENTER(b);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const ulong planes = i / (uint)extents.w, rows = planes / (uint)extents.z;
    const ulong w = i % (uint)extents.w, z = planes % (uint)extents.z;
    const ulong v = rows % (uint)extents.y, u = rows / (uint)extents.y;
    const ulong at_a = u * (uint)a_steps.x + v * (uint)a_steps.y + z * (uint)a_steps.z + w * (uint)a_steps.w;
    const ulong at_b = u * (uint)b_steps.x + v * (uint)b_steps.y + z * (uint)b_steps.z + w * (uint)b_steps.w;
    y[i] = binary_value(op, a[at_a], b[at_b]);
}

// y = x as floating-point numbers.
__kernel void cast(IN_INT(x), OUT(y), const ulong count) {
    ENTER(x);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i < count) y[i] = (float)x[i];
}

// y = alpha · x + beta · y, without reading y if beta is 0.
__kernel void scale(IN(x), OUT(y), const ulong count, const float alpha, const float beta) {
    ENTER(x);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    y[i] = beta == 0.0f ? alpha * x[i] : alpha * x[i] + beta * y[i];
}

#endif
