// Convolutions and transposed convolutions as one gather: row j of the grid writes output first + j · step and reads,
// for tap t, input j · in_step + delta(t). A transposed convolution has one grid for each residue modulo its stride.
//
// int4 arguments are depth, height, width and a fourth number: the channels for in_size and out_size, the batch for
// grid, and the number of taps for taps.

// Packed weights are f32, or half if HALF_WEIGHTS is 1. OpenCL C loads and stores half without an extension.
#ifndef HALF_WEIGHTS
#define HALF_WEIGHTS 0
#endif
#if HALF_WEIGHTS
#define weight_t half
#define WEIGHT(w, i) vload_half(i, w)
#define WEIGHTS4(w, i) vload_half4(i, w)
#define WEIGHTS16(w) vload_half16(0, w)
#define PUT_WEIGHT(w, i, value) vstore_half_rte(value, i, w)
#else
#define weight_t float
#define WEIGHT(w, i) (w)[i]
#define WEIGHTS4(w, i) ((__global const float4 *)(w))[i]
#define WEIGHTS16(w) vload16(0, w)
#define PUT_WEIGHT(w, i, value) (w)[i] = (value)
#endif
#define PACKED(name) __global weight_t *name, const ulong name##_start

#define GATHER_ARGUMENTS                                                                                               \
    const int4 in_size, const int4 out_size, const int4 grid, const int4 out_first, const int4 out_step,               \
        const int4 in_step, const int4 window, const int4 taps, const int4 tap_first, const int4 tap_step,             \
        const int4 delta_first, const int4 delta_step

// The depth, height, width and sample of a row.
inline int4 unravel(const uint row, const int4 size) {
    const uint line = row / size.z, plane = line / size.y;
    return (int4)(row % size.z, line % size.y, plane % size.x, plane / size.x).zyxw;
}

// The index of a tap among the grid's taps along each axis; the fourth number is 0.
inline int4 tap_at(const int tap, const int4 taps) {
    const int line = tap / taps.z;
    return (int4)(line / taps.y, line % taps.y, tap % taps.z, 0);
}

// The index of a tap in the whole kernel.
inline int tap_in_window(const int4 at, const int4 tap_first, const int4 tap_step, const int4 window) {
    const int4 t = tap_first + at * tap_step;
    return (t.x * window.y + t.y) * window.z + t.z;
}

// Whether a position (depth, height, width, sample) lies inside an array; false if the sample is negative.
inline int is_inside(const int4 at, const int4 size) {
    return at.w >= 0 && (uint)at.x < (uint)size.x && (uint)at.y < (uint)size.y && (uint)at.z < (uint)size.z;
}

// The index of the channel vector at a position (depth, height, width, sample).
inline ulong vector_of(const int4 at, const int4 size) {
    return ((ulong)((at.w * size.x + at.x) * size.y + at.y)) * size.z + at.z;
}

// Kernels that load vectors of four channels find an input as the sum of two int4: the corner, where the taps of a row
// begin, and the step from the corner to a tap. Both are depth, height, width and the index of a vector, modulo 2³², in
// an array whose number of channels is a multiple of 4.

// A coordinate so far outside every array that its sum with a step, or with another FAR, is outside too.
#define FAR (-0x40000000)

// The index of the vector of four at a position, relative to the array's first vector, modulo 2³².
inline int vectors_to(const int4 at, const int4 size) {
    const uint line = (uint)(at.w * size.x + at.x) * (uint)size.y + (uint)at.y;
    return (int)((line * (uint)size.z + (uint)at.z) * (uint)(size.w / 4));
}

// The position where the taps of a row of the grid begin; far outside if `is_row` is false.
inline int4 corner_of(const int4 at, const int is_row, const int4 in_step, const int4 delta_first, const int4 in_size) {
    const int4 place = (int4)(at.xyz * in_step.xyz, at.w) + delta_first;
    return (int4)(is_row ? place.x : FAR, place.yz, vectors_to(place, in_size));
}

// The step from the corner to a tap.
inline int4 step_to(const int4 delta, const int4 in_size) {
    return (int4)(delta.xyz, vectors_to((int4)(delta.xyz, 0), in_size));
}

// The same as is_inside, for the sum of a corner and a step.
inline int is_near(const int4 at, const int4 size) {
    return (uint)at.x < (uint)size.x && (uint)at.y < (uint)size.y && (uint)at.z < (uint)size.z;
}
