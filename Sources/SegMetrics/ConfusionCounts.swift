/// The voxel counts of one class, prediction against reference, and the ratios computed from them.
///
/// A ratio whose denominator is 0 is `nil`, never 0 or 1.
public struct ConfusionCounts: Hashable, Sendable, Codable {
    /// The number of voxels in both masks.
    public var truePositives: Int
    /// The number of voxels in the prediction only.
    public var falsePositives: Int
    /// The number of voxels in the reference only.
    public var falseNegatives: Int
    /// The number of voxels in neither mask.
    public var trueNegatives: Int

    private enum CodingKeys: String, CodingKey {
        case truePositives = "true_positives"
        case falsePositives = "false_positives"
        case falseNegatives = "false_negatives"
        case trueNegatives = "true_negatives"
    }

    /// Creates counts from the four numbers.
    public init(truePositives: Int, falsePositives: Int, falseNegatives: Int, trueNegatives: Int) {
        self.truePositives = truePositives
        self.falsePositives = falsePositives
        self.falseNegatives = falseNegatives
        self.trueNegatives = trueNegatives
    }

    /// The number of voxels of the class in the prediction.
    public var predicted: Int { truePositives + falsePositives }
    /// The number of voxels of the class in the reference.
    public var actual: Int { truePositives + falseNegatives }
    /// The number of all voxels.
    public var total: Int { predicted + falseNegatives + trueNegatives }
    /// The masks that contain the class.
    public var presence: MaskPresence { MaskPresence(predicted: predicted > 0, actual: actual > 0) }

    /// 2 TP / (2 TP + FP + FN); `nil` if both masks are empty.
    public var dice: Double? { ratio(2 * truePositives, predicted + actual) }
    /// TP / (TP + FP + FN), the Jaccard index; `nil` if both masks are empty.
    public var iou: Double? { ratio(truePositives, predicted + falseNegatives) }
    /// TP / (TP + FP), the positive predictive value; `nil` if the prediction is empty.
    public var precision: Double? { ratio(truePositives, predicted) }
    /// TP / (TP + FN), the sensitivity; `nil` if the reference is empty.
    public var recall: Double? { ratio(truePositives, actual) }
    /// TN / (TN + FP); it grows with the background in the field of view and is comparable between equal crops only.
    public var specificity: Double? { ratio(trueNegatives, trueNegatives + falsePositives) }

    /// The sum of the counts of two cases, for ratios over pooled voxels.
    public static func + (a: Self, b: Self) -> Self {
        Self(
            truePositives: a.truePositives + b.truePositives, falsePositives: a.falsePositives + b.falsePositives,
            falseNegatives: a.falseNegatives + b.falseNegatives, trueNegatives: a.trueNegatives + b.trueNegatives)
    }

    private func ratio(_ numerator: Int, _ denominator: Int) -> Double? {
        denominator == 0 ? nil : Double(numerator) / Double(denominator)
    }
}

/// Whether a class occurs in the prediction, in the reference, in both or in neither.
public enum MaskPresence: String, Hashable, Sendable, Codable {
    /// Both masks contain the class.
    case both
    /// The reference contains the class but the prediction does not.
    case missed
    /// The prediction contains the class but the reference does not.
    case spurious
    /// Neither mask contains the class.
    case bothEmpty = "both_empty"

    init(predicted: Bool, actual: Bool) {
        self = predicted ? (actual ? .both : .spurious) : (actual ? .missed : .bothEmpty)
    }
}
