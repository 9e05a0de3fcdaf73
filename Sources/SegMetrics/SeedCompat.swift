/// The two numbers that the MED_Segmentation report printed as "accuracy" and "IoU", under accurate names.
///
/// The report scored the background and the foreground channel of a one-hot map as one flat binary array. If e of N
/// voxels are wrong, each of these is a false positive in one channel and a false negative in the other. Therefore the
/// report's precision, recall and specificity all equal the voxel accuracy A = 1 - e/N, and its IoU is (N - e)/(N + e)
/// = A/(2 - A). Both numbers are dominated by the background and say little about the organ; they are here for
/// comparison only.
public struct SeedCompat: Hashable, Sendable, Codable {
    /// The voxel accuracy (TP + TN) / N over all voxels, background included.
    public var voxelAccuracy: Double
    /// The Jaccard index of the flattened two-channel one-hot maps, A/(2 - A).
    public var jaccard2Channel: Double

    enum CodingKeys: String, CodingKey {
        case voxelAccuracy = "voxel_accuracy"
        case jaccard2Channel = "jaccard_2ch"
    }

    /// Computes both from the counts of the foreground class. Both are always defined because a grid is never empty.
    public init(_ counts: ConfusionCounts) {
        precondition(counts.total > 0, "a grid has voxels")
        voxelAccuracy = Double(counts.truePositives + counts.trueNegatives) / Double(counts.total)
        jaccard2Channel = voxelAccuracy / (2 - voxelAccuracy)
    }
}
