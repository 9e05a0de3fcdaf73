// The peak rates of a device: multiply-adds in registers, and a copy. WIDTH is the width of the vectors of an item.

#ifndef WIDTH
#define WIDTH 1
#endif

#if WIDTH == 1
#define FLOATS float
#define LOAD(i, x) (x)[i]
#define STORE(value, i, y) (y)[i] = (value)
#elif WIDTH == 4
#define FLOATS float4
#define LOAD(i, x) vload4(i, x)
#define STORE(value, i, y) vstore4(value, i, y)
#else
#define FLOATS float16
#define LOAD(i, x) vload16(i, x)
#define STORE(value, i, y) vstore16(value, i, y)
#endif

// The number of independent sums of an item, enough to hide the latency of a multiply-add; OpenCLBackend+Profile.swift
// contains the same number.
#define SUMS 8

// y [items · WIDTH]. NDRange: dimension 0, one item per SUMS · WIDTH · rounds multiply-adds.
__kernel void multiply_adds(OUT(y), const ulong count, const int rounds, const float factor, const float term) {
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    FLOATS sum[SUMS];
    UNROLL
    for (int s = 0; s < SUMS; s++) sum[s] = (FLOATS)((float)(s + (i & 7)));
    for (int round = 0; round < rounds; round++) {
        UNROLL
        for (int s = 0; s < SUMS; s++) sum[s] = mad(sum[s], (FLOATS)(factor), (FLOATS)(term));
    }
    FLOATS total = sum[0];
    UNROLL
    for (int s = 1; s < SUMS; s++) total += sum[s];
    STORE(total, i, y);
}

// y = x. NDRange: dimension 0, one item per WIDTH elements.
__kernel void copy_vectors(IN(x), OUT(y), const ulong count) {
    ENTER(x);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i < count) STORE(LOAD(i, x), i, y);
}
