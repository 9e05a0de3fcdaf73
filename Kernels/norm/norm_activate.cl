// y = act(dropout(normalize(x)) + before) + after, and its gradient, which recomputes the values between x and y.
//
// x is [samples, rows, channels]. Element (n, row, c) uses statistic n · per_sample + c / stat_channels, or the
// statistic of its row if per_row is set. The NDRange of a kernel is columns (see common/reduce.cl) with samples as
// outer, unless its comment states another.

#define NORM_ARGUMENTS                                                                                                 \
    IN(x), IN(mean), IN(variance), IN(weight), IN(bias), IN(slopes), IN(before), const uint channels, const uint rows, \
        const uint chunk_rows, const uint per_sample, const uint stat_channels, const int per_row,                     \
        const float epsilon, const int kind, const float parameter, const uint slope_count, DROPOUT_ARGUMENTS

#define NORM_ENTER                                                                                                     \
    ENTER(x);                                                                                                          \
    ENTER(mean);                                                                                                       \
    ENTER(variance);                                                                                                   \
    ENTER(weight);                                                                                                     \
    ENTER(bias);                                                                                                       \
    ENTER(slopes);                                                                                                     \
    ENTER(before);

typedef struct {
    float centre, scale;       // of the statistic: mean and 1 / √(variance + ε)
    float weight, bias, slope; // of the channel
} norm_t;

typedef struct {
    float normal; // normalised x, before weight and bias
    float factor; // of the dropout
    float sum;    // input of the activation
} element_t;

// Loads the numbers of a column. ROW_OF loads the statistics of a row.
#define COLUMN_OF(n, sample, column)                                                                                   \
    norm_t n;                                                                                                          \
    n.weight = weight ? weight[column] : 1.0f;                                                                         \
    n.bias = bias ? bias[column] : 0.0f;                                                                               \
    n.slope = slopes ? slopes[slope_count == 1 ? 0 : column] : parameter;                                              \
    n.centre = 0.0f;                                                                                                   \
    n.scale = 0.0f;                                                                                                    \
    if (!per_row) {                                                                                                    \
        const ulong stat = (ulong)per_sample * (sample) + (column) / stat_channels;                                    \
        n.centre = mean[stat];                                                                                         \
        n.scale = 1.0f / sqrt(variance[stat] + epsilon);                                                               \
    }

#define ROW_OF(n, stat)                                                                                                \
    if (per_row) {                                                                                                     \
        n.centre = mean[stat];                                                                                         \
        n.scale = 1.0f / sqrt(variance[stat] + epsilon);                                                               \
    }

inline element_t element_of(
    const norm_t n, const float value, const float before, const ulong i, const ulong vector, DROPOUT_ARGUMENTS) {
    element_t e;
    e.normal = (value - n.centre) * n.scale;
    e.factor = dropout_mode == 0
        ? 1.0f
        : dropout_factor(dropout_mode == 1 ? i : vector, DROPOUT_STREAM, threshold, keep_scale);
    const float affine = e.normal * n.weight + n.bias;
    e.sum = (e.factor == 0.0f ? 0.0f : affine * e.factor) + before;
    return e;
}

// The element at linear index i of column `column` of sample `sample`.
#define ELEMENT(e, n, i, sample, column)                                                                               \
    const element_t e = element_of(                                                                                    \
        n, x[i], before ? before[i] : 0.0f, i, (ulong)channels * (sample) + (column), dropout_mode, seed_low,          \
        seed_high, layer, pass, threshold, keep_scale);

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void norm_activate(NORM_ARGUMENTS, IN(after), OUT(y)) {
    NORM_ENTER
    ENTER(after);
    ENTER(y);
    const columns_t c = columns_of_item(channels, rows, chunk_rows);
    if (!c.active) return;
    COLUMN_OF(n, c.outer, c.column)
    for (uint row = c.first; row < c.end; row += c.subs) {
        const ulong line = (ulong)c.outer * rows + row, i = line * channels + c.column;
        ROW_OF(n, line)
        ELEMENT(e, n, i, c.outer, c.column)
        y[i] = activation(kind, e.sum, n.slope) + (after ? after[i] : 0.0f);
    }
}

