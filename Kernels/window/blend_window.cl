// Adds weights · window to `sum` and weights to `weight_sum`, at an origin.
// window [d, h, w, C], weights [d, h, w], sum [D, H, W, C].
// NDRange: dimension 0, one item per element of the window.

__kernel void blend_window(
    IN(window), IN(weights), OUT(sum), OUT(weight_sum), const ulong count, const int4 size, const int4 whole,
    const int4 origin) {
    ENTER(window);
    ENTER(weights);
    ENTER(sum);
    ENTER(weight_sum);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int channels = size.w;
    const ulong row = i / channels;
    const int channel = (int)(i % channels);
    const int w = (int)(row % size.z), h = (int)(row / size.z % size.y), d = (int)(row / size.z / size.y);
    const ulong at = ((ulong)(origin.x + d) * whole.y + origin.y + h) * whole.z + origin.z + w;
    sum[at * channels + channel] += weights[row] * window[i];
    if (channel == 0) weight_sum[at] += weights[row];
}

// Divides each channel vector of x by its divisor.
__kernel void divide_rows(IN(x), IN(divisors), OUT(y), const ulong count, const uint channels) {
    ENTER(x);
    ENTER(divisors);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i < count) y[i] = x[i] / divisors[i / channels];
}
