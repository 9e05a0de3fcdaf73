// The size of the memory that matrix products need.
#include "segcpu_kernels.h"

#include "sizes.h"

size_t segcpu_product_scratch(void) {
    return (size_t)(PRODUCT_DEPTH * (PRODUCT_COLUMNS + PRODUCT_ROWS) + PRODUCT_ROWS * 2 * segcpu_kernels()->vec_lanes);
}
