// Convolutions and transposed convolutions as one gather: row j of the grid writes output first + j · step and reads,
// for tap t, input j · in_step + delta(t). A transposed convolution is a grid for each residue of its stride.
//
// int4 arguments are depth, height, width; in_size and out_size carry their channels, grid the batch, taps their count.

// Packed weights are f32, or with HALF_WEIGHTS half, which OpenCL C loads and stores without an extension.
#ifndef HALF_WEIGHTS
#define HALF_WEIGHTS 0
#endif
#if HALF_WEIGHTS
#define weight_t half
#define WEIGHT(w, i) vload_half(i, w)
#define WEIGHTS16(w) vload_half16(0, w)
#define PUT_WEIGHT(w, i, value) vstore_half_rte(value, i, w)
#else
#define weight_t float
#define WEIGHT(w, i) (w)[i]
#define WEIGHTS16(w) vload16(0, w)
#define PUT_WEIGHT(w, i, value) (w)[i] = (value)
#endif
#define PACKED(name) __global weight_t *name, const ulong name##_start

#define GATHER_ARGUMENTS                                                                                               \
    const int4 in_size, const int4 out_size, const int4 grid, const int4 out_first, const int4 out_step,               \
        const int4 in_step, const int4 window, const int4 taps, const int4 tap_first, const int4 tap_step,             \
        const int4 delta_first, const int4 delta_step

// Depth, height, width and sample of a row.
inline int4 unravel(const uint row, const int4 size) {
    const uint line = row / size.z, plane = line / size.y;
    return (int4)(row % size.z, line % size.y, plane % size.x, plane / size.x).zyxw;
}

// Which of the grid's taps along each axis; 0 last.
inline int4 tap_at(const int tap, const int4 taps) {
    const int line = tap / taps.z;
    return (int4)(line / taps.y, line % taps.y, tap % taps.z, 0);
}

// Index of a tap in the whole kernel.
inline int tap_in_window(const int4 at, const int4 tap_first, const int4 tap_step, const int4 window) {
    const int4 t = tap_first + at * tap_step;
    return (t.x * window.y + t.y) * window.z + t.z;
}

// Whether a position with its sample lies inside an array; a negative sample never does.
inline int is_inside(const int4 at, const int4 size) {
    return at.w >= 0 && (uint)at.x < (uint)size.x && (uint)at.y < (uint)size.y && (uint)at.z < (uint)size.z;
}

// The channel vector of a position with its sample.
inline ulong vector_of(const int4 at, const int4 size) {
    return ((ulong)((at.w * size.x + at.x) * size.y + at.y)) * size.z + at.z;
}
