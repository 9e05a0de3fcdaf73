public import SegBackend

/// Dice loss, cross entropy, or their weighted sum, `monai.losses.DiceCELoss`; see `DiceCEParams`.
///
/// **Shapes**: logits `[N, positions…, C]`, labels i32 `[N, positions…]`, result `[1]`. Labels are in 0 ..< C, or sets of
/// C bits with `targets: .regions`; a label below 0 is ignored.
/// - Throws: `TensorError` if shapes or options do not fit; `BackendError` from the backend.
public func diceCELoss(_ logits: Tensor, labels: Tensor, _ params: DiceCEParams) throws -> Tensor {
    let classes = logits.shape.channels
    try validateLoss("diceCELoss", logits, labels, classWeights: params.classWeights.count)
    try require(
        params.includeBackground || classes > 1, "diceCELoss", "leaving out the background needs at least two classes")
    if params.targets == .regions { try validateRegions(params, classes) }
    let backend = logits.backend
    let loss = try backend.allocate([1], logits.view.dtype)
    let sums = try backend.allocate([4, logits.shape.batch, classes], logits.view.dtype)
    try backend.diceCELoss(logits.view, labels: labels.view, params, into: loss, sums: sums)
    return result(loss, op: "diceCELoss", of: [logits]) { upstream, sink in
        try sink.add(to: logits) { gx, accumulate in
            try backend.diceCELossBackward(
                logits.view, labels: labels.view, sums: sums, upstream: upstream, params, into: gx,
                accumulate: accumulate)
        }
    }
}

/// Checks that the options are valid for regions that may overlap.
private func validateRegions(_ params: DiceCEParams, _ regions: Int) throws {
    try require(
        regions <= DiceCEParams.mostRegions, "diceCELoss",
        "logits have \(regions) channels, but a label has bits for only \(DiceCEParams.mostRegions) regions")
    try require(
        params.probabilities != .softmax, "diceCELoss",
        "softmax makes classes exclude each other, but regions may overlap; use sigmoid or identity")
    try require(
        params.includeBackground, "diceCELoss",
        "regions have no background channel, so includeBackground should be true")
    try require(
        params.classWeights.isEmpty || params.lambdaCE == 0, "diceCELoss",
        "the cross entropy of regions does not support class weights; leave them out, or give lambdaCE 0")
}

/// Checks that labels and class weights fit the logits.
func validateLoss(_ op: String, _ logits: Tensor, _ labels: Tensor, classWeights: Int) throws {
    try require(
        labels.shape.count == logits.shape.rows && labels.shape[0] == logits.shape[0], op,
        "labels \(labels.shape) do not fit logits \(logits.shape)")
    try require(labels.view.dtype == .i32, op, "labels are \(labels.view.dtype); make them with Tensor(labels:)")
    try require(
        classWeights == 0 || classWeights == logits.shape.channels, op,
        "\(classWeights) class weights were given for \(logits.shape.channels) classes")
}
