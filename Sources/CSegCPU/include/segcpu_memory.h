// Copies of rows.
#pragma once

#include <stddef.h>

// Copies rows of `bytes` bytes. A step is the distance between rows in bytes. `past_caches` writes without filling the
// caches, for copies that are larger than the caches.
typedef void segcpu_copy_rows_kernel(
    const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t bytes, int past_caches);

// Adds rows of floats; the steps are in bytes too.
typedef void segcpu_add_rows_kernel(
    const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t count);
