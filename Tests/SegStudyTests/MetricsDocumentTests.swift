import Foundation
import SegCore
import SegData
import SegImaging
import SegMetrics
import SegReport
import SegStudy
import Testing

/// metrics.json, its table and its rows.
@Suite struct MetricsDocumentTests {
    @Test func aFileIsReadAsItWasWritten() throws {
        let study = try SmallStudy()
        let document = try SmallStudy.metrics([("a", 0), ("b", 2), ("c", nil)])
        try study.write(document.json(), as: "metrics.json")
        let read = try MetricsDocument(file: study.file("metrics.json"))
        #expect(read.options == document.options && read.cases.map(\.name) == ["a", "b", "c"])
        #expect(read.cases.map { $0.classes.map(\.metrics) } == document.cases.map { $0.classes.map(\.metrics) })
        #expect(read.summary == document.summary && read.emptyMasks.contains("no empty mask scores 1"))
        #expect(try read.json() == document.json())
        for (name, kind) in [("none.json", DataError.Kind.noInput), ("data/dataset.json", .badData)] {
            let error = try #require(throws: DataError.self) { try MetricsDocument(file: study.file(name)) }
            #expect(error.kind == kind && error.subject == study.file(name))
        }
    }

    @Test func aMissedOrganScoresZeroAndIsCounted() throws {
        let document = try SmallStudy.metrics([("a", 0), ("b", nil)])
        let ball = try #require(document.summary["ball"])
        #expect(ball.missed == 1 && ball.cases == 2 && ball[.dice].mean == 0.5)
        #expect(ball[.hausdorffMM].n == 1 && ball[.hausdorffMM].undefined == 1)
        #expect(document.table.contains("ball: 1 of 2 cases with an empty mask (1 missed, 0 spurious, 0 both empty)"))
        let rows = CSVRow.rows(of: document.csv).map(\.cells)
        let place = try #require(rows[0].firstIndex(of: "hausdorff_mm"))
        #expect(rows.count == 3 && rows[1][place] == "0.0" && rows[2][place] == "", "undefined is empty, not 0")
        #expect(rows.allSatisfy { $0.count == rows[0].count })
        #expect(Array(rows[0].suffix(2)) == ["surface_dice_tolerance_mm", "hd95_definition"])
        let settings = ["\(document.options.surfaceDiceToleranceMM)", document.options.hd95Definition.rawValue]
        #expect(rows.dropFirst().allSatisfy { Array($0.suffix(2)) == settings })
    }

