/// The quality of an uncertainty: whether voxels of low uncertainty are correct.
///
/// Voxels are kept in ascending order of uncertainty. Voxels of equal uncertainty have no order: their errors are
/// spread evenly, so that the result does not depend on how a sort breaks ties. Geifman and El-Yaniv 2017.
public struct RiskCoverage: Hashable, Sendable, Codable {
    /// The fraction of voxels that are kept, and the fraction of errors among them.
    public struct Point: Hashable, Sendable, Codable {
        /// The fraction of the voxels that are kept, above 0 and at most 1.
        public let coverage: Double
        /// The fraction of errors among the kept voxels.
        public let risk: Double
    }

    /// The curve at the requested coverages.
    public let curve: [Point]
    /// The area under the risk–coverage curve: the mean risk over all numbers of voxels kept; lower is better.
    public let area: Double
    /// The area of an ideal uncertainty, which ranks every error last.
    public let bestArea: Double
    /// Pearson's correlation of uncertainty and error (0 or 1); nil if one of them is constant.
    public let correlation: Double?
    /// The probability that an error is more uncertain than a correct voxel, the area under the ROC; nil unless both
    /// kinds exist.
    public let errorDetection: Double?

    private enum CodingKeys: String, CodingKey {
        case curve, area, correlation
        case bestArea = "best_area"
        case errorDetection = "error_detection"
    }

    /// Measures an uncertainty against errors at the voxels that count; nil if no voxel counts.
    /// - Parameter coverages: The coverages of the curve: fractions of the voxels kept, ascending, each above 0 and at
    ///   most 1. At least one voxel is kept.
    /// - Throws: `MetricsError` if the arrays differ in length or a coverage is not valid.
    public init?(uncertainty: [Float], errors: [Bool], validity: [UInt8], coverages: [Double]) throws {
        try checkCounts(uncertainty.count, [("error mask", errors.count), ("validity mask", validity.count)])
        guard coverages.allSatisfy({ $0 > 0 && $0 <= 1 }), coverages == coverages.sorted() else {
            throw MetricsError.invalidOption("Coverages should ascend and be above 0 and at most 1, not \(coverages).")
        }
        // The lowest bit of the key is the error; it does not affect the order of different uncertainties.
        var keys: [UInt64] = []
        var sums = Moments()
        for voxel in uncertainty.indices where validity[voxel] != 0 {
            let value = max(uncertainty[voxel], 0)
            keys.append(UInt64(value.bitPattern) << 1 | (errors[voxel] ? 1 : 0))
            sums.add(Double(value), isError: errors[voxel])
        }
        guard !keys.isEmpty else { return nil }
        keys.sort()
        let groups = Self.groups(keys)
        curve = Self.curve(groups, total: keys.count, coverages: coverages)
        area = Self.area(groups, total: keys.count)
        let right = keys.count - sums.errors
        bestArea = Self.area([(right, 0), (sums.errors, sums.errors)], total: keys.count)
        correlation = sums.correlation
        errorDetection = Self.errorDetection(groups, right: right, wrong: sums.errors)
    }

    /// The number of voxels and the number of errors in each run of voxels with equal uncertainty, the most certain run
    /// first.
    private static func groups(_ keys: [UInt64]) -> [(count: Int, errors: Int)] {
        var groups: [(count: Int, errors: Int)] = []
        var value: UInt64?
        for key in keys {
            if value != key >> 1 {
                groups.append((0, 0))
                value = key >> 1
            }
            groups[groups.count - 1].count += 1
            groups[groups.count - 1].errors += Int(key & 1)
        }
        return groups
    }

    private static func area(_ groups: [(count: Int, errors: Int)], total: Int) -> Double {
        var (kept, wrong, sum) = (0.0, 0.0, 0.0)
        for group in groups where group.count > 0 {
            let share = Double(group.errors) / Double(group.count)
            for _ in 0..<group.count {
                kept += 1
                wrong += share
                sum += wrong / kept
            }
        }
        return sum / Double(total)
    }

    private static func curve(_ groups: [(count: Int, errors: Int)], total: Int, coverages: [Double]) -> [Point] {
        var curve: [Point] = []
        var (index, before, wrong) = (0, 0, 0)
        for coverage in coverages {
            let kept = max(1, Int(coverage * Double(total)))
            while before + groups[index].count < kept {
                before += groups[index].count
                wrong += groups[index].errors
                index += 1
            }
            let group = groups[index]
            let inside = Double(kept - before) * Double(group.errors) / Double(group.count)
            curve.append(
                Point(coverage: Double(kept) / Double(total), risk: (Double(wrong) + inside) / Double(kept)))
        }
        return curve
    }

    /// Mann and Whitney's U divided by the number of pairs; a tie counts as half a win.
    private static func errorDetection(_ groups: [(count: Int, errors: Int)], right: Int, wrong: Int) -> Double? {
        guard right > 0, wrong > 0 else { return nil }
        var (below, wins) = (0.0, 0.0)
        for group in groups {
            let correct = Double(group.count - group.errors)
            wins += Double(group.errors) * (below + correct / 2)
            below += correct
        }
        return wins / (Double(right) * Double(wrong))
    }
}

/// The sums for a correlation with a quantity that is 0 or 1.
private struct Moments {
    var count = 0
    var errors = 0
    var sum = 0.0
    var squares = 0.0
    var sumOfErrors = 0.0

    mutating func add(_ value: Double, isError: Bool) {
        count += 1
        sum += value
        squares += value * value
        guard isError else { return }
        errors += 1
        sumOfErrors += value
    }

    var correlation: Double? {
        let n = Double(count)
        let share = Double(errors) / n
        let variance = squares / n - (sum / n) * (sum / n)
        guard variance > 0, errors > 0, errors < count else { return nil }
        let covariance = sumOfErrors / n - sum / n * share
        return covariance / (variance * share * (1 - share)).squareRoot()
    }
}
