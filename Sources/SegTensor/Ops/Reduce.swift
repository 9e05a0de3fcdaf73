internal import SegBackend

/// The sum of all elements, as a tensor of shape `[1]`.
///
/// - Throws: `BackendError` from the backend.
public func sum(_ x: Tensor) throws -> Tensor {
    let backend = x.backend
    let y = try backend.allocate([1], x.view.dtype)
    try backend.reduce(.sum, x.view, outer: 1, inner: 1, into: y, accumulate: false)
    let target = x.target
    return result(y, op: "sum", of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            if !accumulate { try backend.fill(gx, with: 0) }
            try backend.binary(.add, gx, upstream, into: gx)
        }
    }
}
