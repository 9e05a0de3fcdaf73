import SegMetrics
import Testing

@Suite struct ComparisonTests {
    @Test func winsFollowTheMetricsDirection() throws {
        let dice = try PairedComparison(.dice, first: [0.8, 0.9, nil, 0.7], second: [0.9, 0.8, 0.5, 0.7])
        #expect(dice.n == 3 && dice.wins == 1 && dice.losses == 1)
        #expect(dice.onlyFirst == 0 && dice.onlySecond == 1)
        let distance = try PairedComparison(.hausdorffMM, first: [3, 4, 5], second: [2, 3, nil])
        #expect(distance.wins == 2 && distance.losses == 0 && distance.onlyFirst == 1)
        #expect(distance.difference.mean == -1)
        let volume = try PairedComparison(.volumeErrorML, first: [-3, 2], second: [1, -4])
        #expect(volume.wins == 1 && volume.losses == 1)
        #expect(throws: MetricsError.self) { try PairedComparison(.dice, first: [1], second: []) }
    }

    /// Without ties as in `scipy.stats.wilcoxon(method: exact)`; with ties by enumerating every choice of signs.
    @Test func signedRanksAgreeWithSciPy() throws {
        let exact = try #require(SignedRankTest([0.02, -0.025, 0.08, 0.005, 0.11, 0.03, -0.01, 0.16]))
        #expect(exact.statistic == 30 && exact.p == 0.109375)
        let tied = try #require(SignedRankTest([1, 1, -1, 2, 3, -2, 4, 5, 0]))
        #expect(tied.statistic == 29.5 && tied.p == 0.1328125)
        let sixty = (0..<60).map { (i: Int) -> Double in Double(i * 37 % 101 - 45) / 10 + 0.003 * Double(i) }
        let many = try #require(SignedRankTest(sixty))
        #expect(min(many.statistic, 60 * 61 / 2 - many.statistic) == 716)
        #expect(abs(many.p - 0.14293210487896313) < 1e-12)
        #expect(SignedRankTest([0, 0]) == nil)
    }

    @Test func bootstrapRepeatsAndHoldsTheMean() throws {
        let values = (0..<30).map { 0.7 + 0.01 * Double(($0 * 7) % 30) }
        let interval = try #require(Bootstrap().interval(ofMean: values))
        #expect(Bootstrap().interval(ofMean: values) == interval)
        #expect(Bootstrap(seed: 1).interval(ofMean: values) != interval)
        // The normal interval of the mean: 0.845 ± 1.96 · sd / √30, with the sd of n rather than n - 1, as in
        // resampling.
        let deviation = 0.01 * ((30.0 * 30 - 1) / 12).squareRoot()
        let spread = 1.96 * deviation / 30.0.squareRoot()
        #expect(abs(interval.lowerBound - (0.845 - spread)) < 0.003)
        #expect(abs(interval.upperBound - (0.845 + spread)) < 0.003)
        #expect(Bootstrap().interval(ofMean: [0.5]) == nil)
        let summary = MetricSummary([0.2, 0.9, 0.4, nil])
        #expect(summary.median == 0.4 && summary.interval != nil)
        #expect(MetricSummary([0.2, 0.4]).median.map { abs($0 - 0.3) < 1e-15 } == true)
    }
}
