import Foundation
import SegMetrics
import Testing

/// A label map from a rule on the indices.
func mask(_ size: [Int], label: UInt8 = 1, where inside: (Int, Int, Int) -> Bool) -> [UInt8] {
    var result: [UInt8] = []
    for i in 0..<size[0] {
        for j in 0..<size[1] {
            for k in 0..<size[2] { result.append(inside(i, j, k) ? label : 0) }
        }
    }
    return result
}

func measure(
    _ prediction: [UInt8], _ reference: [UInt8], size: [Int], spacing: [Double] = [1, 1, 1], tolerance: Double = 1,
    percentile: Double = 95
) throws -> SegmentationMetrics {
    try SegmentationMetrics(
        prediction: prediction, reference: reference, label: 1, grid: MaskGrid(size: size, spacingMM: spacing),
        options: MetricOptions(surfaceDiceToleranceMM: tolerance, hausdorffPercentile: percentile))
}

@Suite struct SegmentationMetricsTests {
    /// MONAI 1.6.1's values for two overlapping ellipsoids, the second with a bar on the border.
    struct Case: Sendable {
        var spacing: [Double]
        var tolerance: Double
        var hausdorff: Double
        var hausdorff95: Double
        var hausdorff80: Double
        var average: Double
        var surfaceDice: Double
    }

    static let size = [11, 9, 7]
    static let prediction = mask(size) { i, j, k in
        2 * (i - 4) * (i - 4) + 3 * (j - 4) * (j - 4) + 4 * (k - 3) * (k - 3) <= 40
    }
    static let reference = mask(size) { i, j, k in
        let ellipsoid = 2 * (i - 6) * (i - 6) + 2 * (j - 4) * (j - 4) + 5 * (k - 2) * (k - 2) <= 44
        return ellipsoid || (i == 10 && j == 0)
    }

    @Test(arguments: [
        Case(
            spacing: [1, 1, 1], tolerance: 1, hausdorff: 4.1231055, hausdorff95: 2.4494898, hausdorff80: 1.7320508,
            average: 1.1635896, surfaceDice: 0.625454545),
        Case(
            spacing: [0.8, 1.5, 3], tolerance: 2, hausdorff: 6, hausdorff95: 3.4481878, hausdorff80: 3,
            average: 1.7288538, surfaceDice: 0.603636384),
        Case(
            spacing: [0.1, 0.1, 0.1], tolerance: 0.3, hausdorff: 0.4123106, hausdorff95: 0.2449490,
            hausdorff80: 0.1732051, average: 0.1163590, surfaceDice: 0.974545479),
    ])
    func ellipsoidsAgreeWithMONAI(_ expected: Case) throws {
        let metrics = try measure(
            Self.prediction, Self.reference, size: Self.size, spacing: expected.spacing,
            tolerance: expected.tolerance)
        let counts = ConfusionCounts(truePositives: 141, falsePositives: 84, falseNegatives: 131, trueNegatives: 337)
        #expect(metrics.counts == counts)
        #expect(abs(metrics.monai.dice - 0.567404449) < 1e-7)
        #expect(abs(metrics.monai.iou - 0.396067411) < 1e-7)
        #expect(abs(metrics.monai.hausdorffMM - expected.hausdorff) < 1e-6)
        #expect(abs(metrics.monai.hausdorffPercentileMM - expected.hausdorff95) < 1e-6)
        #expect(abs(metrics.monai.averageSurfaceDistanceMM - expected.average) < 1e-6)
        #expect(abs(metrics.monai.surfaceDice - expected.surfaceDice) < 1e-6)
        let at80 = try measure(
            Self.prediction, Self.reference, size: Self.size, spacing: expected.spacing, percentile: 80)
        #expect(abs(at80.monai.hausdorffPercentileMM - expected.hausdorff80) < 1e-6)
    }