    /// The split of the model's run decides; without a run, the split by which the cases were chosen.
    @Test func measuredTrainingCasesAreSaid() throws {
        let study = try SmallStudy()
        let data = study.file("data")
        let cases = try Dataset(path: data).cases
        #expect(TrainingCases(among: cases, of: data, models: [study.file("run/model")], split: nil) == nil)
        try study.write(#"{"training": ["ct_0", "ct_1"], "validation": ["ct_2"]}"#, as: "run/split.json")
        try study.write(#"{"training": ["ct_2"], "validation": ["ct_0"]}"#, as: "other.json")
        let other = study.file("other.json")
        let chosen = try #require(TrainingCases(among: cases, of: data, models: [], split: other))
        let note = try #require(chosen.note)
        #expect(chosen.names == ["ct_2"] && note.contains("1 of the 3 measured cases is a training case"), "\(note)")
        try study.write("{\"data\": \"\(data)/dataset.json\"}", as: "run/config.json")
        let model = [study.file("run/model")]
        let trained = try #require(TrainingCases(among: cases, of: data, models: model, split: other))
        #expect(trained.names == ["ct_0", "ct_1"] && trained.sources.allSatisfy { $0.hasSuffix("run/split.json") })
        #expect(trained.note?.contains("2 of the 3 measured cases are training cases (ct_0, ct_1)") == true)
        let last = try #require(TrainingCases(among: Array(cases.suffix(1)), of: data, models: model, split: nil))
        #expect(last.names.isEmpty && last.note == nil)
        let moved = TrainingCases(among: cases, of: study.file("elsewhere"), models: model, split: nil)
        #expect(moved == nil, "the cases of another dataset may have the same names")
    }

    @Test func classesThatShareANameAreToldApart() throws {
        var evaluation = Evaluation(
            labels: [1: "kidney", 2: "kidney", 3: "liver"], options: try MetricOptions(surfaceDiceToleranceMM: 2))
        let mask = (0..<SmallStudy.size.count).map { UInt8($0 % 4) }
        let label = Volume(voxels: mask.map(Float.init), size: SmallStudy.size, affine: SmallStudy.affine)
        try evaluation.add("a", prediction: mask, truth: mask, on: label, classes: 1..<5)
        #expect(evaluation.document.classNames == ["kidney 1", "kidney 2", "liver", "class 4"])
        #expect(evaluation.meanDice == 1, "a class that neither mask holds enters no mean")
    }

    @Test func twoEmptyMasksAreOneClassThatNeitherHolds() throws {
        var evaluation = Evaluation(labels: [:], options: try MetricOptions(surfaceDiceToleranceMM: 2))
        let empty = [UInt16](repeating: 0, count: SmallStudy.size.count)
        let scan = Volume(voxels: empty.map(Float.init), size: SmallStudy.size, affine: SmallStudy.affine)
        try evaluation.add("a", prediction: empty, reference: empty, on: scan)
        #expect(evaluation.document.summary["class 1"]?.bothEmpty == 1 && evaluation.meanDice == nil)
    }

    @Test func masksAreMeasuredFromTheirFiles() throws {
        let study = try SmallStudy()
        var evaluation = Evaluation(labels: [:], options: try MetricOptions(surfaceDiceToleranceMM: 2))
        let file = study.file("data/labelsTr/ct_0.nii.gz")
        try evaluation.add(mask: file, against: file) { _ in Issue.record("there is nothing to say") }
        #expect(evaluation.document.cases.map(\.name) == ["ct_0"] && evaluation.meanDice == 1)
        let other = study.file("other.nii.gz")
        try ScanFile.write(
            [Int16](repeating: 1, count: 8), size: Triple(2, 2, 2), affine: .identity, to: other, overwrite: false)
        let error = try #require(throws: DataError.self) {
            try evaluation.add(mask: other, against: file) { _ in }
        }
        #expect(error.description.contains(other) && error.description.contains(file))
    }

    /// Distances treat the grid as rectangular, which the numbers do not show.
    @Test func aShearedGridIsSaid() throws {
        let study = try SmallStudy()
        var evaluation = Evaluation(labels: [:], options: try MetricOptions(surfaceDiceToleranceMM: 2))
        var affine = Affine.identity
        affine[1, 2] = 0.25
        let file = study.file("tilted.nii.gz")
        try ScanFile.write(
            [Int16](repeating: 1, count: 8), size: Triple(2, 2, 2), affine: affine, to: file, overwrite: false)
        var notes: [String] = []
        try evaluation.add(mask: file, against: file) { event in
            if case .note(let named, let text) = event { notes.append("\(named) \(text)") }
        }
        #expect(notes.contains { $0.contains("tilted.nii.gz") && $0.contains("as if it were rectangular") }, "\(notes)")
    }

    @Test func boxesAreDrawnOfEveryDocument() throws {
        let documents = try [SmallStudy.metrics([("a", 0), ("b", nil)]), SmallStudy.metrics([("a", 1), ("b", 1)])]
        let plot = MetricsDocument.boxPlot(of: "ball", documents, titles: ["one", "two"])
        let distances = try #require(plot.panels.first { $0.yLabel == "HD95 mm" })
        #expect(plot.panels.count == 6 && distances.boxes.map(\.name) == ["one", "two"])
        #expect(distances.boxes.map(\.undefined) == [1, 0] && distances.boxes.map(\.values.count) == [1, 2])
    }
}
