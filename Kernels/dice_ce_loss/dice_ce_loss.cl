// The Dice loss and the cross entropy of logits [samples, rows, channels] and labels [samples, rows]. With one channel
// the label itself is the reference and the cross entropy is binary, as in MONAI. With `regions`, bit c of a label is
// set if the row is in region c, and each channel has a binary cross entropy. Rows whose label is below 0 are ignored:
// no sum includes them, and their gradient is 0.

#define SOFTMAX 0
#define SIGMOID_OF_LOGIT 1
#define AS_THEY_ARE 2

// The options of the terms of the Dice loss; see DiceCEParams.
#define DICE_ARGUMENTS                                                                                                 \
    IN(class_weights), const uint samples, const uint channels, const int regions, const int first_class,              \
        const int over_batch, const int is_mean, const float smooth_nr, const float smooth_dr,                         \
        const float lambda_dice, const float lambda_ce, const float top, const float overlap_weight,                   \
        const float size_weight, const float truth_weight

// The largest logit of each row and Σ e^(logit − largest). NDRange: dimension 0, one item per row.
__kernel void row_normalizers(IN(logits), OUT(normalizers), const ulong rows, const uint channels) {
    ENTER(logits);
    ENTER(normalizers);
    const ulong row = get_global_id(0);
    if (row >= rows) return;
    float largest = -INFINITY, sum = 0.0f;
    for (uint c = 0; c < channels; c++) largest = fmax(largest, logits[row * channels + c]);
    for (uint c = 0; c < channels; c++) sum += exp(logits[row * channels + c] - largest);
    normalizers[2 * row] = largest;
    normalizers[2 * row + 1] = sum;
}

inline float probability_of(const int kind, const float logit, __global const float *normalizer) {
    if (kind == SIGMOID_OF_LOGIT) return 1.0f / (1.0f + exp(-logit));
    return kind == SOFTMAX ? exp(logit - normalizer[0]) / normalizer[1] : logit;
}

// The reference of a channel for a label that is not below 0.
inline float reference_of(const int label, const uint channel, const uint channels, const int regions) {
    if (regions) return (float)(label >> channel & 1);
    return channels == 1 ? (float)label : label == (int)channel ? 1.0f : 0.0f;
}

// Σ P · G, Σ P (or Σ P²), Σ G, the number of rows that are not ignored, and the weighted cross entropy:
// partial [5, samples, chunks, channels].
// NDRange: columns (see common/reduce.cl), with samples as outer.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void dice_sums(
    IN(logits), IN_INT(labels), IN(normalizers), IN(class_weights), OUT(partial), const uint channels, const uint rows,
    const uint chunk_rows, const int kind, const int squared, const int entropy, const int regions) {
    ENTER(logits);
    ENTER(labels);
    ENTER(normalizers);
    ENTER(class_weights);
    ENTER(partial);
    __local float lane[GROUP];
    const columns_t c = columns_of_item(channels, rows, chunk_rows);
    float overlap = 0.0f, size = 0.0f, truth = 0.0f, taking = 0.0f, loss = 0.0f;
    if (c.active) {
        const float weight = class_weights ? class_weights[c.column] : 1.0f;
        for (uint r = c.first; r < c.end; r += c.subs) {
            const ulong row = (ulong)c.outer * rows + r;
            const float logit = logits[row * channels + c.column];
            const int label = labels[row];
            if (label < 0) continue;
            const float g = reference_of(label, c.column, channels, regions);
            const float p = probability_of(kind, logit, normalizers + 2 * row);
            overlap += p * g;
            size += squared ? p * p : p;
            truth += squared ? g * g : g;
            taking += 1.0f;
            if (entropy && (channels == 1 || regions))
                // log(1 + e^−logit) without overflow.
                loss +=
                    (1.0f - g) * logit + (1.0f + (weight - 1.0f) * g) * (fmax(-logit, 0.0f) + log1p(exp(-fabs(logit))));
            else if (entropy && g != 0.0f)
                loss += weight * (normalizers[2 * row] - logit + log(normalizers[2 * row + 1]));
        }
    }
    overlap = sum_over_subs(lane, overlap, c);
    size = sum_over_subs(lane, size, c);
    truth = sum_over_subs(lane, truth, c);
    taking = sum_over_subs(lane, taking, c);
    loss = sum_over_subs(lane, loss, c);
    if (c.active && c.sub == 0) {
        const ulong part = (ulong)get_num_groups(2) * c.chunks * channels;
        const ulong at = ((ulong)c.outer * c.chunks + c.chunk) * channels + c.column;
        partial[at] = overlap;
        partial[part + at] = size;
        partial[2 * part + at] = truth;
        partial[3 * part + at] = taking;
        partial[4 * part + at] = loss;
    }
}

