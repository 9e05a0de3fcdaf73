public import SegBackend
public import SegTensor

/// The generalised Dice loss, `monai.losses.GeneralizedDiceLoss`: a class with a smaller reference has a larger weight.
///
/// For each sample, with predictions P, one-hot references G and a weight w per class,
/// loss = 1 − (2 Σ w ΣPG + smoothNr) / (Σ w (ΣP + ΣG) + smoothDr), with inner sums over voxels and outer sums over classes.
/// An absent class has the largest weight of the present classes. Sudre et al. 2017, "Generalised Dice overlap as a
/// deep learning loss function for highly unbalanced segmentations".
public struct GeneralizedDiceLoss: Hashable, Sendable {
    /// The weight of a class whose reference has volume V.
    public enum Weighting: String, Hashable, Sendable, CaseIterable {
        /// 1 / V².
        case square
        /// 1 / V.
        case simple
        /// 1.
        case uniform
    }

    /// The function from logits to predictions.
    public var probabilities = DiceCEParams.Probabilities.softmax
    /// Whether class 0 counts.
    public var includeBackground = true
    /// The weighting of the classes.
    public var weighting = Weighting.square
    /// Whether the sums run over the whole batch, instead of each sample.
    public var batch = false
    /// The reduction over samples, mean or sum.
    public var reduction = DiceCEParams.Reduction.mean
    /// The term added to the numerator.
    public var smoothNr: Float = 1e-5
    /// The term added to the denominator.
    public var smoothDr: Float = 1e-5

    /// Creates `GeneralizedDiceLoss(to_onehot_y=True, softmax=True)`, whose fields can then be changed.
    public init() {}

    /// Computes the loss of one output.
    ///
    /// **Shapes**: logits `[N, positions…, C]`, labels i32 `[N, positions…]` with values in 0 ..< C, result `[1]`. With one
    /// class the label itself is the reference, as in MONAI. A voxel whose label is below 0 is left out of every sum.
    /// - Throws: `TensorError` if shapes do not fit; `BackendError` from the backend.
    public func callAsFunction(_ logits: Tensor, labels: Tensor) throws -> Tensor {
        let shape: Shape = [logits.shape.batch, logits.shape.positions, logits.shape.channels]
        guard labels.shape.count == logits.shape.rows, labels.shape[0] == shape.batch else {
            throw TensorError(
                op: "GeneralizedDiceLoss", "labels \(labels.shape) do not fit logits \(logits.shape)")
        }
        let rows = try reshape(labels, [shape.batch, shape.positions])
        let column = try reshape(floats(of: rows), [shape.batch, shape.positions, 1])
        let takesPart = try greaterOrEqual(column, Tensor(repeating: 0, shape: [1], on: logits.backend))
        let predictions = try masked(probabilities.predictions(reshape(logits, shape)), where: takesPart)
        let references = try shape.channels == 1 ? column * takesPart : oneHot(rows, classes: shape.channels)
        let axes = batch ? [0, 1] : [1]
        let overlap = try sum(predictions * references, over: axes)
        let volume = try sum(references, over: axes)
        let sizes = try sum(predictions, over: axes) + volume
        let weights = try weights(of: volume)
        let ratio =
            try (2 * sum(overlap * weights, over: [-1]) + smoothNr) / (sum(sizes * weights, over: [-1]) + smoothDr)
        return try reduction == .mean ? mean(1 - ratio) : sum(1 - ratio)
    }

    /// Returns the weight of each class from its volume, `[…, C]`.
    private func weights(of volume: Tensor) throws -> Tensor {
        let backend = volume.backend
        let zero = try Tensor(repeating: 0, shape: [1], on: backend)
        let classes = volume.shape.channels
        let counted = (0..<classes).map { $0 == 0 && !includeBackground && classes > 1 ? Float(0) : 1 }
        let counts = try Tensor(counted, shape: [classes], on: backend)
        let raw =
            switch weighting {
            case .square: try reciprocal(volume * volume)
            case .simple: try reciprocal(volume)
            case .uniform: try equal(volume, volume)
            }
        let isThere = weighting == .uniform ? counts : try multiply(greater(volume, zero), counts)
        let present = try masked(raw, where: isThere)
        let largest = try max(present, over: [-1], keepsAxes: true)
        return try masked(select(isThere, present, else: largest), where: counts)
    }
}

extension DiceCEParams.Probabilities {
    /// Computes predictions from logits; with one class there is no softmax, as in MONAI.
    func predictions(_ logits: Tensor) throws -> Tensor {
        switch self {
        case .sigmoid: try activate(logits, .sigmoid, slope: nil)
        case .softmax: logits.shape.channels > 1 ? try SegTensor.softmax(logits) : logits
        case .identity: logits
        }
    }
}
