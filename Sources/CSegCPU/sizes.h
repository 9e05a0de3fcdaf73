// Sizes that are shared by kernels and the code that lays out their memory.
#pragma once

#include <stddef.h>

// The number of floats that kernels may read past the end of a packed tile.
enum { CONV3D_SLACK = 128 };

// The number of floats between the matrices of a Winograd convolution. This gap keeps the matrices from using the same
// sets of the cache.
enum { WINOGRAD_GAP = 16 };

// The block sizes of a matrix product: inner axis, columns and rows.
enum { PRODUCT_DEPTH = 256, PRODUCT_COLUMNS = 512, PRODUCT_ROWS = 112 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t step) { return (n + step - 1) / step * step; }
static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
