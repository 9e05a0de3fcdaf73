public import SegBackend
public import SegCore

/// Resizes a volume, `torch.nn.functional.interpolate(size=…)`.
///
/// **Shapes**: x `[N, D, H, W, C]`, result `[N, size, C]`.
/// - Throws: `TensorError` if x is not a volume or the size is empty; `BackendError` from the backend.
public func resample3d(_ x: Tensor, to size: Triple, _ params: Resample3dParams) throws -> Tensor {
    try require(x.shape.rank == 5, "resample3d", "input \(x.shape) is not [N, D, H, W, C]")
    try require((0..<3).allSatisfy { size[$0] > 0 }, "resample3d", "the size \(size) is empty")
    let backend = x.backend
    let y = try backend.allocate(
        Shape(batch: x.shape.batch, size: size, channels: x.shape.channels), x.view.dtype)
    try backend.resample3d(x.view, params, into: y)
    let target = x.target
    return result(y, op: "resample3d", .resample3d(params), of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.resample3dBackward(upstream: upstream, params, into: gx, accumulate: accumulate)
        }
    }
}
