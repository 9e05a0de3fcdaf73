public import SegBackend
public import SegTensor

/// What a training minimises: a ratio of overlap, with a cross entropy or a focal loss beside it.
///
/// `monai.losses.DiceLoss`, `DiceCELoss`, `DiceFocalLoss`, `TverskyLoss`, `GeneralizedDiceLoss`. Overlapping regions are
/// what `overlap.targets` says; the focal and the generalised Dice loss take classes alone.
public struct SegmentationLoss: Hashable, Sendable {
    /// Dice or another ratio, with the cross entropy.
    public var overlap: DiceCEParams
    /// The generalised Dice loss in place of `overlap`; nil for none.
    public var generalizedDice: GeneralizedDiceLoss?
    /// The focal loss; nil for none.
    public var focal: FocalParams?
    /// Weight of the focal loss.
    public var lambdaFocal: Float
    /// Labels may be below 0, of voxels that are ignored; the focal loss takes none of those.
    public var hasIgnoredVoxels = false
    /// Whether the coarsest head of deep supervision counts; nnU-Net leaves it out.
    public var countsCoarsestHead = true

    /// Makes a loss.
    public init(_ overlap: DiceCEParams, focal: FocalParams? = nil, lambdaFocal: Float = 1) {
        self.overlap = overlap
        self.focal = focal
        self.lambdaFocal = lambdaFocal
    }

    /// Insists that the losses take what the labels say, which the labels themselves are not asked.
    /// - Throws: `TensorError` that names the losses which do.
    public func validate() throws {
        if hasIgnoredVoxels && focal != nil {
            throw TensorError(
                op: "focal loss", "labels have ignored voxels, which dice, dice_ce, tversky and generalized_dice take")
        }
        guard overlap.targets == .regions else { return }
        let refusing = focal != nil ? "focal loss" : generalizedDice != nil ? "generalized_dice" : nil
        if let refusing {
            throw TensorError(op: refusing, "labels are overlapping regions, which dice, dice_ce and tversky take")
        }
    }

    /// The loss of one output.
    ///
    /// **Shapes**: logits `[N, positions…, C]`, labels i32 `[N, positions…]`, result `[1]`.
    /// - Throws: `TensorError` where shapes or options do not fit; `BackendError` from the backend.
    public func callAsFunction(_ logits: Tensor, labels: Tensor) throws -> Tensor {
        try validate()
        let loss = try generalizedDice?(logits, labels: labels) ?? diceCELoss(logits, labels: labels, overlap)
        guard let focal else { return loss }
        return try add(loss, scale(focalLoss(logits, labels: labels, focal), by: lambdaFocal))
    }

    /// The loss of an output and of the heads that supervise coarser levels.
    ///
    /// A head that has fewer voxels than the labels is held to labels at nearest voxels, as in MONAI's
    /// `DeepSupervisionLoss`. A head counts half of the one before it, and the weights add up to 1. Isensee et al. 2021, "nnU-Net".
    /// Without `countsCoarsestHead` the last of several heads is left out.
    /// - Throws: `TensorError` where shapes do not fit; `BackendError` from the backend.
    public func callAsFunction(supervised outputs: [Tensor], labels: Tensor) throws -> Tensor {
        guard let first = outputs.first else { throw TensorError(op: "loss", "the network gave no output") }
        let outputs = countsCoarsestHead || outputs.count == 1 ? outputs[...] : outputs.dropLast()
        guard outputs.count > 1 else { return try self(first, labels: labels) }
        let weights = outputs.indices.map { 1 / Float(1 << $0) }
        let total = weights.reduce(0, +)
        var loss = try scale(self(first, labels: labels), by: weights[0] / total)
        for (output, weight) in zip(outputs, weights).dropFirst() {
            loss = try add(loss, scale(self(output, labels: labels.nearest(like: output)), by: weight / total))
        }
        return loss
    }
}
