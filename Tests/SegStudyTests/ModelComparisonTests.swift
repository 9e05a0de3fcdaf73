import Foundation
import SegCore
import SegImaging
import SegMetrics
import SegStudy
import Testing

/// Two models on the same cases.
@Suite struct ModelComparisonTests {
    private static let files = ("a.json", "b.json")

    private func compare(
        _ first: [(name: String, voxels: Int?)], _ second: [(name: String, voxels: Int?)], toleranceMM: Double = 2
    ) throws -> ModelComparison {
        try ModelComparison(
            SmallStudy.metrics(first), SmallStudy.metrics(second, toleranceMM: toleranceMM), files: Self.files)
    }

    @Test func casesArePairedByName() throws {
        let comparison = try compare(
            [("x", 3), ("y", 2), ("z", 0), ("alone", 0)], [("z", 0), ("y", 1), ("x", 1), ("new", 0)])
        #expect(comparison.leftOut == ["alone", "new"])
        let ball = try #require(comparison.classes.first)
        #expect(comparison.classes.count == 1 && ball.name == "ball" && ball.cases == ["x", "y", "z"])
        #expect(ball.metrics.map(\.metric) == Metric.allCases)
        let dice = try #require(ball.metrics.first { $0.metric == .dice })
        let mean = try #require(dice.difference.mean)
        #expect(dice.n == 3 && dice.wins == 2 && dice.losses == 0 && mean > 0)
        let table = comparison.table(.hausdorffMM)
        #expect(table.contains("left out, in one file only: alone, new") && table.contains("HD mm"))
    }

    /// A label that only one model paints is measured in both models; in separate documents it is named.
    @Test func aFalsePositiveOfOneModelIsCompared() throws {
        let study = try SmallStudy()
        let truth = SmallStudy.ball(at: 8)
        var spurious = truth
        spurious[0] = 3
        for (folder, masks) in [("ref", [truth, truth]), ("a", [spurious, truth]), ("b", [truth, truth])] {
            try FileManager.default.createDirectory(atPath: study.file(folder), withIntermediateDirectories: true)
            for (index, mask) in masks.enumerated() {
                try ScanFile.write(
                    mask, size: SmallStudy.size, affine: SmallStudy.affine,
                    to: study.file("\(folder)/ct_\(index).nii.gz"), overwrite: true)
            }
        }
        let pairs = try ["a", "b"].map { try MaskPairs(predictions: study.file($0), references: study.file("ref")) }
        let labels = try pairs[0].labels().union(pairs[1].labels())
        #expect(labels == [1, 3])
        func document(_ pairs: MaskPairs, _ labels: Set<UInt16>) throws -> MetricsDocument {
            var evaluation = Evaluation(labels: [:], options: try MetricOptions(surfaceDiceToleranceMM: 2))
            try evaluation.add(pairs, labels: labels) { _ in }
            return evaluation.document
        }
        let whole = try ModelComparison(
            document(pairs[0], labels), document(pairs[1], labels), files: Self.files)
        #expect(whole.classes.map(\.name) == ["class 1", "class 3"] && whole.leftOutClasses.isEmpty)
        let third = try #require(whole.classes.last)
        let dice = try #require(third.metrics.first { $0.metric == .dice })
        #expect(third.cases == ["ct_0", "ct_1"] && third.first[0].dice == 0 && dice.onlyFirst == 1)
        for order in [[0, 1], [1, 0]] {
            let apart = try ModelComparison(
                document(pairs[order[0]], []), document(pairs[order[1]], []), files: Self.files)
            #expect(apart.classes.map(\.name) == ["class 1"] && apart.leftOutClasses == ["class 3"])
            #expect(apart.table(.dice).contains("only one of the two files has a measurement: class 3"))
        }
    }

    @Test func aValueThatOneModelLacksEntersNoDifference() throws {
        let comparison = try compare([("x", nil), ("y", 1)], [("x", 1), ("y", 1)])
        let distance = try #require(comparison.classes.first?.metrics.first { $0.metric == .hausdorffMM })
        #expect(distance.n == 1 && distance.onlySecond == 1 && distance.onlyFirst == 0)
        let json = try ConfigValue(json: Data(comparison.json().utf8), from: "the comparison")
        guard case .object(let document) = json, case .object(let classes)? = document["classes"],
            case .object(let ball)? = classes["ball"], case .object(let metrics)? = ball["metrics"],
            case .object(let hausdorff)? = metrics["hausdorff_mm"], case .array(let values)? = hausdorff["a"]
        else {
            Issue.record("\(json)")
            return
        }
        #expect(document["a"] == "a.json" && document["left_out"] == [] && values.first == .null)
    }

    @Test func whatWasMeasuredDifferentlyIsRefused() throws {
        let other = try #require(throws: DataError.self) { try compare([("x", 0)], [("x", 0)], toleranceMM: 3) }
        #expect(other.subject == "b.json" && other.key == "options" && other.message.contains("surface Dice at 3.0 mm"))
        #expect(other.message.contains("a.json with surface Dice at 2.0 mm"))
        let strangers = try #require(throws: DataError.self) { try compare([("x", 0)], [("y", 0)]) }
        #expect(strangers.key == "cases" && strangers.message.contains("a.json"))
    }
}
