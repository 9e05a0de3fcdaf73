/// Options of the Dice loss, the cross entropy, and their weighted sum, as in `monai.losses.DiceCELoss`.
///
/// For each sample and class, with predictions P, one-hot references G and I = Σ P · G,
/// dice = 1 − (2 I + smoothNr) / (ΣP + ΣG + smoothDr); with `squaredPred` the sums are of squares, with `jaccard`
/// the denominator is 2 (ΣP + ΣG − I) + smoothDr, with `batch` the sums run over the batch too. The loss is
/// lambdaDice · mean(dice) + lambdaCE · mean(cross entropy of the raw logits, background included).
/// Milletari et al. 2016, "V-Net".
public struct DiceCEParams: Hashable, Sendable {
    /// What makes predictions of logits in the Dice term.
    public enum Probabilities: Hashable, Sendable {
        /// Softmax over the classes.
        case softmax
        /// Each class by itself.
        case sigmoid
        /// The network's outputs are used as they are.
        case identity
    }

    /// How the terms of samples and classes become one number.
    public enum Reduction: Hashable, Sendable {
        /// Their mean.
        case mean
        /// Their sum.
        case sum
    }

    /// What makes predictions of logits.
    public var probabilities: Probabilities
    /// Class 0 counts in the Dice term.
    public var includeBackground: Bool
    /// Squares in the denominator's sums.
    public var squaredPred: Bool
    /// The Jaccard (soft IoU) denominator.
    public var jaccard: Bool
    /// Sums over the batch before the ratio.
    public var batch: Bool
    /// Mean or sum over samples and classes.
    public var reduction: Reduction
    /// Added to the numerator.
    public var smoothNr: Float
    /// Added to the denominator.
    public var smoothDr: Float
    /// Weight of the Dice term.
    public var lambdaDice: Float
    /// Weight of the cross entropy; 0 leaves it out.
    public var lambdaCE: Float
    /// A weight for each class, or empty for all 1; in the cross entropy as torch's `weight`.
    public var classWeights: [Float]

    /// `DiceLoss(to_onehot_y=True, softmax=True)`, to be changed field by field.
    public init() {
        probabilities = .softmax
        includeBackground = true
        squaredPred = false
        jaccard = false
        batch = false
        reduction = .mean
        smoothNr = 1e-5
        smoothDr = 1e-5
        lambdaDice = 1
        lambdaCE = 0
        classWeights = []
    }
}
