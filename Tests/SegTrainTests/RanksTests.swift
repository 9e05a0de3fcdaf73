import Foundation
import SegBackend
import SegCPU
import SegComm
import SegCore
import SegData
import SegModels
import SegReference
import SegTestRanks
import SegTrain
import SegWeights
import Synchronization
import Testing

/// Training runs that are divided among several ranks.
@Suite(.serialized) struct RanksTests {
    /// The result of a training run.
    private struct Outcome: Sendable, Equatable {
        var losses: [Double] = []
        var dice: [Double] = []
        var classes: [[Double?]] = []
        var weights: [String: [UInt8]] = [:]
        var end = TrainingEnd.completed
        var steps = 0
    }

    private static let base: [String: ConfigValue] = [
        "iterations": 3, "validate_every": 2, "accumulate": 4,
        "augmentation": ["flip": ["prob": 0.5], "shift_intensity": ["prob": 0.5]],
        "sampling": ["volumes_per_batch": 1, "samples_per_volume": 2],
    ]

    private static func network(norm: ConfigValue) -> ConfigValue {
        [
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8],
            "strides": [2], "num_res_units": 1, "norm": norm, "dropout": 0.2,
        ]
    }

    private static func configuration(_ changes: [String: ConfigValue]) throws -> TrainingConfiguration {
        try Spheres.configuration(patch: 8, changes: base.merging(changes) { $1 })
    }

    private static func cases(_ count: Int, from first: Int = 0) -> [PreparedCase] {
        (first..<first + count).map { Spheres.prepared("ball \($0)", edge: 12, radius: 3, seed: UInt32($0)) }
    }

    /// Trains on a number of ranks, and returns the final result of each.
    /// - Parameters:
    ///   - file: A checkpoint to resume from, which the first rank overwrites.
    ///   - stop: The number of steps after which the last rank requests a stop.
    private static func train(
        _ changes: [String: ConfigValue], ranks count: Int, from file: String? = nil, stop: Int? = nil,
        on backend: @escaping @Sendable () throws -> any Backend = { try CPUBackend(threads: 1) }
    ) throws -> [Outcome] {
        let configuration = try configuration(changes)
        return try ThreadRanks.run(count) { ranks in
            let trainer = try Trainer(
                configuration, training: cases(2), validation: cases(3, from: 7), on: backend(), ranks: ranks)
            if let file, FileManager.default.fileExists(atPath: file) {
                try trainer.restore(Checkpoint(file: file), seconds: 0, source: file)
            }
            try ranks.barrier()
            var outcome = Outcome()
            func isAsked() -> Bool { ranks.rank == ranks.count - 1 && trainer.state.iteration == stop }
            outcome.end = try trainer.run(until: isAsked) { event in
                switch event {
                case .iteration(let step): outcome.losses.append(step.loss)
                case .validation(let result):
                    outcome.dice += [result.scores.mean] + result.scores.cases.map { $0.dice ?? -1 }
                    outcome.classes.append(result.scores.classes.map(\.dice))
                case .checkpoint: if let file, ranks.isFirst { try trainer.checkpoint().write(to: file) }
                case .model: break
                }
            }
            outcome.steps = trainer.state.iteration
            outcome.weights = try trainer.network.store.state().mapValues { [UInt8]($0.bytes) }
            #expect(trainer.rankTimes.count == ranks.count)
            return outcome
        }
    }

    @Test(
        arguments: [
            ["network_def": network(norm: "batch")],
            ["network_def": network(norm: "instance"), "optimizer": ["learning_rate": 0.02, "clip_norm": 0.1]],
            [
                "network_def": network(norm: "batch"), "recompute": true,
                "optimizer": ["name": "novograd", "learning_rate": 0.02],
            ],
        ] as [[String: ConfigValue]])
    func everyNumberOfRanksComesToTheSameBits(_ changes: [String: ConfigValue]) throws {
        let alone = try Self.train(changes, ranks: 1)[0]
        #expect(alone.losses.count == 3 && alone.dice.count == 8)
        for count in [2, 4] {
            for (rank, outcome) in try Self.train(changes, ranks: count).enumerated() {
                #expect(outcome == alone, "rank \(rank) of \(count)")
            }
        }
    }

    /// The reference sends its values in 64 bits.
    @Test func theReferenceComesToTheSameBitsToo() throws {
        let changes: [String: ConfigValue] = [
            "network_def": Self.network(norm: "batch"), "accumulate": 2, "iterations": 2, "validate_every": 9,
        ]
        let outcomes = try (1...2).map { try Self.train(changes, ranks: $0) { ReferenceBackend() }[0] }
        #expect(outcomes[0] == outcomes[1])
    }

    /// Six batches per step are three on each of two ranks.
    @Test func anOddShareIsSummedAsOneRankSumsIt() throws {
        let changes: [String: ConfigValue] = ["accumulate": 6, "iterations": 2]
        #expect(try Self.train(changes, ranks: 2)[1] == Self.train(changes, ranks: 1)[0])
    }

    @Test func aTrainingGoesOnOnOtherNumbersOfRanks() throws {
        let file = NSTemporaryDirectory() + "medseg-\(UUID().uuidString).safetensors"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let changes: [String: ConfigValue] = ["network_def": Self.network(norm: "batch"), "iterations": 6]
        let straight = try Self.train(changes, ranks: 1)[0]
        var losses: [Double] = []
        var last = Outcome()
        for (ranks, stop) in [(2, 2), (4, 3), (1, 4), (4, nil)] as [(Int, Int?)] {
            let outcomes = try Self.train(changes, ranks: ranks, from: file, stop: stop)
            last = outcomes[0]
            // One rank gets the request, and all stop after the same step.
            for outcome in outcomes {
                #expect(outcome.end == (stop == nil ? .completed : .asked) && outcome.steps == stop ?? 6)
            }
            losses += last.losses
        }
        #expect(losses == straight.losses && last.weights == straight.weights)
    }

    @Test(arguments: [(6, 4, "1 or 2,"), (1, 2, "start 1,"), (12, 3, "1 or 2 or 4,"), (4, 8, "1 or 2 or 4,")])
    func ranksThatDoNotDivideAStepAreRefused(_ accumulation: Int, ranks: Int, fitting: String) throws {
        var options = TrainingOptions(iterations: 1)
        options.accumulation = accumulation
        let error = try #require(throws: RankError.self) { try options.passes(perRankOf: ranks) }
        #expect(error.description.contains(fitting) && error.exitStatus == .usage && error.isShared, "\(error)")
    }

    @Test func ranksThatFitGetTheirShare() throws {
        var options = TrainingOptions(iterations: 1)
        options.accumulation = 12
        #expect(try [1, 2, 4].map(options.passes) == [12, 6, 3])
    }
}