// The Dice term of a sample and class: its numerator, its denominator and its weight in the loss.
inline float4 dice_term(
    __global const float *sums, __global const float *class_weights, const uint sample, const uint channel,
    const uint samples, const uint channels, const int first_class, const int over_batch, const int is_mean,
    const float smooth_nr, const float smooth_dr, const float top, const float overlap_weight, const float size_weight,
    const float truth_weight) {
    const uint entries = samples * channels;
    float overlap = 0.0f, size = 0.0f, truth = 0.0f;
    for (uint n = over_batch ? 0 : sample; n < (over_batch ? samples : sample + 1); n++) {
        overlap += sums[n * channels + channel];
        size += sums[entries + n * channels + channel];
        truth += sums[2 * entries + n * channels + channel];
    }
    const uint counted = channels - first_class;
    float share = is_mean ? 1.0f / (float)((over_batch ? 1 : samples) * counted) : 1.0f;
    if (counted > 1 && class_weights) share *= class_weights[channel];
    if ((int)channel < first_class) share = 0.0f;
    const float both = overlap_weight * overlap + size_weight * size + truth_weight * truth;
    return (float4)(top * overlap + smooth_nr, both + smooth_dr, share, 0.0f);
}

#define TERM(sums, n, c)                                                                                               \
    dice_term(                                                                                                         \
        sums, class_weights, n, c, samples, channels, first_class, over_batch, is_mean, smooth_nr, smooth_dr, top,     \
        overlap_weight, size_weight, truth_weight)

// The factor of the sum of the rows' cross entropies; 0 if every row is ignored.
inline float entropy_factor(
    __global const float *sums, __global const float *class_weights, const uint samples, const uint channels,
    const int regions, const int is_mean, const float lambda_ce) {
    if (lambda_ce == 0.0f) return 0.0f;
    if (!is_mean) return lambda_ce;
    const uint entries = samples * channels;
    float weight = 0.0f, taking = 0.0f;
    for (uint k = 0; k < entries; k++) {
        weight += (class_weights ? class_weights[k % channels] : 1.0f) * sums[2 * entries + k];
        taking += sums[3 * entries + k];
    }
    return taking == 0.0f ? 0.0f : lambda_ce / (channels == 1 || regions ? taking : weight);
}

// The loss, from sums [4, samples, channels] and entropies [samples, channels]. NDRange: one group.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void dice_loss(
    IN(sums), IN(entropies), OUT(loss), DICE_ARGUMENTS) {
    ENTER(sums);
    ENTER(entropies);
    ENTER(loss);
    ENTER(class_weights);
    __local float lane[GROUP];
    float dice = 0.0f, entropy = 0.0f;
    for (uint k = get_local_id(0); k < samples * channels; k += GROUP) {
        const float4 term = TERM(sums, k / channels, k % channels);
        // All samples have one common term if the sums run over the batch.
        if (!over_batch || k < channels) dice += term.z * (1.0f - term.x / term.y);
        entropy += entropies[k];
    }
    dice = sum_over_lanes(lane, dice, GROUP);
    entropy = sum_over_lanes(lane, entropy, GROUP);
    if (get_local_id(0) == 0)
        loss[0] = lambda_dice * dice
            + (lambda_ce == 0.0f
                   ? 0.0f
                   : entropy * entropy_factor(sums, class_weights, samples, channels, regions, is_mean, lambda_ce));
}

