/// Voxel counts of one class, prediction against reference, and the ratios made of them.
///
/// A ratio whose denominator is 0 is `nil`, never 0 or 1.
public struct ConfusionCounts: Hashable, Sendable, Codable {
    /// Voxels in both masks.
    public var truePositives: Int
    /// Voxels in the prediction only.
    public var falsePositives: Int
    /// Voxels in the reference only.
    public var falseNegatives: Int
    /// Voxels in neither mask.
    public var trueNegatives: Int

    private enum CodingKeys: String, CodingKey {
        case truePositives = "true_positives"
        case falsePositives = "false_positives"
        case falseNegatives = "false_negatives"
        case trueNegatives = "true_negatives"
    }

    /// Makes counts from the four numbers.
    public init(truePositives: Int, falsePositives: Int, falseNegatives: Int, trueNegatives: Int) {
        self.truePositives = truePositives
        self.falsePositives = falsePositives
        self.falseNegatives = falseNegatives
        self.trueNegatives = trueNegatives
    }

    /// Voxels of the class in the prediction.
    public var predicted: Int { truePositives + falsePositives }
    /// Voxels of the class in the reference.
    public var actual: Int { truePositives + falseNegatives }
    /// All voxels.
    public var total: Int { predicted + falseNegatives + trueNegatives }
    /// Which of the two masks hold the class at all.
    public var presence: MaskPresence { MaskPresence(predicted: predicted > 0, actual: actual > 0) }

    /// 2 TP / (2 TP + FP + FN); `nil` when both masks are empty.
    public var dice: Double? { ratio(2 * truePositives, predicted + actual) }
    /// TP / (TP + FP + FN), the Jaccard index; `nil` when both masks are empty.
    public var iou: Double? { ratio(truePositives, predicted + falseNegatives) }
    /// TP / (TP + FP), the positive predictive value; `nil` when the prediction is empty.
    public var precision: Double? { ratio(truePositives, predicted) }
    /// TP / (TP + FN), the sensitivity; `nil` when the reference is empty.
    public var recall: Double? { ratio(truePositives, actual) }
    /// TN / (TN + FP); it grows with the background in the field of view, so compare it on equal crops only.
    public var specificity: Double? { ratio(trueNegatives, trueNegatives + falsePositives) }

    /// Adds the voxels of another case, for ratios over pooled voxels.
    public static func + (a: Self, b: Self) -> Self {
        Self(
            truePositives: a.truePositives + b.truePositives, falsePositives: a.falsePositives + b.falsePositives,
            falseNegatives: a.falseNegatives + b.falseNegatives, trueNegatives: a.trueNegatives + b.trueNegatives)
    }

    private func ratio(_ numerator: Int, _ denominator: Int) -> Double? {
        denominator == 0 ? nil : Double(numerator) / Double(denominator)
    }
}

/// Whether a class is in the prediction, in the reference, in both or in neither.
public enum MaskPresence: String, Hashable, Sendable, Codable {
    /// Both masks hold the class.
    case both
    /// The reference holds it and the prediction does not.
    case missed
    /// The prediction holds it and the reference does not.
    case spurious
    /// Neither holds it.
    case bothEmpty = "both_empty"

    init(predicted: Bool, actual: Bool) {
        self = predicted ? (actual ? .both : .spurious) : (actual ? .missed : .bothEmpty)
    }
}
