// The convolution kernels for avx512.
#if defined(__x86_64__)
#define LANES 16
#define ACCUMULATORS 28
#define KERNELS conv3d_kernels_avx512
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), apply_to = function)
#include "conv3d_vector.h"
#include "conv3d_direct.h"
#include "conv3d_gradient.h"
#include "gemm_block.h"
#include "matrix_product.h"
#include "winograd_transform.h"
#include "winograd_forward.h"
#include "winograd_weights.h"
#include "winograd_gradient.h"
#include "conv3d_table.h"
#pragma clang attribute pop
#endif
