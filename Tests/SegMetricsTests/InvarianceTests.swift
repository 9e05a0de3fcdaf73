import SegMetrics
import Testing

/// Two masks on an irregular grid, drawn from a seed.
private struct Pair {
    var size: [Int]
    var spacing: [Double]
    var prediction: [UInt8]
    var reference: [UInt8]

    private static let shapes = [
        [1, 1, 1], [1, 7, 1], [5, 1, 9], [2, 3, 4], [11, 9, 7], [33, 2, 5], [17, 16, 1], [8, 8, 8], [3, 40, 2],
    ]

    init(seed: UInt64) {
        var random = Draws(state: seed)
        size = Self.shapes[Int(seed) % Self.shapes.count]
        spacing = (0..<3).map { _ in Double.random(in: 0.3...7, using: &random) }
        prediction = Self.boxes(size, &random)
        reference = Self.boxes(size, &random)
    }

    private init(_ size: [Int], _ spacing: [Double], _ prediction: [UInt8], _ reference: [UInt8]) {
        (self.size, self.spacing, self.prediction, self.reference) = (size, spacing, prediction, reference)
    }

    /// Up to three boxes with holes of noise; with none the mask is empty.
    private static func boxes(_ size: [Int], _ random: inout Draws) -> [UInt8] {
        var mask = [UInt8](repeating: 0, count: size.reduce(1, *))
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let ranges = size.map { extent in
                let start = Int.random(in: 0..<extent, using: &random)
                return start..<Int.random(in: start + 1...extent, using: &random)
            }
            for i in ranges[0] {
                for j in ranges[1] {
                    for k in ranges[2] where Int.random(in: 0..<10, using: &random) > 0 {
                        mask[(i * size[1] + j) * size[2] + k] = 1
                    }
                }
            }
        }
        return mask
    }

    /// The pair on another grid: every voxel of the new grid has a voxel in the old one, or none and is empty.
    func moved(to size: [Int], spacing: [Double], _ place: ([Int]) -> [Int]?) -> Pair {
        func move(_ mask: [UInt8]) -> [UInt8] {
            var result: [UInt8] = []
            for i in 0..<size[0] {
                for j in 0..<size[1] {
                    for k in 0..<size[2] {
                        result.append(
                            place([i, j, k]).map { mask[($0[0] * self.size[1] + $0[1]) * self.size[2] + $0[2]] } ?? 0)
                    }
                }
            }
            return result
        }
        return Pair(size, spacing, move(prediction), move(reference))
    }

    /// A tolerance that no distance on such a grid equals.
    static let tolerance = 2.34567

    func measured(
        _ definition: HausdorffDefinition = .monai, scale: Double = 1, swapped: Bool = false
    ) throws -> SegmentationMetrics {
        try SegmentationMetrics(
            prediction: swapped ? reference : prediction, reference: swapped ? prediction : reference, label: 1,
            grid: MaskGrid(size: size, spacingMM: spacing.map { $0 * scale }),
            options: MetricOptions(surfaceDiceToleranceMM: Self.tolerance * scale, hausdorffDefinition: definition))
    }
}

/// A linear congruential generator: the same numbers on every machine.
private struct Draws: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}

private let ratios: [Metric] = [.dice, .iou, .precision, .recall, .surfaceDice, .relativeVolumeError]
private let lengths: [Metric] = [.hausdorffMM, .hausdorffPercentileMM, .averageSurfaceDistanceMM]

/// Expects two values of a metric to be equal up to rounding, the second `factor` times the first.
private func expectSame(
    _ metric: Metric, _ first: SegmentationMetrics, _ second: SegmentationMetrics, factor: Double = 1,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    switch (metric.value(of: first), metric.value(of: second)) {
    case (nil, nil): break
    case (let a?, let b?):
        #expect(
            abs(a * factor - b) <= 1e-9 * max(1, abs(b)), "\(metric): \(a) × \(factor), \(b)",
            sourceLocation: sourceLocation)
    case (let a, let b): Issue.record("\(metric): \(a as Any), \(b as Any)", sourceLocation: sourceLocation)
    }
}

/// Changes that must not affect a metric: every property for masks of irregular shapes, some of them empty.
@Suite struct InvarianceTests {
    static let seeds = Array(0..<90 as Range<UInt64>)

    /// Another unit of length: ratios stay, distances scale with it, volumes with its cube.
    @Test(arguments: seeds, [1000, 0.001, 0.5])
    func unitsOfLength(_ seed: UInt64, _ scale: Double) throws {
        let pair = Pair(seed: seed)
        let (here, there) = try (pair.measured(), pair.measured(scale: scale))
        #expect(here.presence == there.presence && here.counts == there.counts)
        for metric in ratios + [.specificity] { expectSame(metric, here, there) }
        for metric in lengths { expectSame(metric, here, there, factor: scale) }
        expectSame(.volumeErrorML, here, there, factor: scale * scale * scale)
    }

