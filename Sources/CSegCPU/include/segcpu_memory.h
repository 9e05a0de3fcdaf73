// Copies of rows.
#pragma once

#include <stddef.h>

// Copies rows of `bytes` bytes, so many bytes apart on either side; past the caches where the whole copy outgrows them.
typedef void segcpu_copy_rows_kernel(
    const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t bytes, int past_caches);

// Adds rows of floats, so many bytes apart on either side.
typedef void segcpu_add_rows_kernel(
    const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t count);
