internal import SegCore
internal import SegImaging

/// Plans of a dataset: spacing, patch, network and batch of every configuration; nnU-Net's `ExperimentPlanner`.
public struct NNUNetPlans {
    /// The rule for the spacing along the axis of the longest voxels.
    enum SpacingRule: Hashable {
        /// The median of all cases.
        case median
        /// The 10th percentile, for an axis of few, long voxels; the associated value is the median.
        case tenth(median: Double)
    }

    /// The result of planning a configuration of low resolution.
    enum LowResolution: Hashable {
        /// Not planned, because the patch holds this large share of the median scan.
        case notNeeded(share: Double)
        /// Planned, with this many times fewer voxels.
        case kept(PlannedConfiguration, ratio: Double)
        /// Planned but left out, because it has only this many times fewer voxels.
        case dropped(ratio: Double)
    }

    /// The name of the dataset, such as `Dataset501_Spleen`.
    let name: String
    let training: NNUNetTrainingSet
    let fingerprint: NNUNetFingerprint
    let target: PlannedConfiguration.Target
    /// The spacing along (z, y, x), and the rule that gave it.
    let spacing: [Double]
    let spacingRule: SpacingRule
    /// For each axis of the network, the index of that axis in (z, y, x).
    let forward: [Int]
    /// The median size at the spacing, in the network's order of axes.
    let median: [Double]
    /// The 2-D configuration.
    let flat: PlannedConfiguration
    /// The 3-D configuration at the spacing; nil if scans are single slices.
    let full: PlannedConfiguration?
    let low: LowResolution?

    /// If a patch holds less than this share of the median scan, a low resolution is planned.
    static let sufficientShare = 0.25
    /// The minimum ratio of voxels at full and at low resolution for which the low resolution is kept.
    static let leastRatio = 2.0

    /// Plans a dataset.
    /// - Parameters:
    ///   - name: The name of the dataset, such as `Dataset501_Spleen`.
    ///   - memory: The GPU memory in GB; nil for the planner's default.
    /// - Throws: `DataError` naming what cannot be planned.
    public init(
        _ name: String, _ training: NNUNetTrainingSet, _ fingerprint: NNUNetFingerprint, planner: NNUNetPlanner,
        memory: Double?
    ) throws {
        (self.name, self.training, self.fingerprint) = (name, training, fingerprint)
        let target = PlannedConfiguration.Target(
            planner: planner, memory: memory ?? planner.usualMemory, labels: training.labelCount)
        self.target = target
        (spacing, spacingRule) = Self.spacing(of: fingerprint)
        let longest = spacing.firstIndex(of: spacing.max() ?? 0) ?? 0
        forward = [longest] + (0..<3).filter { $0 != longest }
        median = Self.median(of: fingerprint, at: spacing, forward)
        let edges = forward.map { [spacing] in spacing[$0] }
        let voxels = median.reduce(1, *) * Double(training.caseCount)
        flat = try PlannedConfiguration(
            target, spacing: Array(edges.dropFirst()), median: Array(median.dropFirst()), voxels: voxels)
        guard median[0] != 1 else {
            (full, low) = (nil, nil)
            return
        }
        let full = try PlannedConfiguration(target, spacing: edges, median: median, voxels: voxels)
        self.full = full
        low = try Self.lowResolution(target, below: full, cases: training.caseCount)
    }

    /// The spacing that scans are resampled to, along (z, y, x); `determine_fullres_target_spacing`.
    private static func spacing(of fingerprint: NNUNetFingerprint) -> ([Double], SpacingRule) {
        func percentile(_ percent: Double, _ axis: Int) -> Double {
            OrderStatistics.percentile(percent, of: fingerprint.spacings.map { $0[axis] })
        }
        var target = (0..<3).map { percentile(50, $0) }
        let extents = (0..<3).map { axis in
            OrderStatistics.percentile(50, of: fingerprint.shapes.map { Double($0[axis]) })
        }
        let longest = target.firstIndex(of: target.max() ?? 0) ?? 0
        let others = (0..<3).filter { $0 != longest }
        let next = others.map { target[$0] }.max() ?? 0
        let fewest = others.map { extents[$0] }.min() ?? 0
        guard target[longest] > 3 * next, extents[longest] * 3 < fewest else { return (target, .median) }
        let median = target[longest]
        let tenth = percentile(10, longest)
        target[longest] = tenth < next ? next + 1e-5 : tenth
        return (target, .tenth(median: median))
    }

    /// The median size after resampling, in the network's order of axes.
    private static func median(of fingerprint: NNUNetFingerprint, at target: [Double], _ forward: [Int]) -> [Double] {
        forward.map { axis in
            OrderStatistics.median(
                zip(fingerprint.spacings, fingerprint.shapes).map { edges, extents in
                    (edges[axis] / target[axis] * Double(extents[axis])).rounded(.toNearestOrEven)
                })
        }
    }

    /// Lengthens voxels, the shorter ones first, until a patch holds enough of the scan.
    private static func lowResolution(
        _ target: PlannedConfiguration.Target, below full: PlannedConfiguration, cases: Int
    ) throws -> LowResolution {
        func count(_ extents: [Double]) -> Double { extents.reduce(1, *) }
        let whole = count(full.median)
        var (share, remaining, edges) = (count(full.patch.map(Double.init)) / whole, whole, full.spacing)
        var found: PlannedConfiguration?
        while share < sufficientShare {
            let longest = edges.max() ?? 0
            let isShort = edges.map { longest / $0 > 2 }
            let all = !isShort.contains(true)
            edges = edges.indices.map { all || isShort[$0] ? edges[$0] * 1.03 : edges[$0] }
            let extents = full.spacing.indices.map { full.spacing[$0] / edges[$0] * full.median[$0] }
            remaining = count(extents)
            let low = try PlannedConfiguration(
                target, spacing: edges, median: extents.map { $0.rounded(.toNearestOrEven) },
                voxels: remaining * Double(cases))
            share = count(low.patch.map(Double.init)) / remaining
            found = low
        }
        guard let found else { return .notNeeded(share: share) }
        let ratio = whole / remaining
        return ratio < leastRatio ? .dropped(ratio: ratio) : .kept(found, ratio: ratio)
    }
}
