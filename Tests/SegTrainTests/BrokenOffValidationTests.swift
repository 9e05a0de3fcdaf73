import Foundation
import SegCPU
import SegCore
import SegData
import SegTrain
import Testing

/// Training runs that end during a validation, by a kill or on request.
@Suite(.serialized) struct BrokenOffValidationTests {
    private let cases = (0..<2).map { Spheres.prepared("ball \($0)", edge: 12, radius: 3, seed: UInt32($0)) }
    private struct Kill: Error {}

    private func trainer() throws -> Trainer {
        let configuration = try Spheres.configuration(
            patch: 8,
            changes: ["iterations": 6, "validate_every": 2, "checkpoint_every": 6, "early_stopping": ["patience": 9]])
        return try Trainer(configuration, training: cases, validation: cases, on: CPUBackend(threads: 1))
    }

    private func fingerprint() throws -> DataFingerprint {
        try DataFingerprint(
            Dataset(name: "none", labels: [:], channelNames: [], cases: [], tests: []).split(validation: []))
    }

    private func bytes(_ trainer: Trainer, _ file: URL) throws -> Data {
        try trainer.checkpoint(data: fingerprint()).write(to: file.path)
        return try Data(contentsOf: file)
    }

    /// The first model is kept only with a checkpoint, and a kill right after it leaves the run as before.
    @Test func aKillAtTheFirstModelLeavesItsCheckpoint() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("kill-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let killed = try trainer()
        #expect(throws: Kill.self) {
            try killed.run { event in
                switch event {
                case .checkpoint: try killed.checkpoint(data: fingerprint()).write(to: file.path)
                case .model: throw Kill()
                case .validation: Issue.record("a validation came before the first model")
                case .iteration: break
                }
            }
        }
        let checkpoint = try Checkpoint(file: file.path)
        #expect(checkpoint.state.iteration == 2 && checkpoint.state.validatedAt == nil)
        let resumed = try trainer()
        try resumed.restore(checkpoint, seconds: 0, source: file.path)
        var rest = Recording()
        #expect(try resumed.run { rest.take($0) } == .completed)
        #expect(rest.validations.map(\.iteration) == [2, 4, 6])
        let straight = try trainer()
        try straight.run { _ in }
        #expect(try bytes(resumed, file) == bytes(straight, file))
    }

    /// On a request to stop between two cases of a validation, it measures neither and repeats the validation
    /// afterwards.
    @Test func aWishToStopDoesNotWaitForAValidation() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("stop-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let stopped = try trainer()
        var looks = 0
        var recording = Recording()
        let end = try stopped.run(until: {
            looks += 1
            // Twice before steps, once before the first case.
            return looks == 4
        }) { recording.take($0) }
        #expect(end == .asked && recording.validations.isEmpty && recording.checkpoints == [2, 2])
        try stopped.checkpoint(data: fingerprint()).write(to: file.path)
        let resumed = try trainer()
        try resumed.restore(Checkpoint(file: file.path), seconds: 0, source: file.path)
        try resumed.run { _ in }
        let straight = try trainer()
        try straight.run { _ in }
        #expect(try bytes(resumed, file) == bytes(straight, file))
    }
}