    /// The values of medpy 0.5's `hd95` and DeepMind surface-distance 0.1's `compute_robust_hausdorff` for the same
    /// ellipsoids.
    @Test(arguments: [
        ([1, 1, 1], 2.23606797749979, 2.8284271247461903, 1.4142135623730951),
        ([0.8, 1.5, 3], 3.4144563789740006, 3.448187929913334, 2.193171219946131),
        ([0.1, 0.1, 0.1], 0.223606797749979, 0.28284271247461906, 0.14142135623730953),
    ])
    func theOtherDefinitionsOfHD95AgreeWithTheirPrograms(
        _ spacing: [Double], _ medpy: Double, _ deepmind: Double, _ deepmind80: Double
    ) throws {
        func distance(_ definition: HausdorffDefinition, _ percentile: Double) throws -> Double? {
            try SegmentationMetrics(
                prediction: Self.prediction, reference: Self.reference, label: 1,
                grid: MaskGrid(size: Self.size, spacingMM: spacing),
                options: MetricOptions(
                    surfaceDiceToleranceMM: 1, hausdorffPercentile: percentile, hausdorffDefinition: definition)
            ).hausdorffPercentileMM
        }
        #expect(abs(try #require(try distance(.medpy, 95)) - medpy) < 1e-9)
        #expect(abs(try #require(try distance(.deepmind, 95)) - deepmind) < 1e-9)
        #expect(abs(try #require(try distance(.deepmind, 80)) - deepmind80) < 1e-9)
    }

