/// A half-open box of indices on a grid.
struct Box: Hashable, Sendable {
    var lower: [Int]
    var upper: [Int]

    var size: [Int] { zip(upper, lower).map(-) }
    var count: Int { size.reduce(1, *) }
}

/// One pass over both label maps: the counts of a class and the joint bounding box of the two masks.
struct ClassScan {
    var counts: ConfusionCounts
    /// The bounding box of the voxels of either mask; `nil` if both are empty.
    var jointBox: Box?

    init(_ prediction: [UInt8], _ reference: [UInt8], label: UInt8, size: [Int]) {
        var predicted = 0
        var actual = 0
        var both = 0
        var box = Box(lower: size, upper: [0, 0, 0])
        prediction.withUnsafeBufferPointer { prediction in
            reference.withUnsafeBufferPointer { reference in
                for i in 0..<size[0] {
                    for j in 0..<size[1] {
                        let start = (i * size[1] + j) * size[2]
                        let p = UnsafeBufferPointer(rebasing: prediction[start..<start + size[2]])
                        let r = UnsafeBufferPointer(rebasing: reference[start..<start + size[2]])
                        let row = Self.countRow(p, r, label)
                        if row.predicted == 0 && row.actual == 0 { continue }
                        predicted += row.predicted
                        actual += row.actual
                        both += row.both
                        box.include(i, j)
                        box.includeRow(p, r, label)
                    }
                }
            }
        }
        counts = ConfusionCounts(
            truePositives: both, falsePositives: predicted - both, falseNegatives: actual - both,
            trueNegatives: size.reduce(1, *) - predicted - actual + both)
        jointBox = predicted + actual == 0 ? nil : box
    }

    /// Counts the voxels of a class in a row, without branches, so that the compiler vectorises the loop.
    private static func countRow(
        _ p: UnsafeBufferPointer<UInt8>, _ r: UnsafeBufferPointer<UInt8>, _ label: UInt8
    ) -> (predicted: Int, actual: Int, both: Int) {
        var predicted: UInt32 = 0
        var actual: UInt32 = 0
        var both: UInt32 = 0
        for k in 0..<p.count {
            let inP: UInt32 = p[k] == label ? 1 : 0
            let inR: UInt32 = r[k] == label ? 1 : 0
            predicted &+= inP
            actual &+= inR
            both &+= inP & inR
        }
        return (Int(predicted), Int(actual), Int(both))
    }
}

extension Box {
    fileprivate mutating func include(_ i: Int, _ j: Int) {
        lower[0] = min(lower[0], i)
        upper[0] = max(upper[0], i + 1)
        lower[1] = min(lower[1], j)
        upper[1] = max(upper[1], j + 1)
    }

    /// Extends the box along axis 2 to a row's first and last voxel of the class; only voxels outside the box are
    /// examined.
    fileprivate mutating func includeRow(
        _ p: UnsafeBufferPointer<UInt8>, _ r: UnsafeBufferPointer<UInt8>, _ label: UInt8
    ) {
        for k in 0..<lower[2] where p[k] == label || r[k] == label {
            lower[2] = k
            break
        }
        for k in stride(from: p.count - 1, through: upper[2], by: -1) where p[k] == label || r[k] == label {
            upper[2] = k + 1
            break
        }
    }
}
