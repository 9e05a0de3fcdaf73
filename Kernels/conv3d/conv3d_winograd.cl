// Winograd's convolution of three taps at stride 1 on every axis: F(OUTPUTS, 3), Lavin and Gray 2015. A tile computes
// OUTPUTS outputs on each axis from POINTS inputs. Tiles, weights and products are transformed, and each of the POINTS³
// points is a separate matrix product, which conv3d_gemm or conv3d_vector computes as a group of a 1³ convolution:
// transformed [tiles, POINTS³, inputs], packed [inputs, POINTS³, pitch], products [tiles, POINTS³, outputs].
//
// The points are 0, 1, −1, infinity for OUTPUTS 2, and 0, 5/8, −5/8, 3/2, −3/2, infinity for OUTPUTS 4, in that order.
// Tiles are numbered as rows of a grid of `tiles` (depth, height, width, batch), and a launch computes the tiles from
// `first` on.

#ifndef OUTPUTS
#define OUTPUTS 2
#endif
#define POINTS (OUTPUTS + 2)
#define CUBE (POINTS * POINTS * POINTS)

#if OUTPUTS == 2

// The rows of B', the transform of the input. An item computes one point of the depth, whose row it reads from this
// table.
__constant float input_factor[POINTS][POINTS] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};

inline void transform_inputs(const float *x, float *point) {
    point[0] = x[0] - x[2];
    point[1] = x[1] + x[2];
    point[2] = x[2] - x[1];
    point[3] = x[1] - x[3];
}

// point = G w: transforms the three taps of one axis.
inline void transform_taps(const float *w, float *point) {
    point[0] = w[0];
    point[1] = 0.5f * (w[0] + w[2] + w[1]);
    point[2] = 0.5f * (w[0] + w[2] - w[1]);
    point[3] = w[2];
}

// The rows of A', the transform of the output.
__constant float output_factor[OUTPUTS][POINTS] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

inline void transform_products(const float *point, float *y) {
    y[0] = point[0] + point[1] + point[2];
    y[1] = point[1] - point[2] - point[3];
}

#else

// The positive points, their squares, and the factors of the rows of G: 1 / the product of a point's distances to the
// other finite points. CSegCPU/conv3d_winograd_transform.h gives the reason for these points.
#define P 0.625f
#define Q 1.5f
#define PP (P * P)
#define QQ (Q * Q)
#define P_FACTOR (1.0f / (2.0f * PP * (PP - QQ)))
#define Q_FACTOR (1.0f / (2.0f * QQ * (QQ - PP)))

__constant float input_factor[POINTS][POINTS] = {
    {PP * QQ, 0, -PP - QQ, 0, 1, 0}, {0, -P *QQ, -QQ, P, 1, 0}, {0, P *QQ, -QQ, -P, 1, 0},
    {0, -Q *PP, -PP, Q, 1, 0},       {0, Q *PP, -PP, -Q, 1, 0}, {0, PP *QQ, 0, -PP - QQ, 0, 1},
};

inline void transform_inputs(const float *x, float *point) {
    const float even_p = x[4] - QQ * x[2], odd_p = P * (x[3] - QQ * x[1]);
    const float even_q = x[4] - PP * x[2], odd_q = Q * (x[3] - PP * x[1]);
    point[0] = PP * QQ * x[0] + (x[4] - (PP + QQ) * x[2]);
    point[1] = even_p + odd_p;
    point[2] = even_p - odd_p;
    point[3] = even_q + odd_q;
    point[4] = even_q - odd_q;
    point[5] = PP * QQ * x[1] + (x[5] - (PP + QQ) * x[3]);
}

inline void transform_taps(const float *w, float *point) {
    const float even_p = (w[0] + PP * w[2]) * P_FACTOR, odd_p = w[1] * (P * P_FACTOR);
    const float even_q = (w[0] + QQ * w[2]) * Q_FACTOR, odd_q = w[1] * (Q * Q_FACTOR);
    point[0] = w[0] * (1.0f / (PP * QQ));
    point[1] = even_p + odd_p;
    point[2] = even_p - odd_p;
    point[3] = even_q + odd_q;
    point[4] = even_q - odd_q;
    point[5] = w[2];
}

__constant float output_factor[OUTPUTS][POINTS] = {
    {1, 1, 1, 1, 1, 0},
    {0, P, -P, Q, -Q, 0},
    {0, PP, PP, QQ, QQ, 0},
    {0, P *PP, -P *PP, Q *QQ, -Q *QQ, 1},
};

inline void transform_products(const float *point, float *y) {
    const float even_p = point[1] + point[2], odd_p = point[1] - point[2];
    const float even_q = point[3] + point[4], odd_q = point[3] - point[4];
    y[0] = even_p + even_q + point[0];
    y[1] = P * odd_p + Q * odd_q;
    y[2] = PP * even_p + QQ * even_q;
    y[3] = P * PP * odd_p + Q * QQ * odd_q + point[5];
}

#endif

