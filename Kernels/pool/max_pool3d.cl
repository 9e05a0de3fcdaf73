// Max pooling, channels-last. NDRange: dimension 0, one item per element of the output.

// The maximum of each box and its position within the sample; of equal values, the first.
__kernel void max_pool3d(
    IN(x), OUT(y), OUT_INT(indices), const ulong count, const int4 in_size, const int4 out_size, const int4 window,
    const int4 stride, const int4 padding) {
    ENTER(x);
    ENTER(y);
    ENTER(indices);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int channels = in_size.w;
    const ulong row = i / channels;
    const int w = (int)(row % out_size.z), h = (int)(row / out_size.z % out_size.y);
    const int d = (int)(row / out_size.z / out_size.y % out_size.x);
    const ulong sample = row / out_size.z / out_size.y / out_size.x * ((ulong)in_size.x * in_size.y * in_size.z);
    const int4 start = (int4)(d, h, w, 0) * stride - padding;
    const int4 first = max(start, (int4)(0)), end = min(start + window, in_size);
    float best = -INFINITY;
    int place = (first.x * in_size.y + first.y) * in_size.z + first.z;
    for (int a = first.x; a < end.x; a++)
        for (int b = first.y; b < end.y; b++)
            for (int c = first.z; c < end.z; c++) {
                const int position = (a * in_size.y + b) * in_size.z + c;
                const float value = x[(sample + position) * channels + i % channels];
                if (value > best || isnan(value)) {
                    best = value;
                    place = position;
                }
            }
    y[i] = best;
    indices[i] = place;
}

// The sum of the upstream values of the boxes whose maximum is at this position, box by box.
__kernel void max_pool3d_backward(
    IN(upstream), IN_INT(indices), OUT(gx), const ulong count, const int4 in_size, const int4 out_size,
    const int4 window, const int4 stride, const int4 padding, const int accumulate) {
    ENTER(upstream);
    ENTER(indices);
    ENTER(gx);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int channels = in_size.w;
    const ulong row = i / channels;
    const int w = (int)(row % in_size.z), h = (int)(row / in_size.z % in_size.y);
    const int d = (int)(row / in_size.z / in_size.y % in_size.x);
    const ulong sample = row / in_size.z / in_size.y / in_size.x * ((ulong)out_size.x * out_size.y * out_size.z);
    const int position = (d * in_size.y + h) * in_size.z + w;
    const int4 padded = (int4)(d, h, w, 0) + padding;
    const int4 first = max((padded - window + stride) / stride, (int4)(0)), end = min(padded / stride + 1, out_size);
    float sum = 0.0f;
    for (int a = first.x; a < end.x; a++)
        for (int b = first.y; b < end.y; b++)
            for (int c = first.z; c < end.z; c++) {
                const ulong o = (sample + ((ulong)a * out_size.y + b) * out_size.z + c) * channels + i % channels;
                if (indices[o] == position) sum += upstream[o];
            }
    put(gx, i, sum, accumulate);
}