// Σ g, Σ g · normal and, for PReLU's slope, Σ upstream · sum over the elements whose sum is at most 0; g is the
// gradient with respect to the dropout's input: partial [3, samples, chunks, channels]. Also writes the gradient of
// `before` if `before_gradient` is given.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void norm_sums(
    NORM_ARGUMENTS, IN(upstream), OUT(before_gradient), OUT(partial)) {
    NORM_ENTER
    ENTER(upstream);
    ENTER(before_gradient);
    ENTER(partial);
    __local float lane[GROUP];
    const columns_t c = columns_of_item(channels, rows, chunk_rows);
    float sum = 0.0f, projected = 0.0f, slope = 0.0f;
    if (c.active) {
        COLUMN_OF(n, c.outer, c.column)
        for (uint row = c.first; row < c.end; row += c.subs) {
            const ulong line = (ulong)c.outer * rows + row, i = line * channels + c.column;
            ROW_OF(n, line)
            ELEMENT(e, n, i, c.outer, c.column)
            const float signal = upstream[i], inner = signal * activation_slope(kind, e.sum, n.slope);
            if (before_gradient) before_gradient[i] = inner;
            sum += inner * e.factor;
            projected += inner * e.factor * e.normal;
            if (!(e.sum > 0.0f)) slope += signal * e.sum;
        }
    }
    sum = sum_over_subs(lane, sum, c);
    projected = sum_over_subs(lane, projected, c);
    slope = sum_over_subs(lane, slope, c);
    if (c.active && c.sub == 0) {
        const ulong part = (ulong)get_num_groups(2) * c.chunks * channels;
        const ulong at = ((ulong)c.outer * c.chunks + c.chunk) * channels + c.column;
        partial[at] = sum;
        partial[part + at] = projected;
        partial[2 * part + at] = slope;
    }
}

// The means over each statistic of weight · g and weight · g · normal, totals [2, statistics], from norm_sums.
// NDRange: one work-group per statistic.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void norm_totals(
    IN(partial), IN(weight), OUT(totals), const uint samples, const uint channels, const uint chunks,
    const uint per_sample, const uint stat_channels, const float share) {
    ENTER(partial);
    ENTER(weight);
    ENTER(totals);
    __local float lane[GROUP];
    const uint item = get_local_id(0), stat = get_group_id(0);
    const uint sample = per_sample > 0 ? stat / per_sample : 0;
    const uint first = (per_sample > 0 ? stat % per_sample : stat) * stat_channels;
    const uint lines = (per_sample > 0 ? 1 : samples) * chunks;
    const ulong part = (ulong)samples * chunks * channels;
    float sum = 0.0f, projected = 0.0f;
    for (uint k = item; k < lines * stat_channels; k += GROUP) {
        const uint column = first + k % stat_channels;
        const ulong at = ((ulong)sample * chunks + k / stat_channels) * channels + column;
        const float factor = weight ? weight[column] : 1.0f;
        sum += factor * partial[at];
        projected += factor * partial[part + at];
    }
    sum = sum_over_lanes(lane, sum, GROUP);
    projected = sum_over_lanes(lane, projected, GROUP);
    if (item == 0) {
        totals[stat] = sum * share;
        totals[get_num_groups(0) + stat] = projected * share;
    }
}

// The same means as in norm_totals if each row has its own statistic, computed from x instead of from norm_sums.
// NDRange: dimension 0, `lanes` items (a power of two up to GROUP) per row.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void layer_totals(
    NORM_ARGUMENTS, IN(upstream), OUT(totals), const ulong lines, const uint lanes) {
    NORM_ENTER
    ENTER(upstream);
    ENTER(totals);
    __local float scratch[GROUP];
    const uint lane = get_local_id(0) % lanes;
    const ulong line = get_group_id(0) * (GROUP / lanes) + get_local_id(0) / lanes;
    const uint sample = (uint)(line / rows);
    float sum = 0.0f, projected = 0.0f;
    if (line < lines)
        for (uint column = lane; column < channels; column += lanes) {
            const ulong i = line * channels + column;
            COLUMN_OF(n, sample, column)
            ROW_OF(n, line)
            ELEMENT(e, n, i, sample, column)
            const float g = n.weight * upstream[i] * activation_slope(kind, e.sum, n.slope) * e.factor;
            sum += g;
            projected += g * e.normal;
        }
    sum = sum_over_lanes(scratch, sum, lanes);
    projected = sum_over_lanes(scratch, projected, lanes);
    if (line < lines && lane == 0) {
        totals[line] = sum / channels;
        totals[lines + line] = projected / channels;
    }
}