// Transforms the weights, with zeros after the outputs up to the pitch. `outputs_first` is the same as in conv3d_pack;
// `flipped` is for a transposed convolution, whose taps run in the opposite order.
// NDRange: dimension 0, one item per pair of an input and an output.
__kernel void winograd_weights(
    IN(w), OUT(packed), const ulong count, const int inputs, const int outputs, const int pitch,
    const int outputs_first, const int flipped) {
    ENTER(w);
    ENTER(packed);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int output = (int)(i % pitch), input = (int)(i / pitch), is_real = output < outputs;
    w += 27 * (!is_real ? 0 : outputs_first ? (ulong)output * inputs + input : (ulong)input * outputs + output);
    float depth[POINTS][9];
    for (int hw = 0; hw < 9; hw++) {
        float line[3], point[POINTS];
        for (int d = 0; d < 3; d++) line[d] = is_real ? w[flipped ? 26 - d * 9 - hw : d * 9 + hw] : 0.0f;
        transform_taps(line, point);
        for (int p = 0; p < POINTS; p++) depth[p][hw] = point[p];
    }
    for (int p = 0; p < POINTS; p++) {
        float height[POINTS][3];
        for (int k = 0; k < 3; k++) {
            const float line[3] = {depth[p][k], depth[p][3 + k], depth[p][6 + k]};
            float point[POINTS];
            transform_taps(line, point);
            for (int h = 0; h < POINTS; h++) height[h][k] = point[h];
        }
        for (int h = 0; h < POINTS; h++) {
            float point[POINTS];
            transform_taps(height[h], point);
            for (int k = 0; k < POINTS; k++)
                packed[((ulong)input * CUBE + (p * POINTS + h) * POINTS + k) * pitch + output] = point[k];
        }
    }
}

// Transforms the inputs of tiles; the first tap of a tile's first output reads the input at tile · OUTPUTS + low.
// NDRange: dimension 0, one item per channel of a tile; dimension 1, one per point of the depth.
__kernel void winograd_inputs(
    IN(x), OUT(transformed), const int4 in_size, const int4 tiles, const int4 low, const uint first,
    const ulong count) {
    ENTER(x);
    ENTER(transformed);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int channels = in_size.w, channel = (int)(i % channels), d_point = get_group_id(1);
    const ulong tile = i / channels;
    const int4 at = unravel(first + (uint)tile, tiles), corner = (int4)(at.xyz * OUTPUTS + low.xyz, at.w);
    float plane[POINTS][POINTS];
    for (int h = 0; h < POINTS; h++) {
        float line[POINTS];
        for (int w = 0; w < POINTS; w++) line[w] = 0.0f;
        for (int d = 0; d < POINTS; d++) {
            const float factor = input_factor[d_point][d];
            if (factor == 0.0f) continue;
            UNROLL
            for (int w = 0; w < POINTS; w++) {
                const int4 place = corner + (int4)(d, h, w, 0);
                if (is_inside(place, in_size)) line[w] += factor * x[vector_of(place, in_size) * channels + channel];
            }
        }
        transform_inputs(line, plane[h]);
    }
    transformed += (tile * CUBE + d_point * POINTS * POINTS) * channels + channel;
    for (int w = 0; w < POINTS; w++) {
        float column[POINTS], point[POINTS];
        for (int h = 0; h < POINTS; h++) column[h] = plane[h][w];
        transform_inputs(column, point);
        for (int h = 0; h < POINTS; h++) transformed[(ulong)(h * POINTS + w) * channels] = point[h];
    }
}

// Computes the outputs of tiles from their products. NDRange: dimension 0, one item per output channel of a tile.
__kernel void winograd_outputs(
    IN(products), IN(bias), OUT(y), const int4 out_size, const int4 tiles, const uint first, const ulong count,
    const int accumulate) {
    ENTER(products);
    ENTER(bias);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int channels = out_size.w, channel = (int)(i % channels);
    const ulong tile = i / channels;
    const int4 at = unravel(first + (uint)tile, tiles), corner = (int4)(at.xyz * OUTPUTS, at.w);
    products += tile * CUBE * channels + channel;
    float sum[OUTPUTS][OUTPUTS][OUTPUTS];
    for (int d = 0; d < OUTPUTS; d++)
        for (int h = 0; h < OUTPUTS; h++)
            for (int w = 0; w < OUTPUTS; w++) sum[d][h][w] = bias ? bias[channel] : 0.0f;
    for (int p = 0; p < POINTS; p++) {
        float plane[POINTS][OUTPUTS];
        for (int h = 0; h < POINTS; h++) {
            float line[POINTS];
            for (int w = 0; w < POINTS; w++) line[w] = products[(ulong)((p * POINTS + h) * POINTS + w) * channels];
            transform_products(line, plane[h]);
        }
        for (int w = 0; w < OUTPUTS; w++) {
            float column[POINTS], y_column[OUTPUTS];
            for (int h = 0; h < POINTS; h++) column[h] = plane[h][w];
            transform_products(column, y_column);
            for (int d = 0; d < OUTPUTS; d++)
                for (int h = 0; h < OUTPUTS; h++) sum[d][h][w] += output_factor[d][p] * y_column[h];
        }
    }
    for (int d = 0; d < OUTPUTS; d++)
        for (int h = 0; h < OUTPUTS; h++)
            for (int w = 0; w < OUTPUTS; w++) {
                const int4 place = corner + (int4)(d, h, w, 0);
                if (is_inside(place, out_size))
                    put(y, vector_of(place, out_size) * channels + channel, sum[d][h][w], accumulate);
            }
}
