// Copies or adds a box of up to five axes between two strided arrays.
// NDRange: dimension 0, one item per element of the box. `size` holds the sizes of axes 1 to 4.

#define COPY_REGION(name, type)                                                                                        \
    __kernel void name(                                                                                                \
        __global const type *x, const ulong x_start, __global type *y, const ulong y_start, const ulong count,         \
        const int4 size, const ulong x0, const ulong x1, const ulong x2, const ulong x3, const ulong x4,               \
        const ulong y0, const ulong y1, const ulong y2, const ulong y3, const ulong y4, const int accumulate) {        \
        ulong rest = get_global_id(0);                                                                                 \
        if (rest >= count) return;                                                                                     \
        const ulong i4 = rest % size.w;                                                                                \
        rest /= size.w;                                                                                                \
        const ulong i3 = rest % size.z;                                                                                \
        rest /= size.z;                                                                                                \
        const ulong i2 = rest % size.y;                                                                                \
        rest /= size.y;                                                                                                \
        const ulong i1 = rest % size.x, i0 = rest / size.x;                                                            \
        const type value = x[x_start + i0 * x0 + i1 * x1 + i2 * x2 + i3 * x3 + i4 * x4];                               \
        const ulong at = y_start + i0 * y0 + i1 * y1 + i2 * y2 + i3 * y3 + i4 * y4;                                    \
        y[at] = accumulate ? (type)(y[at] + value) : value;                                                            \
    }

COPY_REGION(copy_region_f32, float)
COPY_REGION(copy_region_i32, int)
COPY_REGION(copy_region_u8, uchar)
