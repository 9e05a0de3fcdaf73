/// The results of a pass over all voxels.
struct VoxelStatistics: Sendable {
    var nan = 0
    var minimum = Double.infinity
    var maximum = -Double.infinity
    var sum = 0.0
    /// The number of voxels of each value, nil if values are not integers or too many different ones occur to be
    /// labels.
    var labels: [Int: Int]? = [:]
}

extension StoredScan {
    /// The minimum, maximum and sum over the voxels that are not NaN, and the count of each value if there are few
    /// values.
    func statistics() -> VoxelStatistics { withStored(StatisticsPass(scaling: scaling)) }
}

private struct StatisticsPass: StoredVisitor {
    var scaling: (slope: Double, inter: Double)?

    /// Label maps of atlases have a little over a hundred values; 8-bit images usually have more than 200 of their 256.
    private static let mostLabels = 200

    func visit<Stored: StoredScalar>(_ voxels: UnsafeBufferPointer<Stored>) -> VoxelStatistics {
        var result = VoxelStatistics()
        var counter = LabelCounter(most: Self.mostLabels)
        for voxel in voxels {
            let stored = voxel.asDouble
            let value = scaling.map { stored * $0.slope + $0.inter } ?? stored
            guard !value.isNaN else {
                result.nan += 1
                continue
            }
            result.minimum = min(result.minimum, value)
            result.maximum = max(result.maximum, value)
            result.sum += value
            if !counter.isOver { counter.count(value) }
        }
        result.labels = result.nan == 0 ? counter.finish() : nil
        if result.nan == voxels.count { (result.minimum, result.maximum) = (.nan, .nan) }
        return result
    }
}

/// Counts integers by runs, which are long in label maps, and gives up if there are too many different ones.
private struct LabelCounter {
    let most: Int
    private var counts: [Int: Int] = [:]
    private var current = 0.0
    private var run = 0
    private(set) var isOver = false

    init(most: Int) { self.most = most }

    @inline(__always)
    mutating func count(_ value: Double) {
        if value == current {
            run += 1
        } else {
            flush()
            (current, run) = (value, 1)
        }
    }

    private mutating func flush() {
        guard run > 0 else { return }
        guard let label = Int(exactly: current) else {
            isOver = true
            return
        }
        counts[label, default: 0] += run
        isOver = counts.count > most
    }

    mutating func finish() -> [Int: Int]? {
        if !isOver { flush() }
        return isOver ? nil : counts
    }
}
