// Each kernel under its plain name: calls the version for the instruction set in use.
#include "segcpu_isa.h"
#include "segcpu_loss.h"
#include "segcpu_norm.h"
#include "segcpu_pointwise.h"
#include "segcpu_spatial.h"

#if defined(__x86_64__)
#define DISPATCH(name, parameters, arguments)                                                                          \
    void segcpu_##name##_avx512 parameters;                                                                            \
    void segcpu_##name##_avx2 parameters;                                                                              \
    void segcpu_##name##_portable parameters;                                                                          \
    void segcpu_##name parameters {                                                                                    \
        switch (segcpu_isa_level()) {                                                                                  \
        case SEGCPU_AVX512: segcpu_##name##_avx512 arguments; break;                                                   \
        case SEGCPU_AVX2: segcpu_##name##_avx2 arguments; break;                                                       \
        default: segcpu_##name##_portable arguments;                                                                   \
        }                                                                                                              \
    }
#else
#define DISPATCH(name, parameters, arguments)                                                                          \
    void segcpu_##name##_portable parameters;                                                                          \
    void segcpu_##name parameters { segcpu_##name##_portable arguments; }
#endif

DISPATCH(
    copy_rows,
    (const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t bytes, int past_caches),
    (from, from_step, to, to_step, rows, bytes, past_caches))

DISPATCH(
    add_rows, (const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t count),
    (from, from_step, to, to_step, rows, count))

DISPATCH(
    norm_statistics,
    (const float *x, size_t count, size_t channels, size_t period, float *scratch, double *wide, double *mean,
     double *m2),
    (x, count, channels, period, scratch, wide, mean, m2))

DISPATCH(
    norm_forward,
    (const segcpu_norm *norm, const float *x, const float *before, const float *after, float *y, segcpu_run run),
    (norm, x, before, after, y, run))

DISPATCH(
    norm_sums,
    (const segcpu_norm *norm, const float *x, const float *upstream, const float *before, float *g2, bool add_g2,
     segcpu_run run, size_t channels, float *scratch, double *wide, double *sums),
    (norm, x, upstream, before, g2, add_g2, run, channels, scratch, wide, sums))

DISPATCH(
    norm_gradient,
    (const segcpu_norm *norm, const float *a, const float *b, const float *c, const float *x, const float *upstream,
     const float *before, float *gx, bool accumulate, segcpu_run run),
    (norm, a, b, c, x, upstream, before, gx, accumulate, run))

DISPATCH(
    layer_statistics,
    (const float *x, size_t rows, size_t channels, float *mean, float *variance),
    (x, rows, channels, mean, variance))

DISPATCH(
    layer_forward,
    (const segcpu_norm *norm, const float *x, const float *mean, const float *variance, float epsilon, const float
     *before, const float *after, float *y, size_t rows, size_t channels, uint64_t element),
    (norm, x, mean, variance, epsilon, before, after, y, rows, channels, element))

DISPATCH(
    layer_gradient,
    (const segcpu_norm *norm, const float *x, const float *mean, const float *variance, float epsilon, const float
     *upstream, const float *before, float *g2, float *gx, bool accumulate, size_t rows, size_t channels, uint64_t
     element, float *scratch, double *sums),
    (norm, x, mean, variance, epsilon, upstream, before, g2, gx, accumulate, rows, channels, element, scratch,
     sums))

DISPATCH(
    dropout,
    (const segcpu_dropout_rule *rule, const float *keep, size_t period, const float *x, float *y, bool accumulate,
     segcpu_run run),
    (rule, keep, period, x, y, accumulate, run))

DISPATCH(
    dropout_multipliers,
    (const segcpu_dropout_rule *rule, uint64_t element, float *multipliers, size_t count),
    (rule, element, multipliers, count))

DISPATCH(
    binary,
    (int op, const float *a, size_t a_period, const float *b, size_t b_period, float *y, size_t count),
    (op, a, a_period, b, b_period, y, count))

DISPATCH(
    binary_rows,
    (int op, segcpu_operand a, segcpu_operand b, float *y, size_t rows, size_t count),
    (op, a, b, y, rows, count))

DISPATCH(unary, (int op, const float *x, float *y, size_t count), (op, x, y, count))

DISPATCH(cast, (const int32_t *x, float *y, size_t count), (x, y, count))

