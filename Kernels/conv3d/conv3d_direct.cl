// Convolutions without tiles: the simplest form, for few channels and for many groups.

// y = gather(x) · packed + bias. NDRange: dimension 0, one item per output channel of a row of the grid.
__kernel void conv3d_direct(
    IN(x), PACKED(packed), IN(bias), OUT(y), GATHER_ARGUMENTS, const int group_inputs, const int group_outputs,
    const ulong count, const int accumulate) {
    ENTER(x);
    ENTER(packed);
    ENTER(bias);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int outputs = out_size.w, output = (int)(i % outputs);
    const int first_input = output / group_outputs * group_inputs;
    const int4 at = unravel((uint)(i / outputs), grid);
    const int4 origin = (int4)(at.xyz * in_step.xyz, at.w);
    float sum = 0.0f;
    for (int tap = 0; tap < taps.w; tap++) {
        const int4 t = tap_at(tap, taps), place = origin + delta_first + t * delta_step;
        if (!is_inside(place, in_size)) continue;
        __global const float *value = x + vector_of(place, in_size) * in_size.w + first_input;
        __global const weight_t *weight =
            packed + (ulong)tap_in_window(t, tap_first, tap_step, window) * group_inputs * outputs + output;
        for (int input = 0; input < group_inputs; input++) sum += value[input] * WEIGHT(weight, (ulong)input * outputs);
    }
    const int4 target = (int4)(out_first.xyz + at.xyz * out_step.xyz, at.w);
    put(y, vector_of(target, out_size) * outputs + output, sum + (bias ? bias[output] : 0.0f), accumulate);
}

// Computes one chunk of rows of a weight gradient: partial [chunks, taps, inputs of a group, outputs].
// NDRange: dimension 0, one item per weight; dimension 1, one per chunk.
__kernel void conv3d_weight_direct(
    IN(x), IN(upstream), OUT(partial), GATHER_ARGUMENTS, const int group_inputs, const int group_outputs,
    const ulong count, const uint rows, const uint chunk_rows) {
    ENTER(x);
    ENTER(upstream);
    ENTER(partial);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int outputs = out_size.w, output = (int)(i % outputs);
    const int channel = output / group_outputs * group_inputs + (int)(i / outputs % group_inputs);
    const int4 delta = delta_first + tap_at((int)(i / outputs / group_inputs), taps) * delta_step;
    const uint first = get_group_id(1) * chunk_rows, end = min(rows, first + chunk_rows);
    float sum = 0.0f;
    for (uint row = first; row < end; row++) {
        const int4 at = unravel(row, grid), place = (int4)(at.xyz * in_step.xyz, at.w) + delta;
        if (is_inside(place, in_size))
            sum += x[vector_of(place, in_size) * in_size.w + channel] * upstream[(ulong)row * outputs + output];
    }
    partial[get_group_id(1) * count + i] = sum;
}
