/// Options of the focal loss over the sigmoid of each class, `monai.losses.FocalLoss` without `use_softmax`.
///
/// For each row and class, p is the predicted probability of the one-hot reference. The loss is −(1 − p)^gamma · log p,
/// times alpha if the reference is 1 and 1 − alpha if the reference is 0, times the weight of the class. The reduction
/// `mean` takes the mean over rows, samples and classes; `sum` takes the mean over rows and sums over samples and
/// classes. Lin et al. 2017, "Focal loss".
public struct FocalParams: Hashable, Sendable {
    /// The exponent; a larger one reduces the share of rows that are predicted correctly.
    public var gamma: Float
    /// The weight of a loss whose reference is 1; if the reference is 0, the weight is 1 − alpha. Nil for no weights.
    public var alpha: Float?
    /// Whether class 0 counts.
    public var includeBackground: Bool
    /// The reduction over samples and classes.
    public var reduction: DiceCEParams.Reduction
    /// The weight of each class, or empty if all are 1.
    public var classWeights: [Float]

    /// Creates the options of `FocalLoss()`; fields can be changed afterwards.
    public init() {
        gamma = 2
        alpha = nil
        includeBackground = true
        reduction = .mean
        classWeights = []
    }

    /// The factor by which the loss multiplies the sum of a class over the rows; 0 for a background that does not count.
    public func share(_ channel: Int, of channels: Int, samples: Int, positions: Int) -> Double {
        let first = includeBackground || channels == 1 ? 0 : 1
        guard channel >= first else { return 0 }
        let weight = classWeights.isEmpty ? 1 : Double(classWeights[channel])
        let terms = reduction == .mean ? samples * (channels - first) : 1
        return weight / (Double(max(positions, 1)) * Double(max(terms, 1)))
    }
}