DISPATCH(
    scale,
    (const float *x, float alpha, float *y, float beta, size_t count),
    (x, alpha, y, beta, count))

DISPATCH(
    divide_rows,
    (const float *x, const float *divisors, float *y, size_t rows, size_t channels),
    (x, divisors, y, rows, channels))

DISPATCH(
    blend_rows,
    (const float *x, const float *weights, float *sum, float *weight_sum, size_t rows, size_t channels),
    (x, weights, sum, weight_sum, rows, channels))

DISPATCH(
    column_sums,
    (const float *x, size_t count, size_t channels, size_t period, float *scratch, double *wide, double *sums),
    (x, count, channels, period, scratch, wide, sums))

DISPATCH(
    column_maxima,
    (const float *x, size_t count, size_t channels, size_t period, float *scratch, double *maxima),
    (x, count, channels, period, scratch, maxima))

DISPATCH(
    reduce,
    (int op, const float *x, size_t n, size_t stride, size_t width, double *out),
    (op, x, n, stride, width, out))

DISPATCH(
    softmax,
    (const float *x, float *y, size_t rows, size_t channels, float *scratch),
    (x, y, rows, channels, scratch))

DISPATCH(
    softmax_gradient,
    (const float *y, const float *upstream, float *gx, bool accumulate, size_t rows, size_t channels, float
     *scratch),
    (y, upstream, gx, accumulate, rows, channels, scratch))

DISPATCH(
    attention_scores,
    (float *scores, size_t rows, size_t keys, size_t stride, float scale, float *maximum, float *sum, float *decay),
    (scores, rows, keys, stride, scale, maximum, sum, decay))

DISPATCH(
    scale_rows,
    (float *x, size_t rows, size_t width, size_t stride, const float *factors),
    (x, rows, width, stride, factors))

DISPATCH(
    row_dots,
    (const float *a, const float *b, size_t rows, size_t width, size_t stride, float *dots),
    (a, b, rows, width, stride, dots))

DISPATCH(
    attention_gradient,
    (float *scores, float *gradients, size_t rows, size_t keys, size_t stride, float scale, const float
     *log_sum_exp, const float *dots),
    (scores, gradients, rows, keys, stride, scale, log_sum_exp, dots))

DISPATCH(
    adam,
    (const segcpu_adam_rule *rule, float *parameter, const float *gradient, float *first, float *second, size_t
     count),
    (rule, parameter, gradient, first, second, count))

DISPATCH(
    sgd,
    (const segcpu_sgd_rule *rule, float *parameter, const float *gradient, float *momentum, size_t count),
    (rule, parameter, gradient, momentum, count))

DISPATCH(
    max_pool_row,
    (const segcpu_pool *pool, const float *x, ptrdiff_t d, ptrdiff_t h, float *y, int32_t *indices),
    (pool, x, d, h, y, indices))

DISPATCH(
    max_pool_gradient_row,
    (const segcpu_pool *pool, const float *upstream, const int32_t *indices, ptrdiff_t d, ptrdiff_t h, float *gx,
     bool accumulate),
    (pool, upstream, indices, d, h, gx, accumulate))

DISPATCH(
    resample_row,
    (const segcpu_taps taps[3], const float *x, size_t input_h, size_t input_w, size_t channels, size_t d, size_t h,
     size_t output_w, float *y, bool accumulate),
    (taps, x, input_h, input_w, channels, d, h, output_w, y, accumulate))

DISPATCH(
    dice_sums,
    (const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, float *scratch, double
     *sums),
    (dice, logits, labels, rows, scratch, sums))

DISPATCH(
    dice_gradient,
    (const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, const float *by_overlap,
     const float *by_size, float cross_entropy, float *gx, bool accumulate, float *scratch),
    (dice, logits, labels, rows, by_overlap, by_size, cross_entropy, gx, accumulate, scratch))

DISPATCH(
    focal_sum,
    (const segcpu_focal *focal, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sum),
    (focal, logits, labels, rows, scratch, sum))

DISPATCH(
    focal_gradient,
    (const segcpu_focal *focal, const float *logits, const int32_t *labels, size_t rows, float scale, float *gx,
     bool accumulate, float *scratch),
    (focal, logits, labels, rows, scale, gx, accumulate, scratch))
