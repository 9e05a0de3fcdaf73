internal import Foundation
internal import SegCore

/// The patch, network and batch for scans of one spacing; nnU-Net's `get_plans_for_configuration`.
struct PlannedConfiguration: Hashable, Sendable {
    /// The target of the plans, which is the same in all configurations.
    struct Target: Hashable, Sendable {
        let planner: NNUNetPlanner
        /// The GPU memory in GB.
        let memory: Double
        /// The number of entries of `labels` in `dataset.json`.
        let labels: Int
    }

    /// The voxel spacing in mm; two numbers for slices.
    let spacing: [Double]
    /// The median size of the scans in voxels of that spacing.
    let median: [Double]
    /// The stages and the patch.
    let topology: PlannedTopology
    /// The patch before it was reduced to fit the memory.
    let wanted: [Int]
    /// The number of values in the feature maps of one patch.
    let estimate: Double
    /// The number of values that a reference batch may have.
    let reference: Double
    /// The batch size that the memory allows.
    let batchOfMemory: Int
    /// The batch size that the dataset's size allows.
    let batchOfDataset: Int

    /// The batch size.
    var batch: Int { max(min(batchOfMemory, batchOfDataset), Self.leastBatch) }
    /// The size of the patch.
    var patch: [Int] { topology.patch }
    /// Whether the network's input is slices.
    var isFlat: Bool { spacing.count == 2 }

    static let leastBatch = 2

    /// Plans a configuration.
    /// - Parameters:
    ///   - spacing: The voxel spacing in mm.
    ///   - median: The median size of the scans at that spacing.
    ///   - voxels: The number of voxels of all scans together.
    /// - Throws: `DataError` if no patch fits the memory.
    init(_ target: Target, spacing: [Double], median: [Double], voxels: Double) throws {
        let planner = target.planner
        let isFlat = spacing.count == 2
        (self.spacing, self.median) = (spacing, median)
        guard median.allSatisfy({ $0 >= 1 }) else {
            throw DataError(
                .badData, "the fingerprint", "its median scan has no voxel along an axis at \(spacing) mm: \(median)")
        }
        let extents = zip(Self.cube(spacing), median).map { min($0, $1) }
        guard extents.allSatisfy({ $0 >= 1 }) else {
            throw DataError(
                .badData, "the fingerprint",
                "voxels of \(spacing) mm are too anisotropic: the patch would have less than one voxel along an axis "
                    + "(\(extents))")
        }
        var topology = PlannedTopology(spacing: spacing, extents: extents)
        wanted = topology.patch
        let reference = planner.reference(isFlat: isFlat) * (target.memory / planner.usualMemory)
        let samples = NNUNetPlanner.referenceBatch(isFlat: isFlat)
        func estimate() -> Double { topology.featureMapSize(planner, labels: target.labels) }
        // The plain network has to fit with the minimum batch, and a residual one with the reference batch.
        func isTooLarge() -> Bool {
            (planner.isResidual ? estimate() : estimate() / samples * Double(Self.leastBatch)) > reference
        }
        while isTooLarge() { topology = try Self.reduced(topology, spacing, median, memory: target.memory) }
        guard topology.strides.count <= planner.mostStages else {
            throw DataError(
                .badData, "the fingerprint",
                "needs \(topology.strides.count) stages at \(spacing) mm, but nnU-Net's planner has only \(planner.mostStages)"
            )
        }
        self.topology = topology
        self.estimate = estimate()
        self.reference = reference
        batchOfMemory = Self.whole(reference / self.estimate * samples)
        let patch = topology.patch.map(Double.init).reduce(1, *)
        batchOfDataset = Self.whole(voxels * planner.coverage / patch)
    }

    /// The size in voxels of a patch that is a cube in mm. It has the voxel count of 256 × 256 × 256, or in 2-D that of
    /// 2048 × 2048.
    private static func cube(_ spacing: [Double]) -> [Double] {
        let perMillimetre = spacing.map { 1 / $0 }
        let count = spacing.count == 2 ? 2048.0 * 2048 : 256.0 * 256 * 256
        let scale = pow(count / perMillimetre.reduce(1, *), 1 / Double(spacing.count))
        return perMillimetre.map { ($0 * scale).rounded(.toNearestOrEven) }
    }

    /// The stages of a patch that is a step smaller along the axis that covers most of the median scan.
    private static func reduced(
        _ topology: PlannedTopology, _ spacing: [Double], _ median: [Double], memory: Double
    ) throws -> PlannedTopology {
        let shares = zip(topology.patch, median).map { Double($0) / $1 }
        // If several axes have the largest share, the last of them is taken.
        let axis = shares.lastIndex(of: shares.max() ?? 0) ?? 0
        var smaller = topology.patch.map(Double.init)
        smaller[axis] -= Double(topology.divisors[axis])
        var patch = topology.patch.map(Double.init)
        if smaller[axis] > 0 {
            patch[axis] -= Double(PlannedTopology(spacing: spacing, extents: smaller).divisors[axis])
        }
        guard smaller[axis] > 0, patch[axis] > 0 else {
            throw DataError(
                .badArgument, "--gpu-memory",
                "\(memory.text(decimals: 2)) GB are too few for any patch at \(spacing) mm; give more")
        }
        return PlannedTopology(spacing: spacing, extents: patch)
    }

    /// The nearest integer; the even one if two integers are equally near.
    private static func whole(_ value: Double) -> Int { Int(min(value.rounded(.toNearestOrEven), 1e15)) }
}