    @Test func everyKeyIsWrittenAndReadBack() throws {
        let empty = [UInt8](repeating: 0, count: Self.prediction.count)
        let missed = try measure(empty, Self.reference, size: Self.size)
        let json = try JSONEncoder().encode(missed)
        let text = String(decoding: json, as: UTF8.self)
        for metric in Metric.allCases { #expect(text.contains("\"\(metric.rawValue)\":"), "\(metric)") }
        #expect(text.contains("\"hd95_mm\":null") && text.contains("\"true_positives\":0"))
        #expect(try JSONDecoder().decode(SegmentationMetrics.self, from: json) == missed)
    }

    @Test func shiftedCubeHasTheDistanceOfItsShift() throws {
        let size = [10, 10, 10]
        let reference = mask(size) { i, j, k in (2..<5).contains(i) && (2..<5).contains(j) && (2..<5).contains(k) }
        let prediction = mask(size) { i, j, k in (2..<5).contains(i) && (2..<5).contains(j) && (4..<7).contains(k) }
        let metrics = try measure(prediction, reference, size: size, spacing: [1, 2, 2.5])
        #expect(metrics.hausdorffMM == 5)
        #expect(metrics.dice == 1.0 / 3)
        #expect(metrics.referenceVolumeML == 27 * 5 / 1000.0)
        #expect(metrics.presence == .both)
    }

    @Test func identicalMasksArePerfect() throws {
        let metrics = try measure(Self.reference, Self.reference, size: Self.size)
        #expect(metrics.dice == 1)
        #expect(metrics.iou == 1)
        #expect(metrics.hausdorffMM == 0)
        #expect(metrics.averageSurfaceDistanceMM == 0)
        #expect(metrics.surfaceDice == 1)
    }

    @Test func emptyMasksFollowTheDeclaredPolicy() throws {
        let empty = [UInt8](repeating: 0, count: Self.prediction.count)
        let missed = try measure(empty, Self.reference, size: Self.size)
        #expect(missed.presence == .missed)
        #expect(missed.dice == 0)
        #expect(missed.precision == nil)
        #expect(missed.recall == 0)
        #expect(missed.hausdorffMM == nil)
        #expect(missed.surfaceDice == 0)
        let spurious = try measure(Self.prediction, empty, size: Self.size)
        #expect(spurious.presence == .spurious)
        #expect(spurious.dice == 0)
        #expect(spurious.precision == 0)
        #expect(spurious.recall == nil)
        #expect(spurious.monai.dice.isNaN)
        #expect(spurious.monai.hausdorffMM == .infinity)
        #expect(spurious.monai.hausdorffPercentileMM.isNaN)
        let both = try measure(empty, empty, size: Self.size)
        #expect(both.presence == .bothEmpty)
        #expect(both.dice == nil)
        #expect(both.surfaceDice == nil)
        #expect(both.specificity == nil && missed.specificity == nil)
        #expect(both.volumeErrorML == nil && both.relativeVolumeError == nil)
        #expect(missed.volumeErrorML == -0.272 && missed.relativeVolumeError == -1)
        #expect(spurious.volumeErrorML == 0.225 && spurious.relativeVolumeError == nil)
        #expect(both.monai.averageSurfaceDistanceMM.isNaN)
    }

    @Test func classesOfALabelMapAreMeasuredApart() throws {
        let size = [4, 4, 6]
        let reference = mask(size, label: 1) { _, _, k in k < 2 }
        let two = mask(size, label: 2) { _, _, k in k >= 4 }
        let map = zip(reference, two).map { $0 + $1 }
        let metrics = try SegmentationMetrics.evaluate(
            prediction: map, reference: map.map { $0 == 2 ? 3 : $0 }, classes: [1, 2, 3],
            grid: MaskGrid(size: size, spacingMM: [1, 1, 1]), options: MetricOptions(surfaceDiceToleranceMM: 1))
        #expect(metrics.map(\.label) == [1, 2, 3])
        #expect(metrics.map(\.dice) == [1, 0, 0])
        #expect(metrics.map(\.presence) == [.both, .spurious, .missed])
    }

    /// Ignored voxels, background in both masks, change the true negatives only.
    @Test func ignoredVoxelsAreNoBackground() throws {
        func measured(ignoring count: Int) throws -> SegmentationMetrics {
            try SegmentationMetrics(
                prediction: [1, 1, 0, 0, 0, 0, 0, 0], reference: [1, 0, 1, 0, 0, 0, 0, 0], label: 1,
                grid: MaskGrid(size: [2, 2, 2], spacingMM: [1, 1, 1]),
                options: MetricOptions(surfaceDiceToleranceMM: 1), ignoredVoxels: count)
        }
        let (all, some) = (try measured(ignoring: 0), try measured(ignoring: 2))
        #expect(all.specificity == 5 / 6.0 && some.specificity == 3 / 4.0)
        #expect(all.counts.trueNegatives == 5 && some.counts.trueNegatives == 3)
        for metric in Metric.allCases where metric != .specificity {
            #expect(metric.value(of: all) == metric.value(of: some))
        }
    }

    /// A gantry tilt of 18.5 degrees makes a voxel smaller than the product of its edges.
    @Test func volumesOfATiltedGridAreTheDeterminants() throws {
        let volume = 0.5 * 0.5 * 4 * cos(18.5 * .pi / 180) / 1000
        let grid = try MaskGrid(size: [2, 2, 2], spacingMM: [0.5, 0.5, 4], voxelVolumeML: volume)
        let mask = [UInt8](repeating: 1, count: 8)
        let metrics = try SegmentationMetrics.evaluate(
            prediction: mask, reference: mask, classes: [UInt8(1)], grid: grid,
            options: MetricOptions(surfaceDiceToleranceMM: 1))
        #expect(abs(metrics[0].referenceVolumeML / (8 * volume) - 1) < 1e-9)
    }

    @Test func misfitsAreExplained() throws {
        #expect(throws: MetricsError.voxelCount(mask: "prediction", expected: 8, got: 7)) {
            try measure([UInt8](repeating: 0, count: 7), [UInt8](repeating: 0, count: 8), size: [2, 2, 2])
        }
        #expect(throws: MetricsError.self) { try MaskGrid(size: [2, 2, 2], spacingMM: [1, 0, 1]) }
        #expect(throws: MetricsError.self) { try MaskGrid(size: [2, 2], spacingMM: [1, 1]) }
        #expect(throws: MetricsError.self) {
            try MaskGrid(size: [2, 2, 2], spacingMM: [1, 1, 1], voxelVolumeML: 0.002)
        }
        #expect(throws: MetricsError.self) { try MetricOptions(surfaceDiceToleranceMM: -1) }
        #expect(throws: MetricsError.self) {
            try MetricOptions(surfaceDiceToleranceMM: 1, hausdorffPercentile: 101)
        }
    }
}
