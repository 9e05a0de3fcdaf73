/// Options of the Dice loss, the cross entropy, and their weighted sum, as in `monai.losses.DiceCELoss`.
///
/// For each sample and class, with predictions P, one-hot references G and I = Σ P · G,
/// dice = 1 − (2 I + smoothNr) / (ΣP + ΣG + smoothDr); with `squaredPred` the sums are of squares, `ratio` changes the
/// weights of the sums in numerator and denominator, with `batch` the sums run over the batch too. The loss is
/// lambdaDice · mean(dice) + lambdaCE · mean(cross entropy of the raw logits, background included).
/// Milletari et al. 2016, "V-Net"; Salehi et al. 2017, "Tversky loss function".
///
/// A voxel whose label is below 0 is ignored: it is left out of every sum and of the voxels that the cross entropy is the
/// mean over, and its gradient is 0, as in nnU-Net's `DC_and_CE_loss` with `ignore_label`. Where all voxels are ignored
/// the cross entropy is 0, and the Dice term is what it is of empty sums.
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

    /// What a label that is not below 0 says of its voxel.
    public enum Targets: Hashable, Sendable {
        /// The number of its class. With a single channel the label itself is the reference, 0 or 1.
        case classes
        /// The regions that it belongs to, which may overlap: bit c is set where the voxel is in region c, the region of
        /// channel c. A channel has a reference of 0 or 1 and a binary cross entropy of its own, as in
        /// `monai.losses.DiceLoss(sigmoid=True)` of masks, and torch's `BCEWithLogitsLoss`, whose mean is over voxels and
        /// channels. Where voxels are ignored nnU-Net's `DC_and_BCE_loss` adds the means of the channels up instead.
        case regions
    }

    /// The regions that the bits of a label, an `Int32` that is not below 0, have place for.
    public static let mostRegions = 31

    /// The ratio of overlap and sizes that the loss is 1 minus.
    public enum Ratio: Hashable, Sendable {
        /// 2 I / (ΣP + ΣG).
        case dice
        /// 2 I / 2 (ΣP + ΣG − I), the soft intersection over union.
        case jaccard
        /// I / (I + alpha Σ P (1 − G) + beta Σ (1 − P) G), `monai.losses.TverskyLoss`.
        case tversky(alpha: Float, beta: Float)

        /// Factor of I in the numerator, and of I, ΣP and ΣG in the denominator.
        public var weights: (numerator: Double, overlap: Double, prediction: Double, reference: Double) {
            switch self {
            case .dice: (2, 0, 1, 1)
            case .jaccard: (2, -2, 2, 2)
            case .tversky(let alpha, let beta):
                (1, 1 - Double(alpha) - Double(beta), Double(alpha), Double(beta))
            }
        }
    }

    /// How the terms of samples and classes become one number.
    public enum Reduction: Hashable, Sendable {
        /// Their mean.
        case mean
        /// Their sum.
        case sum
    }

    /// What labels say.
    public var targets: Targets
    /// What makes predictions of logits.
    public var probabilities: Probabilities
    /// Class 0 counts in the Dice term.
    public var includeBackground: Bool
    /// Squares in the denominator's sums.
    public var squaredPred: Bool
    /// What is divided by what.
    public var ratio: Ratio
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
    /// A weight for each class, or empty for all 1; in the cross entropy as torch's `weight`. The weights of regions are
    /// those of the Dice term, and are not to be given beside a cross entropy.
    public var classWeights: [Float]

    /// `DiceLoss(to_onehot_y=True, softmax=True)`, to be changed field by field.
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
