// Convolutions for CPUs, on which the items of a group are iterations of a loop. The kernels use no local memory and no
// barriers, and keep a vector of 16 outputs at a time in registers.

#ifndef ROWS
#define ROWS 6
#endif
#ifndef INPUTS
#define INPUTS 8
#endif

// y = gather(x) · packed + bias; packed has rows of `pitch` · groups, where pitch is a multiple of 16.
// NDRange: dimension 0, one item per ROWS rows of the grid; dimension 1, 16 outputs of a group; dimension 2, the
// groups.
__kernel void conv3d_vector(
    IN(x), PACKED(packed), IN(bias), OUT(y), GATHER_ARGUMENTS, const int group_inputs, const int group_outputs,
    const uint rows, const int pitch, const int accumulate) {
    ENTER(x);
    ENTER(packed);
    ENTER(bias);
    ENTER(y);
    const uint first = get_global_id(0) * ROWS;
    if (first >= rows) return;
    const int group = get_group_id(2), n = get_group_id(1) * 16, outputs = out_size.w;
    const ulong line = (ulong)pitch * get_num_groups(2);
    x += group * group_inputs;
    packed += group * pitch + n;
    int4 at[ROWS];
    float16 sum[ROWS];
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        at[r] = unravel(min(first + r, rows - 1), grid);
        sum[r] = (float16)(0.0f);
    }
    for (int tap = 0; tap < taps.w; tap++) {
        const int4 t = tap_at(tap, taps), delta = delta_first + t * delta_step;
        __global const weight_t *weight =
            packed + (ulong)tap_in_window(t, tap_first, tap_step, window) * group_inputs * line;
        ulong start[ROWS];
        float inside[ROWS];
        int count = 0;
        UNROLL
        for (int r = 0; r < ROWS; r++) {
            const int4 place = (int4)(at[r].xyz * in_step.xyz, at[r].w) + delta;
            const int is_in = is_inside(place, in_size);
            start[r] = is_in ? vector_of(place, in_size) * in_size.w : 0;
            inside[r] = is_in ? 1.0f : 0.0f;
            count += is_in;
        }
        if (count == 0) continue;
        if (count == ROWS)
            for (int input = 0; input < group_inputs; input++) {
                const float16 w = WEIGHTS16(weight + input * line);
                UNROLL
                for (int r = 0; r < ROWS; r++) sum[r] += x[start[r] + input] * w;
            }
        else
            for (int input = 0; input < group_inputs; input++) {
                const float16 w = WEIGHTS16(weight + input * line);
                UNROLL
                for (int r = 0; r < ROWS; r++) sum[r] += (inside[r] != 0.0f ? x[start[r] + input] : 0.0f) * w;
            }
    }
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        if (first + r >= rows) continue;
        const int4 target = (int4)(out_first.xyz + at[r].xyz * out_step.xyz, at[r].w);
        const ulong start = vector_of(target, out_size) * outputs + group * group_outputs;
        float value[16];
        vstore16(sum[r], 0, value);
        for (int j = 0; j < 16 && n + j < group_outputs; j++)
            put(y, start + n + j, value[j] + (bias ? bias[group * group_outputs + n + j] : 0.0f), accumulate);
    }
}

// Computes one chunk of lines (rows of the grid along its width) of a weight gradient:
// partial [chunks, taps, inputs of a group, outputs].
// NDRange: dimension 0, one item per INPUTS inputs of a tap; dimension 1, 16 outputs of a group; dimension 2, groups ×
// chunks.
__kernel void conv3d_weight_vector(
    IN(x), IN(upstream), OUT(partial), GATHER_ARGUMENTS, const int group_inputs, const int group_outputs,
    const uint lines, const int chunks, const uint chunk_lines) {
    ENTER(x);
    ENTER(upstream);
    ENTER(partial);
    const int blocks = (group_inputs + INPUTS - 1) / INPUTS, item = get_global_id(0);
    if (item >= blocks * taps.w) return;
    const int tap = item / blocks, input = item % blocks * INPUTS, count = min(INPUTS, group_inputs - input);
    const int group = get_group_id(2) / chunks, chunk = get_group_id(2) % chunks;
    const int n = get_group_id(1) * 16, outputs = out_size.w, width = min(16, group_outputs - n);
    const int4 delta = delta_first + tap_at(tap, taps) * delta_step;
    float16 sum[INPUTS];
    UNROLL
    for (int j = 0; j < INPUTS; j++) sum[j] = (float16)(0.0f);
    // The range of positions along the width whose tap lies inside the input.
    const int begin = clamp((in_step.z - 1 - delta.z) / in_step.z, 0, grid.z);
    const int end = in_size.z - 1 - delta.z < 0 ? 0 : min(grid.z, (in_size.z - 1 - delta.z) / in_step.z + 1);
    for (uint line = chunk * chunk_lines; line < min(lines, (chunk + 1) * chunk_lines); line++) {
        const uint plane = line / grid.y;
        const int4 at = (int4)(plane % grid.x, line % grid.y, 0, plane / grid.x);
        const int4 place = (int4)(at.xyz * in_step.xyz, at.w) + delta;
        if ((uint)place.x >= (uint)in_size.x || (uint)place.y >= (uint)in_size.y) continue;
        __global const float *gradient = upstream + (ulong)line * grid.z * outputs + group * group_outputs + n;
        __global const float *value = x
            + ((((long)place.w * in_size.x + place.x) * in_size.y + place.y) * in_size.z + delta.z) * in_size.w
            + group * group_inputs + input;
        for (int w = begin; w < end; w++) {
            float16 dy = (float16)(0.0f);
            if (width == 16) dy = vload16(0, gradient + (ulong)w * outputs);
            else {
                float part[16];
                for (int j = 0; j < 16; j++) part[j] = j < width ? gradient[(ulong)w * outputs + j] : 0.0f;
                dy = vload16(0, part);
            }
            __global const float *vector = value + (long)w * in_step.z * in_size.w;
            if (count == INPUTS) {
                UNROLL
                for (int j = 0; j < INPUTS; j++) sum[j] += vector[j] * dy;
            } else {
                UNROLL
                for (int j = 0; j < INPUTS; j++) sum[j] += (j < count ? vector[j] : 0.0f) * dy;
            }
        }
    }
    UNROLL
    for (int j = 0; j < INPUTS; j++) {
        if (j >= count) continue;
        float part[16];
        vstore16(sum[j], 0, part);
        const ulong start = (((ulong)chunk * taps.w + tap) * group_inputs + input + j) * outputs;
        for (int k = 0; k < width; k++) partial[start + group * group_outputs + n + k] = part[k];
    }
}
