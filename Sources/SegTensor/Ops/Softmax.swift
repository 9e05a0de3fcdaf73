internal import SegBackend

/// Softmax over the last axis, `torch.softmax(x, -1)`.
///
/// **Shapes**: x `[…, C]`, result as x.
/// - Throws: `BackendError` from the backend.
public func softmax(_ x: Tensor) throws -> Tensor {
    let backend = x.backend
    let y = try backend.allocate(x.shape, x.view.dtype)
    try backend.softmax(x.view, into: y)
    let target = x.target
    return result(y, op: "softmax", of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.softmaxBackward(y, upstream: upstream, into: gx, accumulate: accumulate)
        }
    }
}
