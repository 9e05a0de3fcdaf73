// Pointwise ops, sums over an axis and optimiser steps; see segcpu_pointwise.h.

void KERNEL(scale)(const float *x, float alpha, float *y, float beta, size_t count) {
    if (beta == 0)
        for (size_t i = 0; i < count; i++) y[i] = alpha * x[i];
    else
        for (size_t i = 0; i < count; i++) y[i] = alpha * x[i] + beta * y[i];
}

// Rows of whole vectors, as sixteen channels are, go without a call each.
void KERNEL(copy_rows)(
    const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t bytes, int past_caches) {
    const char *source = from;
    char *target = to;
    if (bytes % sizeof(vf) || bytes > 16 * sizeof(vf)) {
        for (size_t row = 0; row < rows; row++) memcpy(target + row * to_step, source + row * from_step, bytes);
        return;
    }
    const bool streams = past_caches && to_step % sizeof(vf) == 0 && (uintptr_t)target % sizeof(vf) == 0;
    for (size_t row = 0; row < rows; row++, source += from_step, target += to_step)
        for (size_t i = 0; i < bytes; i += sizeof(vf))
            stream_part((float *)(target + i), load((const float *)(source + i)), LANES, streams);
    end_stream(streams);
}

void KERNEL(add_rows)(
    const void *from, size_t from_step, void *to, size_t to_step, size_t rows, size_t count) {
    for (size_t row = 0; row < rows; row++) {
        const float *x = (const float *)((const char *)from + row * from_step);
        float *y = (float *)((char *)to + row * to_step);
        for (size_t i = 0; i < count; i++) y[i] += x[i];
    }
}

void KERNEL(divide_rows)(const float *x, const float *divisors, float *y, size_t rows, size_t channels) {
    for (size_t row = 0; row < rows; row++)
        for (size_t i = row * channels; i < (row + 1) * channels; i++) y[i] = x[i] / divisors[row];
}

void KERNEL(blend_rows)(
    const float *x, const float *weights, float *sum, float *weight_sum, size_t rows, size_t channels) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = row * channels; i < (row + 1) * channels; i++) sum[i] += weights[row] * x[i];
        weight_sum[row] += weights[row];
    }
}

// The larger of two numbers; a NaN stays.
INLINE float larger(float a, float b) { return a != a || a > b ? a : b; }

void KERNEL(column_sums)(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *wide, double *sums) {
    memset(scratch, 0, period * sizeof *scratch);
    memset(wide, 0, period * sizeof *wide);
    size_t rows = count / period, block = BLOCK / period ? BLOCK / period : 1;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < period; i += LANES) store(scratch + i, load(scratch + i) + load(x + row * period + i));
        if (row % block + 1 == block || row + 1 == rows) fold(scratch, wide, period);
    }
    for (size_t i = rows * period; i < count; i++) wide[i - rows * period] += x[i];
    for (size_t c = 0; c < channels; c++) {
        sums[c] = 0;
        for (size_t i = c; i < period; i += channels) sums[c] += wide[i];
    }
}

void KERNEL(column_maxima)(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *maxima) {
    for (size_t i = 0; i < period; i++) scratch[i] = -__builtin_inff();
    size_t rows = count / period;
    for (size_t row = 0; row < rows; row++, x += period)
        for (size_t i = 0; i < period; i += LANES)
            store(scratch + i, binary_value(SEGCPU_MAXIMUM, load(scratch + i), load(x + i)));
    for (size_t i = 0; i < count - rows * period; i++) scratch[i] = larger(scratch[i], x[i]);
    for (size_t c = 0; c < channels; c++) {
        float most = scratch[c];
        for (size_t i = c + channels; i < period; i += channels) most = larger(most, scratch[i]);
        maxima[c] = most;
    }
}

