// Definitions that precede every kernel.
//
// Arrays are f32 and channels-last. An array argument is a pointer and the number of its first element, so that views
// need no alignment: IN and OUT declare the pair, ENTER makes the pointer point at the first element. A pointer may be
// null where an array is optional. Positions along an axis are int, rows uint, linear offsets ulong.
//
// GROUP: items of a work-group where nothing else is said; the same number stands in OpenCLLauncher.swift.

#ifndef GROUP
#define GROUP 128
#endif

#define IN(name) __global const float *name, const ulong name##_start
#define IN_INT(name) __global const int *name, const ulong name##_start
#define OUT(name) __global float *name, const ulong name##_start
#define OUT_INT(name) __global int *name, const ulong name##_start
#define ENTER(name) name += name##_start

// y[i] = value, or y[i] += value.
inline void put(__global float *y, const ulong i, const float value, const int accumulate) {
    y[i] = accumulate ? y[i] + value : value;
}

// Before a loop over an array that must become registers.
#define UNROLL _Pragma("unroll")

// Before a function whose arrays must become registers of its kernel.
#define INLINE inline __attribute__((always_inline))
