/// The two numbers that the project's report printed as "accuracy" and "IoU", under names that say what they are.
///
/// The report scored the background and the foreground channel of a one-hot map as one flat binary array. Each of the
/// e wrong voxels of N is then a false positive in one channel and a false negative in the other, so its precision,
/// recall and specificity all equal the voxel accuracy A = 1 - e/N, and its IoU is (N - e)/(N + e) = A/(2 - A). Both
/// are dominated by the background and say little of the organ; they are here for comparison only.
public struct SeedCompat: Hashable, Sendable, Codable {
    /// (TP + TN) / N over all voxels, background included.
    public var voxelAccuracy: Double
    /// The Jaccard index of the flattened two-channel one-hot maps, A/(2 - A).
    public var jaccard2Channel: Double

    enum CodingKeys: String, CodingKey {
        case voxelAccuracy = "voxel_accuracy"
        case jaccard2Channel = "jaccard_2ch"
    }

    /// Computes both from the counts of the foreground class; a grid is never empty, so both are always defined.
    public init(_ counts: ConfusionCounts) {
        precondition(counts.total > 0, "a grid has voxels")
        voxelAccuracy = Double(counts.truePositives + counts.trueNegatives) / Double(counts.total)
        jaccard2Channel = voxelAccuracy / (2 - voxelAccuracy)
    }
}
