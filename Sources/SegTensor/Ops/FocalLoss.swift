public import SegBackend

/// Focal loss over the sigmoid of each class, `monai.losses.FocalLoss`; see `FocalParams`.
///
/// **Shapes**: logits `[N, positions…, C]`, labels i32 `[N, positions…]` with values in 0 ..< C, result `[1]`.
/// - Throws: `TensorError` if shapes do not fit; `BackendError` from the backend.
public func focalLoss(_ logits: Tensor, labels: Tensor, _ params: FocalParams) throws -> Tensor {
    try validateLoss("focalLoss", logits, labels, classWeights: params.classWeights.count)
    let backend = logits.backend
    let loss = try backend.allocate([1], logits.view.dtype)
    try backend.focalLoss(logits.view, labels: labels.view, params, into: loss)
    return result(loss, op: "focalLoss", of: [logits]) { upstream, sink in
        try sink.add(to: logits) { gx, accumulate in
            try backend.focalLossBackward(
                logits.view, labels: labels.view, upstream: upstream, params, into: gx, accumulate: accumulate)
        }
    }
}
