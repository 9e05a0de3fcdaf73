import Foundation
import SegBackend
import SegCPU
import SegCore
import SegData
import SegModels
import SegTrain
import SegWeights
import Testing

/// Training runs that stop and resume.
@Suite(.serialized) struct ResumeTests {
    private static let base: [String: ConfigValue] = [
        "iterations": 9, "validate_every": 2, "checkpoint_every": 1,
        "network_def": [
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8],
            "strides": [2], "num_res_units": 1, "norm": "batch", "dropout": 0.2,
        ],
        "augmentation": ["flip": ["prob": 0.5], "shift_intensity": ["prob": 0.5]],
        "sampling": ["volumes_per_batch": 2, "samples_per_volume": 1],
    ]

    private let cases = (0..<2).map { Spheres.prepared("ball \($0)", edge: 12, radius: 3, seed: UInt32($0)) }

    private func trainer(_ changes: [String: ConfigValue]) throws -> Trainer {
        let configuration = try Spheres.configuration(patch: 8, changes: Self.base.merging(changes) { $1 })
        return try Trainer(configuration, training: cases, validation: cases, on: CPUBackend(threads: 2))
    }

    private func fingerprint() throws -> DataFingerprint {
        try DataFingerprint(
            Dataset(name: "none", labels: [:], channelNames: [], cases: [], tests: []).split(validation: []))
    }

    private func scratch() -> URL {
        FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString).safetensors")
    }

    /// Stopped after every step and resumed by another trainer, through a file each time.
    @Test(
        arguments: [
            ["optimizer": ["name": "adamw", "learning_rate": 0.02]],
            ["optimizer": ["name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": true]],
            ["optimizer": ["name": "novograd", "learning_rate": 0.02], "accumulate": 2],
            [
                "optimizer": ["learning_rate": 0.02, "clip_norm": 0.1], "early_stopping": ["patience": 3],
                "schedule": ["name": "plateau", "patience": 0, "factor": 0.5, "warmup": 2],
            ],
            ["optimizer": ["name": "adamw", "learning_rate": 0.02], "ema": 0.8],
            ["schedule": ["name": "plateau", "monitor": "loss", "patience": 0, "threshold": 0.5], "recompute": true],
        ] as [[String: ConfigValue]])
    func everyStopLeavesNoTrace(_ changes: [String: ConfigValue]) throws {
        let data = try fingerprint()
        let file = scratch()
        defer { try? FileManager.default.removeItem(at: file) }
        let straight = try trainer(changes)
        var expected: [Double] = []
        try straight.run { if case .iteration(let step) = $0 { expected.append(step.loss) } }

        var losses: [Double] = []
        var last = try trainer(changes)
        var end = TrainingEnd.asked
        for round in 0..<20 where end == .asked {
            last = try trainer(changes)
            if round > 0 {
                let checkpoint = try Checkpoint(file: file.path)
                #expect(checkpoint.state.iteration == round)
                try last.restore(checkpoint, seconds: 0, source: file.path)
            }
            end = try last.run(until: { losses.count > round }) { event in
                if case .iteration(let step) = event { losses.append(step.loss) }
            }
            try last.checkpoint(data: data).write(to: file.path)
        }
        #expect(losses == expected && end != .asked)
        try straight.checkpoint(data: data).write(to: file.path + ".straight")
        defer { try? FileManager.default.removeItem(atPath: file.path + ".straight") }
        #expect(
            FileManager.default.contents(atPath: file.path)
                == FileManager.default.contents(atPath: file.path + ".straight"))
    }

    @Test func checkpointsComeAtTheirStepsAndAtTheEnd() throws {
        var recording = Recording()
        #expect(try trainer(["checkpoint_every": 4]).run { recording.take($0) } == .completed)
        // The checkpoint of step 2 precedes the first model.
        #expect(recording.checkpoints == [2, 4, 8, 9] && recording.models == [2, 4, 6, 8, 9])
        #expect(recording.validations.map(\.iteration) == [2, 4, 6, 8, 9])
    }

    @Test func noProgressEndsTheTraining() throws {
        let stopping = try trainer(["early_stopping": ["patience": 2, "min_delta": 1], "iterations": 50])
        var recording = Recording()
        #expect(try stopping.run { recording.take($0) } == .noProgress)
        #expect(recording.validations.map(\.iteration) == [2, 4, 6] && recording.checkpoints.last == 6)
        #expect(stopping.state.iteration == 6 && stopping.state.isStopped)
    }

    private func values(of trainer: Trainer) throws -> [Float] {
        try trainer.network.store.state().sorted { $0.key < $1.key }.flatMap { $0.value.floats() }
    }

    /// The gradients of two batches give the step of their mean loss.
    @Test func accumulationAveragesBatches() throws {
        let changes: [String: ConfigValue] = [
            "optimizer": ["name": "sgd", "learning_rate": 0.5], "iterations": 1, "augmentation": [:],
            "network_def": [
                "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8],
                "strides": [2],
            ],
        ]
        func weights(_ more: [String: ConfigValue]) throws -> [Float] {
            let trainer = try trainer(changes.merging(more) { $1 })
            try trainer.run { _ in }
            return try values(of: trainer)
        }
        // Two volumes in one batch, or one in each of two: the loss is the mean over samples.
        let together = try weights([:])
        let apart = try weights(["sampling": ["volumes_per_batch": 1, "samples_per_volume": 1], "accumulate": 2])
        for (a, b) in zip(together, apart) { #expect(abs(a - b) < 1e-5 * (1 + abs(a))) }
        let start = try values(of: trainer(changes))
        #expect(zip(start, apart).contains { abs($0 - $1) > 1e-3 })
        // The gradient is clipped to almost nothing, therefore the step changes nothing.
        let clipped = try weights(["optimizer": ["name": "sgd", "learning_rate": 0.5, "clip_norm": 1e-6]])
        #expect(zip(start, clipped).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func deepSupervisionTrainsItsHeads() throws {
        let deep: ConfigValue = [
            "_target_": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "kernel_size": [3, 3, 3],
            "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [4, 6, 8], "deep_supervision": true,
        ]
        let trainer = try trainer(["network_def": deep, "iterations": 2])
        let before = try trainer.network.store.state()
        try trainer.run { _ in }
        let after = try trainer.network.store.state()
        let head = "deep_supervision_heads.0.conv.conv.weight"
        #expect(try #require(before[head]).bytes != #require(after[head]).bytes)
    }

    @Test func filesThatAreNoCheckpointAreRefused() throws {
        let file = scratch()
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(try #require(throws: DataError.self) { try Checkpoint(file: file.path) }.kind == .noInput)
        try Safetensors(tensors: [:], metadata: ["format": "pt"]).write(to: file.path)
        let error = try #require(throws: DataError.self) { try Checkpoint(file: file.path) }
        #expect(error.description.contains("not a checkpoint"))

        let small = try trainer([
            "network_def": .object([
                "_target_": "UNet", "spatial_dims": 3, "in_channels": 1,
                "out_channels": 2, "channels": [2, 4], "strides": [2],
            ])
        ])
        try small.checkpoint(data: fingerprint()).write(to: file.path)
        #expect(throws: DataError.self) {
            try trainer([:]).restore(Checkpoint(file: file.path), seconds: 0, source: file.path)
        }
    }
}
