// Packs weights into the matrix that convolutions multiply by: packed [taps, inputs of a group, groups, pitch], where a
// group's outputs are followed by zeros up to the pitch.
// NDRange: dimension 0, one item per element.

// With `outputs_first`, w is [outputs, inputs / groups, taps], else [inputs, outputs / groups, taps].
__kernel void conv3d_pack(
    IN(w), PACKED(packed), const ulong count, const int taps, const int group_inputs, const int group_outputs,
    const int groups, const int pitch, const int outputs_first) {
    ENTER(w);
    ENTER(packed);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int output = (int)(i % pitch), group = (int)(i / pitch % groups);
    const int input = (int)(i / pitch / groups % group_inputs);
    const ulong tap = i / pitch / groups / group_inputs;
    const ulong pair = outputs_first ? (ulong)(group * group_outputs + output) * group_inputs + input
                                     : (ulong)(group * group_inputs + input) * group_outputs + output;
    PUT_WEIGHT(packed, i, output < group_outputs ? w[pair * taps + tap] : 0.0f);
}

// Sums the chunks of a weight gradient [chunks, taps, inputs of a group, outputs] into PyTorch's layout.
__kernel void conv3d_weight_finish(
    IN(partial), OUT(gw), const ulong count, const int taps, const int group_inputs, const int outputs,
    const int chunks, const int accumulate) {
    ENTER(partial);
    ENTER(gw);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int output = (int)(i % outputs), input = (int)(i / outputs % group_inputs);
    const ulong tap = i / outputs / group_inputs;
    float sum = 0.0f;
    for (int chunk = 0; chunk < chunks; chunk++) sum += partial[chunk * count + i];
    put(gw, ((ulong)output * group_inputs + input) * taps + tap, sum, accumulate);
}
