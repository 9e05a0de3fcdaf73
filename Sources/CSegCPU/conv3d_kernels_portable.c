// The convolution kernels for portable.
#if defined(__aarch64__)
#define ACCUMULATORS 24
#else
#define ACCUMULATORS 12
#endif
#define LANES 4
#define KERNELS conv3d_kernels_portable
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