// One contiguous column: in vectors.
INLINE double reduce_run(int op, const float *x, size_t n) {
    if (op == SEGCPU_MAX) {
        vf most = (vf)(-__builtin_inff());
        for (size_t i = 0; i < n; i += LANES) {
            size_t lanes = least(LANES, n - i);
            most = binary_value(SEGCPU_MAXIMUM, most, keep_lanes(load_part(x + i, lanes), lanes, -__builtin_inff()));
        }
        float each[LANES], result = -__builtin_inff();
        store(each, most);
        for (int i = 0; i < LANES; i++) result = larger(result, each[i]);
        return result;
    }
    double total = 0;
    for (size_t begin = 0; begin < n; begin += TILE) {
        vf sum = (vf)0.0f;
        size_t end = least(begin + TILE, n);
        for (size_t i = begin; i < end; i += LANES) sum += load_part(x + i, least(LANES, end - i));
        total += horizontal_sum(sum);
    }
    return total;
}

void KERNEL(reduce)(int op, const float *x, size_t n, size_t stride, size_t width, double *out) {
    if (width == 1 && stride == 1) {
        *out = reduce_run(op, x, n);
        return;
    }
    for (size_t i = 0; i < width; i++) out[i] = op == SEGCPU_MAX ? -__builtin_inf() : 0;
    for (size_t row = 0; row < n; row++, x += stride)
        if (op == SEGCPU_MAX)
            for (size_t i = 0; i < width; i++) out[i] = larger((float)out[i], x[i]);
        else
            for (size_t i = 0; i < width; i++) out[i] += x[i];
}

void KERNEL(dropout)(
    const segcpu_dropout_rule *rule, const float *keep, size_t period, const float *x, float *y, bool accumulate,
    segcpu_run run) {
    float buffer[TILE + 64];
    size_t phase = 0;
    for (size_t tile = 0; tile < run.count; tile += TILE) {
        size_t end = least(tile + TILE, run.count);
        const float *kept = keep ? NULL : keep_tile(rule, run.element + tile, end - tile, buffer);
        for (size_t i = tile; i < end; i += LANES) {
            size_t lanes = least(LANES, end - i);
            vf v = load_part(x + i, lanes) * (kept ? load(kept + (i - tile)) : load(keep + phase));
            if (accumulate) v += load_part(y + i, lanes);
            store_part(y + i, v, lanes);
            phase = phase + LANES == period ? 0 : phase + LANES;
        }
    }
}

void KERNEL(adam)(
    const segcpu_adam_rule *rule, float *parameter, const float *gradient, float *first, float *second, size_t count) {
    const segcpu_adam_rule r = *rule;
    for (size_t i = 0; i < count; i += LANES) {
        size_t lanes = least(LANES, count - i);
        vf p = load_part(parameter + i, lanes), g = load_part(gradient + i, lanes) + r.decay * p;
        vf m = load_part(first + i, lanes), v = load_part(second + i, lanes);
        m = m + (g - m) * (1.0f - r.beta1);
        v = v * r.beta2 + (1.0f - r.beta2) * g * g;
        vf denominator = __builtin_elementwise_sqrt(v) * r.correction + r.epsilon;
        store_part(first + i, m, lanes);
        store_part(second + i, v, lanes);
        store_part(parameter + i, p * r.shrinkage - r.step_size * (m / denominator), lanes);
    }
}

void KERNEL(sgd)(
    const segcpu_sgd_rule *rule, float *parameter, const float *gradient, float *momentum, size_t count) {
    const segcpu_sgd_rule r = *rule;
    for (size_t i = 0; i < count; i += LANES) {
        size_t lanes = least(LANES, count - i);
        vf p = load_part(parameter + i, lanes), g = load_part(gradient + i, lanes) + r.decay * p;
        if (momentum) {
            vf b = r.first ? g : load_part(momentum + i, lanes) * r.momentum + r.share * g;
            store_part(momentum + i, b, lanes);
            g = r.nesterov ? g + r.momentum * b : b;
        }
        store_part(parameter + i, p - r.learning_rate * g, lanes);
    }
}
