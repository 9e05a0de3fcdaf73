import Foundation
import SegCPU
import SegCore
import SegData
import SegInference
import SegMetrics
import SegStudy
import SegTrain
import Testing

/// Whole runs, from a dataset to figures, and the evaluation of their models.
@Suite(.serialized) struct TrainingRunTests {
    private let study: SmallStudy
    private let notes = Notes()

    init() throws { study = try SmallStudy() }

    private func run(
        _ changes: [String: ConfigValue] = [:], in folder: String = "run", resuming: Bool = false,
        until isAsked: () -> Bool = { false }, report: (TrainingRunEvent) -> Void
    ) throws -> TrainingOutcome {
        try TrainingRun(
            study.configuration(changes), folder: study.file(folder), on: CPUBackend(threads: 1), version: "1.2.3",
            note: notes.take
        ).run(resuming: resuming, until: isAsked, report: report)
    }

    /// A description of an event without its numbers.
    private func name(_ event: TrainingRunEvent) -> String {
        switch event {
        case .remark(let text): "remark \(text)"
        case .reading(let part, let name, let done, let count): "reading \(part) \(name) \(done)/\(count)"
        case .hasRead(let part, let count): "has read \(part) \(count)"
        case .begins: "begins"
        case .step(let step): "step \(step.iteration)"
        case .validation(let result): "validation \(result.iteration)"
        case .ended: "ended"
        }
    }

    @Test func aRunTellsWhatHappensAndLeavesAModel() throws {
        var events: [String] = []
        let outcome = try run { events.append(name($0)) }
        #expect(
            events == [
                "reading training ct_0 0/2", "reading training ct_1 1/2", "has read training 2",
                "reading validation ct_2 0/1", "has read validation 1", "begins", "step 1", "step 2", "step 3",
                "validation 3", "step 4", "step 5", "step 6", "validation 6", "ended",
            ])
        #expect(outcome.end == .completed && outcome.steps == 6 && outcome.bestDice != nil)
        #expect(outcome.seconds > 0 && outcome.peakBytes > 0 && (0...1).contains(outcome.shareWaited))
        for name in ["model/model.safetensors", "last/model.json", "figures/training.png", "checkpoint.safetensors"] {
            #expect(study.isThere("run/\(name)"), "\(name)")
        }
        // The model has the dataset's class names.
        let model = try ModelDescription(file: study.file("run/model/model.json"))
        #expect(model.labels[1] == "ball")
        #expect(try study.text("run/tracking/journal.jsonl").contains("1.2.3") && notes.all.isEmpty)
    }

    @Test func aRunThatWasAskedToStopEndsWithTheSameWeights() throws {
        _ = try run(in: "straight") { _ in }
        var steps = 0
        let stopped = try run(until: { steps >= 4 }) { if case .step = $0 { steps += 1 } }
        #expect(stopped.end == .asked && stopped.steps == 4 && !study.isThere("run/figures"))
        var first: [String] = []
        let rest = try run(resuming: true) { first.append(name($0)) }
        #expect(rest.end == .completed && rest.steps == 6 && first.contains("remark going on after step 4"))
        for file in ["last/model.safetensors", "validation.csv", "checkpoint.safetensors"] {
            let (ours, theirs) = ("run/\(file)", "straight/\(file)")
            let bytes = FileManager.default.contents(atPath: study.file(ours))
            #expect(bytes != nil && bytes == FileManager.default.contents(atPath: study.file(theirs)), "\(file)")
        }
        let changed = try #require(throws: DataError.self) { try run(["seed": 4], resuming: true) { _ in } }
        #expect(changed.description.contains("seed was 3 and is 4"))
    }

    @Test func aRunWithoutItsCheckpointKeepsWhatItHas() throws {
        _ = try run { _ in }
        try FileManager.default.removeItem(atPath: study.file("run/checkpoint.safetensors"))
        _ = try run(resuming: true) { _ in }
        #expect(study.isThere("run/last.before/model.json") && study.isThere("run/training.csv.before"))
        #expect(
            notes.all.count == 1 && notes.all[0].contains("beginning at step 0; what it has is kept as model.before"))
    }

    @Test func whatARunTrainedIsEvaluated() throws {
        _ = try run(["validation": 0]) { _ in }
        let dataset = try Dataset(path: study.file("data"))
        var options = UncertaintyOptions()
        (options.passes, options.mirroredAxes) = (0, [0])
        let segmenter = try Segmenter(
            Ensemble([Predictor(folder: study.file("run/model"), on: CPUBackend(threads: 1))]), uncertainty: options)
        let evaluate = DatasetEvaluation(
            segmenter, of: dataset, options: try MetricOptions(surfaceDiceToleranceMM: 2),
            bootstrap: Bootstrap(samples: 100))
        var (predicted, kept): ([String], [String]) = ([], [])
        let evaluation = try evaluate(dataset.cases) { event in
            if case .predicted(let name) = event { predicted.append(name) }
        } keep: { measured in
            #expect(measured.found.mask.count == measured.truth.count && measured.truth.contains(1))
            kept.append(measured.item.name)
        }
        #expect(predicted == ["ct_0", "ct_1", "ct_2"] && kept == predicted)
        #expect(evaluation.document.cases.map(\.name) == predicted && evaluation.document.classNames == ["ball"])
        let study = try #require(evaluation.calibration)
        #expect(study.document.cases.map(\.name) == predicted && study.document.reliability.count == 15)
        #expect(study.table.contains("mutual information"))
    }
}
