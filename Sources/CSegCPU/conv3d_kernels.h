// The table through which the instruction set is chosen.
#ifndef CONV3D_KERNELS_H
#define CONV3D_KERNELS_H

#include "segcpu_conv3d.h"

typedef struct {
    int lanes;
    void (*tile)(
        const segcpu_conv3d *, ptrdiff_t, const ptrdiff_t[3], ptrdiff_t, ptrdiff_t, float *);
    void (*gradient_layout)(segcpu_conv3d_gradient *);
    void (*gradient_tile)(
        const segcpu_conv3d_gradient *, ptrdiff_t, const ptrdiff_t[3], ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t,
        bool, float *, float *);
} conv3d_kernels;

extern const conv3d_kernels conv3d_kernels_portable;
#if defined(__x86_64__)
extern const conv3d_kernels conv3d_kernels_avx2, conv3d_kernels_avx512;
#endif

// Floats that kernels may read past the end of a packed tile.
enum { CONV3D_SLACK = 128 };

static inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t step) { return (n + step - 1) / step * step; }
static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

#endif
