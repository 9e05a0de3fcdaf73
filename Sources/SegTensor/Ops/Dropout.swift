public import SegBackend

/// Dropout with a counter-based mask, `torch.nn.functional.dropout` (`dropout3d` if channelwise).
///
/// **Shapes**: x `[N, …, C]`, result as x.
/// - Throws: `BackendError` from the backend.
public func dropout(_ x: Tensor, _ params: DropoutParams) throws -> Tensor {
    let backend = x.backend
    let y = try backend.allocate(x.shape, x.view.dtype)
    try backend.dropout(x.view, params, into: y, accumulate: false)
    let target = x.target
    let remake = x.remake.map { make in
        {
            let view = try make()
            try backend.dropout(view, params, into: view, accumulate: false)
            return view
        }
    }
    return result(y, op: "dropout", of: [x], remake: remake) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.dropout(upstream, params, into: gx, accumulate: accumulate)
        }
    }
}
