public import SegBackend
public import SegCore

/// 3-D convolution, `torch.nn.functional.conv3d`.
///
/// **Shapes**: x `[N, D, H, W, in]`, weight `[out, in / groups, kd, kh, kw]`, bias `[out]`, result
/// `[N, D', H', W', out]` with D' = ⌊(D + 2p − (k − 1) · dilation − 1) / stride⌋ + 1, and so on.
/// - Throws: `TensorError` if shapes and geometry do not fit; `BackendError` from the backend.
public func conv3d(_ x: Tensor, weight: Tensor, bias: Tensor?, _ params: Conv3dParams) throws -> Tensor {
    try validate("conv3d", x, weight: weight, params)
    let (out, inputs) = (weight.shape[0], weight.shape[1] * params.groups)
    try require(
        x.shape.channels == inputs, "conv3d",
        "input has \(x.shape.channels) channels, but the weight expects \(inputs)")
    try require(out % params.groups == 0, "conv3d", "\(out) output channels do not divide into \(params.groups) groups")
    try validate("conv3d", bias: bias, channels: out)
    let size = params.outputSize(of: x.shape.size)
    try require(
        size.count > 0, "conv3d", "input \(x.shape.size) is smaller than the kernel's reach \(params.reach)")
    let backend = x.backend
    let y = try backend.allocate(Shape(batch: x.shape.batch, size: size, channels: out), x.view.dtype)
    try backend.conv3d(x.view, weight: weight.view, bias: bias?.view, params, into: y, accumulate: false)
    let kept = SavedInput(x)
    return result(y, op: "conv3d", .conv3d(params), of: [x, weight, bias]) { upstream, sink in
        // The weight's gradient comes first: a recomputed input is released before the input's gradient is allocated.
        try sink.add(to: weight) { gw, accumulate in
            try backend.conv3dBackwardWeight(
                kept.elements(), upstream: upstream, params, into: gw, accumulate: accumulate)
        }
        try sink.add(to: kept.target) { gx, accumulate in
            try backend.convTranspose3d(
                upstream, weight: weight.view, bias: nil, params, into: gx, accumulate: accumulate)
        }
        try addBiasGradient(upstream, of: bias, sink)
    }
}

/// Transposed 3-D convolution, `torch.nn.functional.conv_transpose3d`.
///
/// **Shapes**: x `[N, D, H, W, in]`, weight `[in, out / groups, kd, kh, kw]`, bias `[out]`, result
/// `[N, D', H', W', out]` with D' = (D − 1) · stride − 2p + (k − 1) · dilation + outputPadding + 1, and so on.
/// - Throws: `TensorError` if shapes and geometry do not fit; `BackendError` from the backend.
public func convTranspose3d(
    _ x: Tensor, weight: Tensor, bias: Tensor?, _ params: Conv3dParams, outputPadding: Triple
) throws -> Tensor {
    let op = "convTranspose3d"
    try validate(op, x, weight: weight, params)
    let (inputs, out) = (weight.shape[0], weight.shape[1] * params.groups)
    try require(
        x.shape.channels == inputs, op, "input has \(x.shape.channels) channels, but the weight expects \(inputs)")
    try require(inputs % params.groups == 0, op, "\(inputs) input channels do not divide into \(params.groups) groups")
    try validate(op, bias: bias, channels: out)
    let limit = params.stride.zip(params.dilation, max)
    try require(
        (0..<3).allSatisfy { outputPadding[$0] >= 0 && outputPadding[$0] < limit[$0] }, op,
        "output padding \(outputPadding) must be smaller than the stride \(params.stride) or the dilation")
    let size = params.transposedOutputSize(of: x.shape.size, outputPadding: outputPadding)
    try require((0..<3).allSatisfy { size[$0] > 0 }, op, "input \(x.shape.size) gives the empty output \(size)")
    let backend = x.backend
    let y = try backend.allocate(Shape(batch: x.shape.batch, size: size, channels: out), x.view.dtype)
    try backend.convTranspose3d(x.view, weight: weight.view, bias: bias?.view, params, into: y, accumulate: false)
    let kept = SavedInput(x)
    return result(
        y, op: op, .convTranspose3d(params, outputPadding: outputPadding), of: [x, weight, bias]
    ) { upstream, sink in
        try sink.add(to: weight) { gw, accumulate in
            try backend.conv3dBackwardWeight(
                upstream, upstream: kept.elements(), params, into: gw, accumulate: accumulate)
        }
        try sink.add(to: kept.target) { gx, accumulate in
            try backend.conv3d(upstream, weight: weight.view, bias: nil, params, into: gx, accumulate: accumulate)
        }
        try addBiasGradient(upstream, of: bias, sink)
    }
}

private func validate(_ op: String, _ x: Tensor, weight: Tensor, _ params: Conv3dParams) throws {
    try require(x.shape.rank == 5, op, "input \(x.shape) is not [N, D, H, W, C]")
    try require(
        weight.shape.rank == 5 && Triple(Array(weight.shape.dimensions[2...])) == params.kernel, op,
        "weight \(weight.shape) does not have the kernel \(params.kernel)")
    try require(
        params.groups > 0
            && (0..<3).allSatisfy { params.stride[$0] > 0 && params.dilation[$0] > 0 && params.padding[$0] >= 0 },
        op, "groups, strides and dilations must be positive and paddings not negative: \(params)")
}

private func validate(_ op: String, bias: Tensor?, channels: Int) throws {
    guard let bias else { return }
    try require(bias.shape == [channels], op, "bias \(bias.shape) should be [\(channels)]")
}

/// Adds the gradient of a bias that is added to every row: the sum of the upstream gradient's rows.
func addBiasGradient(_ upstream: BufferView, of bias: Tensor?, _ sink: GradientSink) throws {
    guard let bias else { return }
    try sink.add(to: bias) { gb, accumulate in
        try bias.backend.reduce(
            .sum, upstream, outer: 1, inner: upstream.shape.channels, into: gb, accumulate: accumulate)
    }
}