// gx = (weight · g − mean(weight · g) − normal · mean(weight · g · normal)) / √(variance + ε).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void norm_gradient(
    NORM_ARGUMENTS, IN(upstream), IN(totals), OUT(gx), const ulong statistics, const int accumulate) {
    NORM_ENTER
    ENTER(upstream);
    ENTER(totals);
    ENTER(gx);
    const columns_t c = columns_of_item(channels, rows, chunk_rows);
    if (!c.active) return;
    COLUMN_OF(n, c.outer, c.column)
    for (uint row = c.first; row < c.end; row += c.subs) {
        const ulong line = (ulong)c.outer * rows + row, i = line * channels + c.column;
        ROW_OF(n, line)
        ELEMENT(e, n, i, c.outer, c.column)
        const ulong stat = per_row ? line : (ulong)c.outer * per_sample + c.column / stat_channels;
        const float g = n.weight * upstream[i] * activation_slope(kind, e.sum, n.slope) * e.factor;
        put(gx, i, n.scale * (g - totals[stat] - e.normal * totals[statistics + stat]), accumulate);
    }
}

// a · b − c · d with one rounding (Kahan), even if the compiler fuses operations.
inline float difference_of_products(const float a, const float b, const float c, const float d) {
    const float product = c * d;
    return fma(a, b, -product) + fma(-c, d, product);
}

#define NARROW 4

// The whole gradient if each row has its own statistic and at most NARROW channels. The terms of norm_gradient would
// cancel to the last digit in such a row: with two channels, only ε keeps the gradient from being zero. With γ = g −
// mean(g) and d = x − mean(x), the gradient is (Σ d_j · (γ_i · d_j − d_i · γ_j) / channels + ε · γ_i) /
// √(variance + ε)³, computed from differences of pairs.
// NDRange: dimension 0, one item per row.
__kernel void layer_narrow_gradient(NORM_ARGUMENTS, IN(upstream), OUT(gx), const ulong lines, const int accumulate) {
    NORM_ENTER
    ENTER(upstream);
    ENTER(gx);
    const ulong line = get_global_id(0);
    if (line >= lines) return;
    const uint sample = (uint)(line / rows);
    float g[NARROW], distance[NARROW], slant[NARROW], square = 0.0f;
    for (uint column = 0; column < channels; column++) {
        const ulong i = line * channels + column;
        COLUMN_OF(n, sample, column)
        ROW_OF(n, line)
        ELEMENT(e, n, i, sample, column)
        g[column] = n.weight * upstream[i] * activation_slope(kind, e.sum, n.slope) * e.factor;
    }
    for (uint i = 0; i < channels; i++) {
        distance[i] = slant[i] = 0.0f;
        for (uint j = 0; j < channels; j++) {
            distance[i] += x[line * channels + i] - x[line * channels + j];
            slant[i] += g[i] - g[j];
        }
        distance[i] /= channels;
        slant[i] /= channels;
        square += distance[i] * distance[i];
    }
    const float spread = square / channels + epsilon, scale = 1.0f / (spread * sqrt(spread));
    for (uint i = 0; i < channels; i++) {
        float sum = 0.0f;
        for (uint j = 0; j < channels; j++)
            sum += distance[j] * difference_of_products(slant[i], distance[j], distance[i], slant[j]);
        put(gx, line * channels + i, scale * (sum / channels + epsilon * slant[i]), accumulate);
    }
}
