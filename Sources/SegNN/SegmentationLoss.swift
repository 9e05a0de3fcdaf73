public import SegBackend
public import SegTensor

/// The loss of a training run: a ratio of overlap, optionally with a cross entropy or a focal loss.
///
/// `monai.losses.DiceLoss`, `DiceCELoss`, `DiceFocalLoss`, `TverskyLoss`, `GeneralizedDiceLoss`. Overlapping regions
/// are selected by `overlap.targets`; the focal and the generalised Dice loss support classes only.
public struct SegmentationLoss: Hashable, Sendable {
    /// The Dice loss or another ratio, with the cross entropy.
    public var overlap: DiceCEParams
    /// The generalised Dice loss, which replaces `overlap`; nil for none.
    public var generalizedDice: GeneralizedDiceLoss?
    /// The focal loss; nil for none.
    public var focal: FocalParams?
    /// The weight of the focal loss.
    public var lambdaFocal: Float
    /// Whether labels may be below 0, for voxels that are ignored; the focal loss does not support these.
    public var hasIgnoredVoxels = false
    /// Whether the coarsest head of deep supervision counts; nnU-Net leaves it out.
    public var countsCoarsestHead = true

    /// Creates a loss.
    public init(_ overlap: DiceCEParams, focal: FocalParams? = nil, lambdaFocal: Float = 1) {
        self.overlap = overlap
        self.focal = focal
        self.lambdaFocal = lambdaFocal
    }

    /// Checks that the losses support the kind of labels, without reading the labels themselves.
    /// - Throws: `TensorError` that lists the losses that support them.
    public func validate() throws {
        if hasIgnoredVoxels && focal != nil {
            throw TensorError(
                op: "focal loss",
                "labels have ignored voxels, which only dice, dice_ce, tversky and generalized_dice support")
        }
        guard overlap.targets == .regions else { return }
        let refusing = focal != nil ? "focal loss" : generalizedDice != nil ? "generalized_dice" : nil
        if let refusing {
            throw TensorError(
                op: refusing, "labels are overlapping regions, which only dice, dice_ce and tversky support")
        }
    }

    /// Computes the loss of one output.
    ///
    /// **Shapes**: logits `[N, positions…, C]`, labels i32 `[N, positions…]`, result `[1]`.
    /// - Throws: `TensorError` if shapes or options do not fit; `BackendError` from the backend.
    public func callAsFunction(_ logits: Tensor, labels: Tensor) throws -> Tensor {
        try validate()
        let loss = try generalizedDice?(logits, labels: labels) ?? diceCELoss(logits, labels: labels, overlap)
        guard let focal else { return loss }
        return try add(loss, scale(focalLoss(logits, labels: labels, focal), by: lambdaFocal))
    }

    /// Computes the loss of an output and of the heads that supervise coarser levels.
    ///
    /// A head with fewer voxels than the labels is compared with the labels at the nearest voxels, as in MONAI's
    /// `DeepSupervisionLoss`. Each head has half the weight of the previous one, and the weights add up to 1. Isensee
    /// et al. 2021, "nnU-Net". Without `countsCoarsestHead`, the last of several heads is left out.
    /// - Throws: `TensorError` if shapes do not fit; `BackendError` from the backend.
    public func callAsFunction(supervised outputs: [Tensor], labels: Tensor) throws -> Tensor {
        guard let first = outputs.first else { throw TensorError(op: "loss", "the network returned no output") }
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
