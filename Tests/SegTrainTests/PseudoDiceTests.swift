import Foundation
import SegCPU
import SegComm
import SegCore
import SegData
import SegModels
import SegNN
import SegTrain
import SegWeights
import Testing

/// Validations by patches, whose moving average decides which network is the best.
@Suite(.serialized) struct PseudoDiceTests {
    private let cases = (0..<2).map { Spheres.prepared("ball \($0)", edge: 12, radius: 3, seed: UInt32($0)) }

    private func trainer(_ changes: [String: ConfigValue] = [:], validation: [PreparedCase]? = nil) throws -> Trainer {
        let entries: [String: ConfigValue] = [
            "iterations": 8, "validate_every": 2, "checkpoint_every": 4,
            "pseudo_dice": ["batches": 3, "smoothing": 0.5],
        ]
        let configuration = try Spheres.configuration(patch: 8, changes: entries.merging(changes) { $1 })
        return try Trainer(configuration, training: cases, validation: validation ?? cases, on: CPUBackend(threads: 1))
    }

    @Test func theBestIsThatOfTheMovingAverage() throws {
        let trainer = try trainer()
        var recording = Recording()
        try trainer.run { recording.take($0) }
        #expect(recording.validations.map(\.iteration) == [2, 4, 6, 8])
        let dice = recording.validations.map(\.scores.mean)
        #expect(dice.allSatisfy { (0...1).contains($0) } && Set(dice).count > 1, "\(dice)")
        // The patches of all cases are pooled, for one class.
        #expect(recording.validations.allSatisfy { $0.scores.cases.isEmpty && $0.scores.classes.map(\.label) == [1] })
        var averages: [Double] = []
        for value in dice { averages.append(averages.last.map { 0.5 * $0 + 0.5 * value } ?? value) }
        let best = try #require(averages.max())
        #expect(abs(try #require(trainer.state.bestDice) - best) < 1e-12)
        #expect(abs(try #require(trainer.state.smoothedDice) - (averages.last ?? 0)) < 1e-12)
        let wanted = averages.indices.map { index in averages[..<index].allSatisfy { $0 < averages[index] } }
        #expect(recording.validations.map(\.isBest) == wanted)
    }

    @Test func aStoppedTrainingEndsAsOneThatWasNot() throws {
        let file = FileManager.default.temporaryDirectory.path + "/pseudo-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let whole = try trainer()
        try whole.run { _ in }
        let first = try trainer()
        try first.run(until: { first.state.iteration == 5 }) { _ in }
        try first.checkpoint().write(to: file)
        let second = try trainer()
        try second.restore(Checkpoint(file: file), seconds: 0, source: file)
        try second.run { _ in }
        #expect(second.state == whole.state)
        #expect(try second.network.store.state().mapValues(\.bytes) == whole.network.store.state().mapValues(\.bytes))
    }

    @Test func itIsReadAndWritten() throws {
        let configuration = try Spheres.configuration(patch: 8, changes: ["pseudo_dice": [:]])
        #expect(configuration.pseudoDice == TrainingOptions.PseudoDice(batches: 50, smoothing: 0.9))
        #expect(configuration.resolved.description.contains(#""pseudo_dice": {"batches": 50, "smoothing": 0.9}"#))
        #expect(try Spheres.configuration(patch: 8, changes: [:]).pseudoDice == nil)
        for (wrong, key) in [
            (["batches": 0], "pseudo_dice.batches"), (["smoothing": 1], "pseudo_dice.smoothing"),
            (["patches": 3], "pseudo_dice.patches"),
        ] as [(ConfigValue, String)] {
            let error = try #require(throws: DataError.self) {
                try Spheres.configuration(patch: 8, changes: ["pseudo_dice": wrong])
            }
            #expect(error.key == key, "\(error)")
        }
        let none = try #require(throws: DataError.self) {
            try Spheres.configuration(patch: 8, changes: ["pseudo_dice": [:], "validation": 0])
        }
        #expect(none.key == "pseudo_dice" && none.message.contains("sets none aside"), "\(none)")
    }

    @Test func casesWithoutALabelAreNamed() throws {
        let empty = Spheres.prepared("healthy", edge: 12, radius: 0, seed: 5)
        let error = try #require(throws: DataError.self) { try trainer(validation: [empty]) }
        #expect(error.message.contains("healthy"), "\(error)")
    }
}
