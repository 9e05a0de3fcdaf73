import Foundation

/// A comparison of two models on the same cases by one metric: the second model's values minus the first model's.
public struct PairedComparison: Hashable, Sendable {
    /// The metric.
    public var metric: Metric
    /// The number of cases for which both models have a value.
    public var n: Int
    /// The number of cases for which only the first model has a value.
    public var onlyFirst: Int
    /// The number of cases for which only the second model has a value.
    public var onlySecond: Int
    /// The number of cases with a better value for the second model: closer to 1, or closer to 0 for distances and
    /// volume errors.
    public var wins: Int
    /// The number of cases with a worse value for the second model.
    public var losses: Int
    /// The mean, spread and bootstrap interval of the differences.
    public var difference: MetricSummary
    /// The two-sided p-value of the signed-rank test on the differences; `nil` if no pair differs.
    public var p: Double?

    /// Compares the values of cases in the same order; `nil` means undefined.
    /// - Throws: `MetricsError.invalidOption` if the lists differ in length.
    public init(_ metric: Metric, first: [Double?], second: [Double?], bootstrap: Bootstrap = Bootstrap()) throws {
        guard first.count == second.count else {
            throw MetricsError.invalidOption(
                "A paired comparison needs the same cases, not \(first.count) and \(second.count).")
        }
        let pairs = zip(first, second).compactMap { a, b in a.flatMap { a in b.map { (a, $0) } } }
        let differences = pairs.map { $0.1 - $0.0 }
        self.metric = metric
        n = pairs.count
        onlyFirst = zip(first, second).count { $0 != nil && $1 == nil }
        onlySecond = zip(first, second).count { $0 == nil && $1 != nil }
        wins = pairs.count { metric.merit($0.1) > metric.merit($0.0) }
        losses = pairs.count { metric.merit($0.1) < metric.merit($0.0) }
        difference = MetricSummary(differences, bootstrap: bootstrap)
        p = SignedRankTest(differences)?.p
    }
}

/// Wilcoxon's signed-rank test of whether differences are symmetric around 0.
///
/// Differences of 0 are left out, and differences of equal size share their mean rank. Up to 50 differences the exact
/// distribution over all choices of signs is computed. Beyond that, a normal approximation with correction for ties is
/// used, as in `scipy.stats.wilcoxon`, whose exact mode does not handle ties.
public struct SignedRankTest: Hashable, Sendable {
    /// The sum of the ranks of the positive differences.
    public let statistic: Double
    /// The two-sided p-value.
    public let p: Double

    /// Tests differences; `nil` if all are 0.
    public init?(_ differences: [Double]) {
        let values = differences.filter { $0 != 0 }.sorted { abs($0) < abs($1) }
        guard !values.isEmpty else { return nil }
        // The ranks are doubled, so that shared ranks are integers.
        var ranks: [Int] = []
        var tieCorrection = 0.0
        while ranks.count < values.count {
            let first = ranks.count
            let size = values[first...].prefix { abs($0) == abs(values[first]) }.count
            ranks += [Int](repeating: 2 * first + size + 1, count: size)
            tieCorrection += Double(size * size * size - size)
        }
        let positive = zip(values, ranks).reduce(0) { $1.0 > 0 ? $0 + $1.1 : $0 }
        statistic = Double(positive) / 2
        p =
            values.count <= 50
            ? Self.exact(positive, ranks) : Self.normal(statistic, count: values.count, tieCorrection)
    }

    /// Computes the exact p-value from the distribution of the sum of positive ranks over all choices of signs.
    private static func exact(_ positive: Int, _ ranks: [Int]) -> Double {
        let total = ranks.reduce(0, +)
        var shares = [Double](repeating: 0, count: total + 1)
        shares[0] = 1
        for rank in ranks {
            for sum in stride(from: total, through: 0, by: -1) {
                shares[sum] = (shares[sum] + (sum >= rank ? shares[sum - rank] : 0)) / 2
            }
        }
        let below = shares[...min(positive, total - positive)].reduce(0, +)
        return min(1, 2 * below)
    }

    private static func normal(_ statistic: Double, count: Int, _ tieCorrection: Double) -> Double {
        let n = Double(count)
        let variance = n * (n + 1) * (2 * n + 1) / 24 - tieCorrection / 48
        let z = (statistic - n * (n + 1) / 4) / variance.squareRoot()
        return erfc(abs(z) / 2.0.squareRoot())
    }
}