    @Test(arguments: seeds, [[0], [1], [2], [0, 1, 2]])
    func flips(_ seed: UInt64, _ axes: [Int]) throws {
        let pair = Pair(seed: seed)
        let flipped = pair.moved(to: pair.size, spacing: pair.spacing) { index in
            (0..<3).map { axes.contains($0) ? pair.size[$0] - 1 - index[$0] : index[$0] }
        }
        for definition in HausdorffDefinition.allCases {
            let (here, there) = try (pair.measured(definition), flipped.measured(definition))
            for metric in Metric.allCases { expectSame(metric, here, there) }
        }
    }

    @Test(arguments: seeds, [[1, 2, 0], [2, 1, 0], [0, 2, 1]])
    func orderOfAxes(_ seed: UInt64, _ order: [Int]) throws {
        let pair = Pair(seed: seed)
        let turned = pair.moved(to: order.map { pair.size[$0] }, spacing: order.map { pair.spacing[$0] }) { index in
            (0..<3).map { axis in zip(order, index).first { $0.0 == axis }?.1 ?? 0 }
        }
        for definition in HausdorffDefinition.allCases {
            let (here, there) = try (pair.measured(definition), turned.measured(definition))
            for metric in Metric.allCases { expectSame(metric, here, there) }
        }
    }

    /// More background around the masks: only specificity may change.
    @Test(arguments: seeds)
    func placeInTheGrid(_ seed: UInt64) throws {
        let pair = Pair(seed: seed)
        let (before, after) = ([Int(seed % 4), 2, Int(seed % 3)], [1, Int(seed % 5), 3])
        let size = (0..<3).map { before[$0] + pair.size[$0] + after[$0] }
        let moved = pair.moved(to: size, spacing: pair.spacing) { index in
            let place = zip(index, before).map { $0 - $1 }
            return (0..<3).allSatisfy { (0..<pair.size[$0]).contains(place[$0]) } ? place : nil
        }
        for definition in HausdorffDefinition.allCases {
            let (here, there) = try (pair.measured(definition), moved.measured(definition))
            for metric in Metric.allCases where metric != .specificity { expectSame(metric, here, there) }
        }
    }

    @Test(arguments: seeds)
    func predictionAndReferenceExchanged(_ seed: UInt64) throws {
        let pair = Pair(seed: seed)
        let (here, there) = try (pair.measured(), pair.measured(swapped: true))
        for metric in lengths + [.dice, .iou, .surfaceDice] { expectSame(metric, here, there) }
        expectSame(.volumeErrorML, here, there, factor: -1)
        #expect(here.precision == there.recall && here.recall == there.precision)
    }

    /// An empty mask: Dice of two empty masks is undefined as in MONAI, that of one is 0, and no distance is invented.
    @Test(arguments: seeds)
    func emptyMasks(_ seed: UInt64) throws {
        var pair = Pair(seed: seed)
        for (hasPrediction, hasReference) in [(false, true), (true, false), (false, false)] {
            let full = [UInt8](repeating: 1, count: pair.prediction.count)
            pair.prediction = hasPrediction ? full : full.map { _ in 0 }
            pair.reference = hasReference ? full : full.map { _ in 0 }
            let metrics = try pair.measured()
            for metric in lengths { #expect(metric.value(of: metrics) == nil) }
            let isAlone = hasPrediction || hasReference
            #expect(metrics.dice == (isAlone ? 0 : nil) && metrics.surfaceDice == (isAlone ? 0 : nil))
            #expect(metrics.monai.dice.isNaN == !hasReference)
            let summary = CohortSummary([metrics])
            #expect(summary.emptyCases == 1 && summary[.dice].n == (isAlone ? 1 : 0))
        }
    }

    /// The number of a label changes nothing, and labels above 255 are distinguished.
    @Test(arguments: seeds)
    func numbersOfLabels(_ seed: UInt64) throws {
        let pair = Pair(seed: seed)
        let grid = try MaskGrid(size: pair.size, spacingMM: pair.spacing)
        let options = try MetricOptions(surfaceDiceToleranceMM: Pair.tolerance)
        // 300 labels without a voxel cause the masks to be renumbered in two parts.
        let labels = [UInt16](1...300) + [65_535]
        let found = try SegmentationMetrics.evaluate(
            prediction: pair.prediction.map { UInt16($0) * 65_535 },
            reference: pair.reference.map { UInt16($0) * 65_535 },
            labels: labels, grid: grid, options: options)
        #expect(found.map(\.label) == labels.map { Int($0) })
        #expect(found.dropLast().allSatisfy { $0.presence == .bothEmpty })
        var expected = try pair.measured()
        expected.label = 65_535
        #expect(found.last == expected)
    }
}
