import SegBackend
import SegCPU
import SegCore
import SegData
import SegImaging
import SegInference
import SegModels
import SegNN
import SegReference
import SegTrain
import SegWeights
import Testing

@Suite(.serialized) struct TrainerTests {
    /// With augmentation, dropout and two volumes per batch, so that everything random is used.
    private static let varied: [String: ConfigValue] = [
        "augmentation": [
            "flip": ["prob": 0.5], "rotate90": ["prob": 0.5], "scale_intensity": ["prob": 0.5],
            "shift_intensity": ["prob": 0.5],
        ],
        "sampling": ["volumes_per_batch": 2, "samples_per_volume": 1],
    ]

    private func cases(_ edge: Int) -> [PreparedCase] {
        (0..<2).map { Spheres.prepared("ball \($0)", edge: edge, radius: Double(edge) / 4, seed: UInt32($0)) }
    }

    private func train(
        _ configuration: TrainingConfiguration, _ training: [PreparedCase], validation: [PreparedCase] = [],
        on backend: any Backend
    ) throws -> (Recording, [String: StoredTensor]) {
        var recording = Recording()
        let trainer = try Trainer(configuration, training: training, validation: validation, on: backend)
        #expect(try trainer.run { recording.take($0) } == .completed)
        #expect(trainer.state.iteration == recording.losses.count)
        return (recording, try trainer.network.store.state())
    }

    /// The softmax over two channels, and the sigmoid of one.
    @Test(arguments: [2, 1])
    func oneVolumeIsLearntByHeart(channels: Int) throws {
        var changes: [String: ConfigValue] = ["iterations": 40, "validate_every": 20]
        if channels == 1 { changes["loss"] = ["name": "dice_ce", "sigmoid": true] }
        let configuration = try Spheres.configuration(patch: 24, classes: channels, changes: changes)
        let ball = [Spheres.prepared("ball", edge: 28, radius: 8, seed: 1)]
        let (recording, _) = try train(configuration, ball, validation: ball, on: CPUBackend(threads: nil))
        #expect(recording.losses.count == 40)
        #expect(recording.validations.map(\.iteration) == [20, 40])
        let last = try #require(recording.validations.last)
        #expect(last.scores.mean > 0.95, "Dice \(last.scores.mean), losses \(recording.losses)")
        #expect(last.scores.cases.map(\.name) == ["ball"])
        #expect(recording.validations[0].isBest)
        #expect(last.isBest == (last.scores.mean > recording.validations[0].scores.mean))
    }

    @Test func threadsAndRepetitionChangeNoBit() throws {
        let configuration = try Spheres.configuration(patch: 16, changes: Self.varied.merging(["iterations": 4]) { $1 })
        let cases = cases(20)
        let (first, weights) = try train(configuration, cases, on: CPUBackend(threads: 1))
        #expect(Set(first.losses).count == 4)
        for threads in [1, 2, 3] {
            let (recording, state) = try train(configuration, cases, on: CPUBackend(threads: threads))
            #expect(recording.losses == first.losses, "\(threads) threads")
            #expect(state.mapValues(\.bytes) == weights.mapValues(\.bytes), "\(threads) threads")
        }
        let seeded = try Spheres.configuration(
            patch: 16, changes: Self.varied.merging(["iterations": 4, "seed": 4]) { $1 })
        #expect(try train(seeded, cases, on: CPUBackend(threads: 2)).0.losses != first.losses)
    }

    @Test func referenceAndCPUGoDownTheSamePath() throws {
        let configuration = try Spheres.configuration(
            patch: 8, channels: [4, 8],
            changes: Self.varied.merging(["iterations": 10, "optimizer": ["learning_rate": 0.005]]) { $1 })
        let cases = cases(12)
        let (cpu, _) = try train(configuration, cases, on: CPUBackend(threads: 2))
        let (reference, _) = try train(configuration, cases, on: ReferenceBackend())
        #expect(cpu.losses.count == 10)
        for (step, pair) in zip(cpu.losses, reference.losses).enumerated() {
            #expect(abs(pair.0 - pair.1) < 1e-4 * (1 + abs(pair.1)), "step \(step): \(pair)")
        }
    }

    @Test func aLossThatIsNoNumberEndsTheTraining() throws {
        let configuration = try Spheres.configuration(patch: 8, changes: ["optimizer": ["learning_rate": 1e30]])
        var recording = Recording()
        let trainer = try Trainer(configuration, training: cases(12), validation: [], on: CPUBackend(threads: 1))
        let error = try #require(throws: InferenceError.self) { try trainer.run { recording.take($0) } }
        #expect(error.description.contains("at step \(recording.losses.count + 1)"), "\(error)")
        #expect(recording.losses.count < 30)
    }

    @Test func whatTheReportThrowsEndsTheTraining() throws {
        let configuration = try Spheres.configuration(patch: 8, changes: [:])
        let trainer = try Trainer(configuration, training: cases(12), validation: [], on: CPUBackend(threads: 1))
        var steps = 0
        let error = try #require(throws: InferenceError.self) {
            try trainer.run { _ in
                steps += 1
                if steps == 3 { throw InferenceError("enough") }
            }
        }
        #expect(error.description == "enough" && steps == 3)
    }

    @Test func validationComesAtItsStepsAndAtTheEnd() throws {
        let configuration = try Spheres.configuration(patch: 8, changes: ["iterations": 7, "validate_every": 3])
        let (recording, _) = try train(configuration, cases(12), validation: cases(12), on: CPUBackend(threads: 1))
        #expect(recording.validations.map(\.iteration) == [3, 6, 7])
        #expect(recording.validations.allSatisfy { $0.scores.cases.map(\.name) == ["ball 0", "ball 1"] })
    }

    @Test func patchesTheNetworkCannotTakeAreRefused() throws {
        let configuration = try Spheres.configuration(patch: 9, changes: [:])
        let error = try #require(throws: DataError.self) {
            try Trainer(configuration, training: cases(12), validation: [], on: CPUBackend(threads: 1))
        }
        #expect(error.key == "roi_size" && error.message.contains("9×9×9") && error.message.contains("2×2×2"))
    }
}
