public import SegBackend
internal import SegCore

/// The maximum of each box, `torch.nn.functional.max_pool3d`.
///
/// **Shapes**: x `[N, D, H, W, C]`, result `[N, D', H', W', C]`, D' = ⌊(D + 2p − k) / stride⌋ + 1, and so on.
/// - Throws: `TensorError` if the geometry does not fit; `BackendError` from the backend.
public func maxPool3d(_ x: Tensor, _ params: Pool3dParams) throws -> Tensor {
    try require(x.shape.rank == 5, "maxPool3d", "input \(x.shape) is not [N, D, H, W, C]")
    try require(
        (0..<3).allSatisfy {
            params.stride[$0] > 0 && params.padding[$0] >= 0 && 2 * params.padding[$0] <= params.kernel[$0]
        },
        "maxPool3d", "strides must be positive and padding at most half the kernel: \(params)")
    let size = params.outputSize(of: x.shape.size)
    try require(size.count > 0, "maxPool3d", "input \(x.shape.size) is smaller than the kernel \(params.kernel)")
    let backend = x.backend
    let shape = Shape(batch: x.shape.batch, size: size, channels: x.shape.channels)
    let y = try backend.allocate(shape, x.view.dtype)
    let indices = try backend.allocate(shape, .i32)
    try backend.maxPool3d(x.view, params, into: y, indices: indices)
    let target = x.target
    return result(y, op: "maxPool3d", .maxPool3d(params), of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.maxPool3dBackward(
                upstream: upstream, indices: indices, params, into: gx, accumulate: accumulate)
        }
    }
}
