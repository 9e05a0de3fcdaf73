// The table through which the instruction set is chosen.
#ifndef CONV3D_KERNELS_H
#define CONV3D_KERNELS_H

#include "segcpu_conv3d.h"
#include "segcpu_matrix.h"
#include "segcpu_winograd.h"

typedef struct {
    int lanes;
    void (*tile)(
        const segcpu_conv3d *, ptrdiff_t, const ptrdiff_t[3], ptrdiff_t, ptrdiff_t, float *);
    void (*gradient_layout)(segcpu_conv3d_gradient *);
    void (*gradient_tile)(
        const segcpu_conv3d_gradient *, ptrdiff_t, const ptrdiff_t[3], ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t,
        bool, float *, float *);
    void (*winograd_cubes)(
        const segcpu_winograd *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *);
    void (*winograd_transform_weights)(
        const segcpu_winograd *, const float *, ptrdiff_t, ptrdiff_t, bool, ptrdiff_t, ptrdiff_t, float *);
    void (*winograd_gradient_cubes)(
        const segcpu_winograd *, int, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, bool, float *, float *);
    void (*winograd_gradient_taps)(
        const segcpu_winograd *, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, bool);
    void (*multiply)(const segcpu_product *, float *);
} conv3d_kernels;

extern const conv3d_kernels conv3d_kernels_portable;
#if defined(__x86_64__)
extern const conv3d_kernels conv3d_kernels_avx2, conv3d_kernels_avx512;
#endif

// Floats that kernels may read past the end of a packed tile.
enum { CONV3D_SLACK = 128 };

// Floats between the matrices of a Winograd convolution, to keep them from the same sets of the cache.
enum { WINOGRAD_GAP = 16 };

// Blocks of a product of matrices: the inner axis, columns and rows.
enum { PRODUCT_DEPTH = 256, PRODUCT_COLUMNS = 512, PRODUCT_ROWS = 112 };

static inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t step) { return (n + step - 1) / step * step; }
static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

#endif
