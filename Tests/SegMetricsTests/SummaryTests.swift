import Foundation
import SegMetrics
import Testing

@Suite struct SummaryTests {
    @Test func meanIsOverDefinedValuesAndTheOthersAreCounted() {
        let summary = MetricSummary([0.5, nil, 0.7, .nan, .infinity, 0.9])
        #expect(summary.n == 3)
        #expect(summary.undefined == 3)
        #expect(abs((summary.mean ?? 0) - 0.7) < 1e-12)
        #expect(abs((summary.standardDeviation ?? 0) - 0.2) < 1e-12)
        #expect(summary.minimum == 0.5)
        #expect(summary.maximum == 0.9)
    }

    @Test func nothingDefinedHasNoMean() {
        let summary = MetricSummary([nil, nil])
        #expect(summary.mean == nil)
        #expect(summary.n == 0)
        #expect(summary.undefined == 2)
        #expect(MetricSummary([0.4]).standardDeviation == nil)
    }

    @Test func cohortCountsItsEmptyCases() throws {
        let size = [3, 3, 3]
        let full = mask(size) { i, _, _ in i == 1 }
        let empty = mask(size) { _, _, _ in false }
        let pairs = [(full, full), (empty, full), (full, empty), (empty, empty)]
        let cohort = CohortSummary(try pairs.map { try measure($0.0, $0.1, size: size) })
        #expect(cohort.cases == 4)
        #expect(cohort.missed == 1)
        #expect(cohort.spurious == 1)
        #expect(cohort.bothEmpty == 1)
        #expect(cohort.emptyCases == 3)
        #expect(cohort[.dice].n == 3)
        #expect(cohort[.dice].undefined == 1)
        #expect(abs((cohort[.dice].mean ?? 0) - 1.0 / 3) < 1e-12)
        #expect(cohort[.hausdorffMM].n == 1)
        let json = try JSONEncoder().encode(cohort)
        #expect(try JSONDecoder().decode(CohortSummary.self, from: json) == cohort)
    }

    @Test func seedNumbersAreVoxelAccuracyAndItsJaccard() {
        let counts = ConfusionCounts(truePositives: 40, falsePositives: 12, falseNegatives: 8, trueNegatives: 940)
        let seed = SeedCompat(counts)
        #expect(seed.voxelAccuracy == 0.98)
        // The report's method: both one-hot channels in one flat array, scored as binary.
        let truePositives = Double(40 + 940)
        let falsePositives = Double(12 + 8)
        let falseNegatives = Double(8 + 12)
        #expect(abs(seed.jaccard2Channel - truePositives / (truePositives + falsePositives + falseNegatives)) < 1e-15)
        #expect(abs(seed.jaccard2Channel - 0.98 / (2 - 0.98)) < 1e-15)
        #expect((counts.iou ?? 1) < 0.7)
    }
}
