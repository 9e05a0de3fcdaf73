// Resizing by the nearest voxel or by interpolation between the eight neighbours, and the gradient, for which each
// input reads the outputs that depend on it.
// NDRange: dimension 0, one item per element of the output.

#define NEAREST 0
#define TRILINEAR 1
#define TRILINEAR_ALIGNED 2

typedef struct {
    int low;        // the lower of the two voxels read
    float fraction; // weight of the upper one
} tap_t;

// The voxels that output o of an axis reads, computed in integers, so that no rounding changes the voxel.
inline tap_t tap_of(const int mode, const int o, const int in, const int out) {
    tap_t tap = {0, 0.0f};
    if (mode == NEAREST) {
        tap.low = (int)((long)o * in / out);
        return tap;
    }
    const long top = mode == TRILINEAR ? max((2l * o + 1) * in - out, 0l) : (long)o * (in - 1);
    const long bottom = mode == TRILINEAR ? 2l * out : max(out - 1, 1);
    tap.low = (int)(top / bottom);
    tap.fraction = (float)(top % bottom) / (float)bottom;
    return tap;
}

// The weight of voxel i in output o.
inline float weight_of(const int mode, const int o, const int i, const int in, const int out) {
    const tap_t tap = tap_of(mode, o, in, out);
    const int high = min(tap.low + 1, in - 1);
    return (tap.low == i ? 1.0f - tap.fraction : 0.0f) + (high == i ? tap.fraction : 0.0f);
}

__kernel void resample3d(IN(x), OUT(y), const ulong count, const int4 in_size, const int4 out_size, const int mode) {
    ENTER(x);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int channels = in_size.w;
    const ulong row = i / channels;
    const tap_t d = tap_of(mode, (int)(row / out_size.z / out_size.y % out_size.x), in_size.x, out_size.x);
    const tap_t h = tap_of(mode, (int)(row / out_size.z % out_size.y), in_size.y, out_size.y);
    const tap_t w = tap_of(mode, (int)(row % out_size.z), in_size.z, out_size.z);
    const ulong sample = row / out_size.z / out_size.y / out_size.x * in_size.x;
    float sum = 0.0f;
    for (int corner = 0; corner < 8; corner++) {
        const int a = corner >> 2, b = corner >> 1 & 1, c = corner & 1;
        const float weight = (a ? d.fraction : 1.0f - d.fraction) * (b ? h.fraction : 1.0f - h.fraction)
            * (c ? w.fraction : 1.0f - w.fraction);
        if (weight == 0.0f) continue;
        const int zd = min(d.low + a, in_size.x - 1), zh = min(h.low + b, in_size.y - 1);
        const int zw = min(w.low + c, in_size.z - 1);
        sum += weight * x[(((sample + zd) * in_size.y + zh) * in_size.z + zw) * channels + i % channels];
    }
    y[i] = sum;
}

// The outputs that may read voxel i: from x to y − 1. Some of them do not read it, and their weight is 0.
inline int2 readers_of(const int i, const int in, const int out) {
    const int2 range = {(int)((long)(i - 1) * out / in) - 2, (int)((long)(i + 2) * out / in) + 3};
    // Clamping makes more outputs read the voxels at the border.
    return (int2)(i <= 1 ? 0 : clamp(range.x, 0, out), i >= in - 2 ? out : clamp(range.y, 0, out));
}

__kernel void resample3d_backward(
    IN(upstream), OUT(gx), const ulong count, const int4 in_size, const int4 out_size, const int mode,
    const int accumulate) {
    ENTER(upstream);
    ENTER(gx);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int channels = in_size.w;
    const ulong row = i / channels;
    const int w = (int)(row % in_size.z), h = (int)(row / in_size.z % in_size.y);
    const int d = (int)(row / in_size.z / in_size.y % in_size.x);
    const ulong sample = row / in_size.z / in_size.y / in_size.x * out_size.x;
    const int2 ds = readers_of(d, in_size.x, out_size.x), hs = readers_of(h, in_size.y, out_size.y);
    const int2 ws = readers_of(w, in_size.z, out_size.z);
    float sum = 0.0f;
    for (int a = ds.x; a < ds.y; a++) {
        const float by_d = weight_of(mode, a, d, in_size.x, out_size.x);
        if (by_d == 0.0f) continue;
        for (int b = hs.x; b < hs.y; b++) {
            const float by_h = by_d * weight_of(mode, b, h, in_size.y, out_size.y);
            if (by_h == 0.0f) continue;
            for (int c = ws.x; c < ws.y; c++) {
                const float weight = by_h * weight_of(mode, c, w, in_size.z, out_size.z);
                if (weight == 0.0f) continue;
                sum += weight * upstream[(((sample + a) * out_size.y + b) * out_size.z + c) * channels + i % channels];
            }
        }
    }
    put(gx, i, sum, accumulate);
}
