// Softmax over the last axis and its gradient.
// NDRange: dimension 0, `lanes` items (a power of two up to GROUP) per row, GROUP / lanes rows per work-group.

#define ROWS_OF_GROUP                                                                                                  \
    const uint lane = get_local_id(0) % lanes;                                                                         \
    const ulong row = get_group_id(0) * (GROUP / lanes) + get_local_id(0) / lanes;                                     \
    const uint end = row < rows ? channels : 0;                                                                        \
    const ulong start = row * channels;

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void softmax(
    IN(x), OUT(y), const ulong rows, const uint channels, const uint lanes) {
    ENTER(x);
    ENTER(y);
    __local float scratch[GROUP];
    ROWS_OF_GROUP
    float largest = -INFINITY, sum = 0.0f;
    for (uint c = lane; c < end; c += lanes) largest = fmax(largest, x[start + c]);
    largest = max_over_lanes(scratch, largest, lanes);
    for (uint c = lane; c < end; c += lanes) sum += exp(x[start + c] - largest);
    sum = sum_over_lanes(scratch, sum, lanes);
    for (uint c = lane; c < end; c += lanes) y[start + c] = exp(x[start + c] - largest) / sum;
}

// gx = y · (upstream − Σ upstream · y).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void softmax_backward(
    IN(y), IN(upstream), OUT(gx), const ulong rows, const uint channels, const uint lanes, const int accumulate) {
    ENTER(y);
    ENTER(upstream);
    ENTER(gx);
    __local float scratch[GROUP];
    ROWS_OF_GROUP
    float dot = 0.0f;
    for (uint c = lane; c < end; c += lanes) dot += upstream[start + c] * y[start + c];
    dot = sum_over_lanes(scratch, dot, lanes);
    for (uint c = lane; c < end; c += lanes) put(gx, start + c, y[start + c] * (upstream[start + c] - dot), accumulate);
}