// Derivatives of the loss with respect to Σ P · G and Σ P, slopes [2, samples, channels], followed by the factor of the
// entropies.
// NDRange: dimension 0, one item per sample and class.
__kernel void dice_slopes(IN(sums), IN(upstream), OUT(slopes), DICE_ARGUMENTS) {
    ENTER(sums);
    ENTER(upstream);
    ENTER(slopes);
    ENTER(class_weights);
    const uint k = get_global_id(0), entries = samples * channels;
    if (k >= entries) return;
    const float4 term = TERM(sums, k / channels, k % channels);
    const float scale = upstream[0] * lambda_dice * term.z;
    const float by_union = scale * term.x / (term.y * term.y);
    slopes[k] = overlap_weight * by_union - top * scale / term.y;
    slopes[entries + k] = size_weight * by_union;
    if (k == 0)
        slopes[2 * entries] =
            upstream[0] * entropy_factor(sums, class_weights, samples, channels, regions, is_mean, lambda_ce);
}

// The gradient of the loss with respect to the logits. NDRange: dimension 0, one item per row.
__kernel void dice_gradient(
    IN(logits), IN_INT(labels), IN(normalizers), IN(class_weights), IN(slopes), OUT(gx), const uint samples,
    const uint channels, const ulong rows, const int kind, const int squared, const int entropy, const int regions,
    const int accumulate) {
    ENTER(logits);
    ENTER(labels);
    ENTER(normalizers);
    ENTER(class_weights);
    ENTER(slopes);
    ENTER(gx);
    const ulong row = get_global_id(0);
    if (row >= rows * samples) return;
    const ulong start = row * channels;
    const uint sample = (uint)(row / rows), entries = samples * channels;
    const int label = labels[row];
    if (label < 0) {
        for (uint c = 0; c < channels; c++) put(gx, start + c, 0.0f, accumulate);
        return;
    }
    __global const float *normalizer = normalizers + 2 * row;
    __global const float *by_overlap = slopes + sample * channels, *by_size = by_overlap + entries;
    const float entropy_scale = entropy ? slopes[2 * entries] : 0.0f;
    float dot = 0.0f;
    if (kind == SOFTMAX)
        for (uint c = 0; c < channels; c++) {
            const float p = probability_of(kind, logits[start + c], normalizer);
            dot += p * ((label == (int)c ? by_overlap[c] : 0.0f) + by_size[c] * (squared ? 2.0f * p : 1.0f));
        }
    for (uint c = 0; c < channels; c++) {
        const float logit = logits[start + c], p = probability_of(kind, logit, normalizer);
        const float g = reference_of(label, c, channels, regions);
        const float slope = g * by_overlap[c] + by_size[c] * (squared ? 2.0f * p : 1.0f);
        float result = kind == SOFTMAX ? p * (slope - dot) : kind == SIGMOID_OF_LOGIT ? slope * p * (1.0f - p) : slope;
        if (entropy && (channels == 1 || regions)) {
            const float weight = class_weights ? class_weights[c] : 1.0f;
            result +=
                entropy_scale * ((1.0f - g) - (1.0f + (weight - 1.0f) * g) * (1.0f - 1.0f / (1.0f + exp(-logit))));
        } else if (entropy) {
            const float weight = class_weights ? class_weights[label] : 1.0f;
            result += entropy_scale * weight * (exp(logit - normalizer[0]) / normalizer[1] - g);
        }
        put(gx, start + c, result, accumulate);
    }
}
