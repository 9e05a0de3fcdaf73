// The mean and biased variance of each statistics group.
//
// The result is accurate even if the mean is far from zero: an item sums distances to its first value, and parts are
// merged by their means and squared distances (Chan, Golub and LeVeque 1979).

// Merges the moments of two sets into `a`.
#define MERGE(a_count, a_mean, a_squares, b_count, b_mean, b_squares)                                                  \
    do {                                                                                                               \
        const float total = (a_count) + (b_count);                                                                     \
        if (total > 0.0f) {                                                                                            \
            const float delta = (b_mean) - (a_mean), share = (b_count) / total;                                        \
            a_mean += delta * share;                                                                                   \
            a_squares += (b_squares) + delta * delta * a_count * share;                                                \
            a_count = total;                                                                                           \
        }                                                                                                              \
    } while (0)

// The moments of each sample, chunk of rows and channel: means and squares [samples, chunks, channels].
// NDRange: columns (see common/reduce.cl).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void norm_moments(
    IN(x), OUT(means), OUT(squares), const uint channels, const uint rows, const uint chunk_rows) {
    ENTER(x);
    ENTER(means);
    ENTER(squares);
    __local float count[GROUP], mean[GROUP], square[GROUP];
    const columns_t c = columns_of_item(channels, rows, chunk_rows);
    const uint item = get_local_id(0);
    float number = 0.0f, sum = 0.0f, distance = 0.0f, shift = 0.0f;
    if (c.active)
        for (uint row = c.first; row < c.end; row += c.subs) {
            const float value = x[((ulong)c.outer * rows + row) * channels + c.column];
            if (row == c.first) shift = value;
            number += 1.0f;
            sum += value - shift;
            distance += (value - shift) * (value - shift);
        }
    count[item] = number;
    mean[item] = number > 0.0f ? shift + sum / number : 0.0f;
    square[item] = number > 0.0f ? fmax(distance - sum * sum / number, 0.0f) : 0.0f;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint left = c.subs; left > 1;) {
        const uint half_left = (left + 1) / 2;
        const uint other = item + half_left * c.width;
        if (c.sub + half_left < left)
            MERGE(count[item], mean[item], square[item], count[other], mean[other], square[other]);
        barrier(CLK_LOCAL_MEM_FENCE);
        left = half_left;
    }
    if (c.active && c.sub == 0) {
        const ulong at = ((ulong)c.outer * c.chunks + c.chunk) * channels + c.column;
        means[at] = mean[item];
        squares[at] = square[item];
    }
}

// Merges the moments of norm_moments. A statistic covers `stat_channels` channels of one sample, or of all samples if
// `per_sample` (statistics per sample) is 0.
// NDRange: one work-group per statistic.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void norm_merge(
    IN(means), IN(squares), OUT(mean), OUT(variance), const uint samples, const uint channels, const uint rows,
    const uint chunk_rows, const uint chunks, const uint per_sample, const uint stat_channels) {
    ENTER(means);
    ENTER(squares);
    ENTER(mean);
    ENTER(variance);
    __local float count_of[GROUP], mean_of[GROUP], square_of[GROUP];
    const uint item = get_local_id(0), stat = get_group_id(0);
    const uint sample = per_sample > 0 ? stat / per_sample : 0;
    const uint first = (per_sample > 0 ? stat % per_sample : stat) * stat_channels;
    const uint parts = (per_sample > 0 ? 1 : samples) * chunks * stat_channels;
    float number = 0.0f, centre = 0.0f, distance = 0.0f;
    for (uint part = item; part < parts; part += GROUP) {
        const uint chunk = part / stat_channels % chunks;
        const ulong at = ((ulong)(sample + part / stat_channels / chunks) * chunks + chunk) * channels + first
            + part % stat_channels;
        const float size = (float)(min(rows, (chunk + 1) * chunk_rows) - chunk * chunk_rows);
        const float other_mean = means[at], other_square = squares[at];
        MERGE(number, centre, distance, size, other_mean, other_square);
    }
    count_of[item] = number;
    mean_of[item] = centre;
    square_of[item] = distance;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint step = GROUP / 2; step > 0; step /= 2) {
        const uint other = item + step;
        if (item < step)
            MERGE(count_of[item], mean_of[item], square_of[item], count_of[other], mean_of[other], square_of[other]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (item == 0) {
        mean[stat] = mean_of[0];
        variance[stat] = square_of[0] / count_of[0];
    }
}

// The statistics of each channel vector, in two passes over it.
// NDRange: dimension 0, `lanes` items (a power of two up to GROUP) per row.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void layer_statistics(
    IN(x), OUT(mean), OUT(variance), const ulong rows, const uint channels, const uint lanes) {
    ENTER(x);
    ENTER(mean);
    ENTER(variance);
    __local float scratch[GROUP];
    const uint lane = get_local_id(0) % lanes;
    const ulong row = get_group_id(0) * (GROUP / lanes) + get_local_id(0) / lanes;
    const uint end = row < rows ? channels : 0;
    float sum = 0.0f, distance = 0.0f;
    for (uint c = lane; c < end; c += lanes) sum += x[row * channels + c];
    const float centre = sum_over_lanes(scratch, sum, lanes) / channels;
    for (uint c = lane; c < end; c += lanes) {
        const float delta = x[row * channels + c] - centre;
        distance += delta * delta;
    }
    distance = sum_over_lanes(scratch, distance, lanes);
    if (row < rows && lane == 0) {
        mean[row] = centre;
        variance[row] = distance / channels;
    }
}
