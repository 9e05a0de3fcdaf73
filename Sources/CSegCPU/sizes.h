// Sizes that kernels and the code that lays out their memory agree on.
#pragma once

#include <stddef.h>

// Floats that kernels may read past the end of a packed tile.
enum { CONV3D_SLACK = 128 };

// Floats between the matrices of a Winograd convolution, to keep them from the same sets of the cache.
enum { WINOGRAD_GAP = 16 };

// Blocks of a product of matrices: the inner axis, columns and rows.
enum { PRODUCT_DEPTH = 256, PRODUCT_COLUMNS = 512, PRODUCT_ROWS = 112 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t step) { return (n + step - 1) / step * step; }
static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
