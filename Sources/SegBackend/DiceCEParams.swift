/// Options of the Dice loss, the cross entropy, and their weighted sum, as in `monai.losses.DiceCELoss`.
///
/// For each sample and class, with predictions P, one-hot references G and I = Σ P · G, dice = 1 − (2 I + smoothNr) /
/// (ΣP + ΣG + smoothDr). With `squaredPred`, the sums in the denominator are of squares. `ratio` sets the weights of
/// the sums in numerator and denominator. With `batch`, the sums run over the batch too. The loss is lambdaDice ·
/// mean(dice) + lambdaCE · mean(cross entropy of the raw logits, background included). Milletari et al. 2016, "V-Net";
/// Salehi et al. 2017, "Tversky loss function".
///
/// A voxel whose label is below 0 is ignored: every sum and the mean of the cross entropy leave it out, and its
/// gradient is 0, as in nnU-Net's `DC_and_CE_loss` with `ignore_label`. If all voxels are ignored, the cross entropy is
/// 0, and the Dice term is computed from sums of 0.
public struct DiceCEParams: Hashable, Sendable {
    /// The function that turns logits into predictions in the Dice term.
    public enum Probabilities: Hashable, Sendable {
        /// Softmax over the classes.
        case softmax
        /// Sigmoid of each class.
        case sigmoid
        /// None: the network's outputs are the predictions.
        case identity
    }

    /// The meaning of a label that is not below 0.
    public enum Targets: Hashable, Sendable {
        /// The class of the voxel. With a single channel the label itself is the reference, 0 or 1.
        case classes
        /// The regions that contain the voxel; regions may overlap. Bit c is set if the voxel is in region c, the region
        /// of channel c. Each channel has references of 0 or 1 and its own binary cross entropy, as in
        /// `monai.losses.DiceLoss(sigmoid=True)` of masks and torch's `BCEWithLogitsLoss`, whose mean is over voxels
        /// and channels. If voxels are ignored, nnU-Net's `DC_and_BCE_loss` instead sums the means of the channels.
        case regions
    }

    /// The maximum number of regions: the bits of a label, an `Int32` that is not below 0.
    public static let mostRegions = 31

    /// The ratio of overlap to sizes; the loss is 1 minus this ratio.
    public enum Ratio: Hashable, Sendable {
        /// 2 I / (ΣP + ΣG).
        case dice
        /// 2 I / (2 (ΣP + ΣG − I)), the soft intersection over union.
        case jaccard
        /// I / (I + alpha Σ P (1 − G) + beta Σ (1 − P) G), `monai.losses.TverskyLoss`.
        case tversky(alpha: Float, beta: Float)

        /// The factor of I in the numerator, and the factors of I, ΣP and ΣG in the denominator.
        public var weights: (numerator: Double, overlap: Double, prediction: Double, reference: Double) {
            switch self {
            case .dice: (2, 0, 1, 1)
            case .jaccard: (2, -2, 2, 2)
            case .tversky(let alpha, let beta):
                (1, 1 - Double(alpha) - Double(beta), Double(alpha), Double(beta))
            }
        }
    }

    /// The function that reduces the terms of samples and classes to one number.
    public enum Reduction: Hashable, Sendable {
        /// The mean of the terms.
        case mean
        /// The sum of the terms.
        case sum
    }

    /// The meaning of labels.
    public var targets: Targets
    /// The function that turns logits into predictions.
    public var probabilities: Probabilities
    /// Whether class 0 counts in the Dice term.
    public var includeBackground: Bool
    /// Whether the sums of the denominator are of squares.
    public var squaredPred: Bool
    /// The ratio of overlap to sizes.
    public var ratio: Ratio
    /// Whether sums run over the batch too.
    public var batch: Bool
    /// The reduction over samples and classes.
    public var reduction: Reduction
    /// The number added to the numerator.
    public var smoothNr: Float
    /// The number added to the denominator.
    public var smoothDr: Float
    /// The weight of the Dice term.
    public var lambdaDice: Float
    /// The weight of the cross entropy; 0 leaves it out.
    public var lambdaCE: Float
    /// The weight of each class, or empty if all are 1; torch's `weight` in the cross entropy. Weights of regions apply
    /// to the Dice term, and must not be given together with a cross entropy.
    public var classWeights: [Float]

    /// Creates the options of `DiceLoss(to_onehot_y=True, softmax=True)`; fields can be changed afterwards.
    public init() {
        targets = .classes
        probabilities = .softmax
        includeBackground = true
        squaredPred = false
        ratio = .dice
        batch = false
        reduction = .mean
        smoothNr = 1e-5
        smoothDr = 1e-5
        lambdaDice = 1
        lambdaCE = 0
        classWeights = []
    }

    /// Whether each channel has a binary cross entropy, instead of one over all channels.
    package func isBinary(channels: Int) -> Bool { targets == .regions || channels == 1 }
}
