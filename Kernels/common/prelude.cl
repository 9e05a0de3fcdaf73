// Definitions that precede every kernel.
//
// Arrays are f32 and channels-last. An array argument is a pointer and the index of its first element, so views need no
// alignment: IN and OUT declare the pair, and ENTER makes the pointer point at the first element. The pointer of an
// optional array may be null. Positions along an axis are int, rows are uint, linear offsets are ulong.
//
// GROUP: the default number of items of a work-group; OpenCLLauncher.swift contains the same number.

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

// Precedes a loop over an array that must be kept in registers.
#define UNROLL _Pragma("unroll")

// Precedes a function whose arrays must be kept in registers of its kernel.
#define INLINE inline __attribute__((always_inline))
