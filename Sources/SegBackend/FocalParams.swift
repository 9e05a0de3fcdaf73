/// Options of the focal loss over the sigmoid of each class, `monai.losses.FocalLoss` without `use_softmax`.
///
/// For each row and class, with the probability p of what the one-hot reference says: − (1 − p)^gamma · log p, times
/// alpha where the reference is 1 and 1 − alpha where it is 0, times the class's weight. The loss is the mean over
/// rows, samples and classes; as a sum, the mean over rows, added up. Lin et al. 2017, "Focal loss".
public struct FocalParams: Hashable, Sendable {
    /// How much less a row counts that is right already.
    public var gamma: Float
    /// Balance between reference and rest; nil for none.
    public var alpha: Float?
    /// Class 0 counts.
    public var includeBackground: Bool
    /// Mean or sum over samples and classes.
    public var reduction: DiceCEParams.Reduction
    /// A weight for each class, or empty for all 1.
    public var classWeights: [Float]

    /// `FocalLoss()`, to be changed field by field.
    public init() {
        gamma = 2
        alpha = nil
        includeBackground = true
        reduction = .mean
        classWeights = []
    }

    /// What a class's Σ of row losses is multiplied with; 0 for a background left out.
    public func share(_ channel: Int, of channels: Int, samples: Int, positions: Int) -> Double {
        let first = includeBackground || channels == 1 ? 0 : 1
        guard channel >= first else { return 0 }
        let weight = classWeights.isEmpty ? 1 : Double(classWeights[channel])
        let terms = reduction == .mean ? samples * (channels - first) : 1
        return weight / (Double(max(positions, 1)) * Double(max(terms, 1)))
    }
}
