import Foundation
import SegBackend
import SegCPU
import SegCore
import SegData
import SegModels
import SegNN
import SegTensor
import SegTestNeeds
import SegTrain
import SegWeights
import Testing

/// Compares twenty steps with PyTorch's: for a whole network and with a frozen part, each with a moving average of the weights.
@Suite struct PyTorchStepsTests {
    /// The output of `Tests/Golden/training_steps.py`; for each array the sum, the sum of squares and the first value.
    private struct Capture: Decodable {
        let losses: [Double]
        let arrays: [String: [Double]]
        let averages: [String: [Double]]
    }

    private static let captures: [String: Capture] =
        (try? GoldenFile("training_steps.json").decoded(as: [String: Capture].self)) ?? [:]

    /// The script's patch for a step.
    @Sendable private static func batch(_ number: Int) -> PatchBatch {
        let images = (0..<512).map { Float(($0 * 31 + number * 17) % 100) / 100 }
        return PatchBatch(size: 8, images: images, labels: images.map { $0 > 0.5 ? 1 : 0 })
    }

    private static func loss(_ outputs: [Tensor], _ labels: Tensor) throws -> Tensor {
        let difference = try softmax(outputs[0]) - oneHot(labels, classes: 2)
        return try mean(difference * difference)
    }

    private func trainer(frozen: [String], ema: Double? = 0.9) throws -> Trainer {
        let network = try NetworkDefinition(
            [
                "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8],
                "strides": [2], "num_res_units": 1, "norm": "batch",
            ], source: "a test"
        ).makeNetwork(on: CPUBackend(threads: 2), seed: 1)
        for (place, parameter) in network.store.trained.sorted(by: { $0.name < $1.name }).enumerated() {
            let count = parameter.shape.count
            try parameter.set((0..<count).map { Float(0.3 * sin(0.37 * Double($0) + Double(place))) })
        }
        var options = TrainingOptions(iterations: 20, learningRate: 0.1)
        options.optimizer = .sgd(momentum: 0.9)
        (options.frozen, options.ema) = (frozen, ema)
        return try Trainer(network, options, loss: Self.loss, batches: Self.batch)
    }

    private func expect(_ trainer: Trainer, _ wanted: [String: [Double]], _ what: Comment) throws {
        let state = try trainer.network.store.state()
        #expect(wanted.count > 10)
        for (name, digest) in wanted {
            let values = try #require(state[name], what).floats().map(Double.init)
            let found = [values.reduce(0, +), values.map { $0 * $0 }.reduce(0, +), values[0]]
            for (value, right) in zip(found, digest) {
                #expect(abs(value - right) < 2e-4 * (1 + abs(right)), "\(what) \(name): \(found), PyTorch \(digest)")
            }
        }
    }

    @Test(arguments: ["all", "frozen"])
    func stepsAndAveragesArePyTorchs(_ kind: String) throws {
        let capture = try #require(Self.captures[kind])
        let trainer = try trainer(frozen: kind == "frozen" ? ["model.0"] : [])
        var losses: [Double] = []
        try trainer.run { if case .iteration(let step) = $0 { losses.append(step.loss) } }
        #expect(losses.count == 20 && capture.losses.count == 20)
        for (loss, right) in zip(losses, capture.losses) { #expect(abs(loss - right) < 2e-5) }
        try expect(trainer, capture.arrays, "own")
        try trainer.withMeasuredWeights { try expect(trainer, capture.averages, "average") }
        // The weights themselves are restored.
        try expect(trainer, capture.arrays, "own, again")
        let first = capture.arrays["model.0.conv.unit0.conv.weight"]?[2]
        let other = Self.captures["all"]?.arrays["model.0.conv.unit0.conv.weight"]?[2]
        #expect((first == other) == (kind == "all"), "the captures differ where a part is frozen")
    }

    /// The averages are validated and saved; the steps are the same as without averages, bit for bit.
    @Test func averagesAreMeasuredAndLeaveTheStepsAlone() throws {
        func bytes(_ trainer: Trainer) throws -> [String: [UInt8]] {
            try trainer.network.store.state().mapValues { Array($0.bytes) }
        }
        let (plain, averaged) = (try trainer(frozen: [], ema: nil), try trainer(frozen: []))
        try plain.run { _ in }
        var kept: [String: [UInt8]] = [:]
        try averaged.run { if case .model = $0 { kept = try bytes(averaged) } }
        #expect(try bytes(averaged) == bytes(plain))
        #expect(try averaged.withMeasuredWeights { try bytes(averaged) } == kept)
        #expect(try kept != bytes(plain))
        // An error in between restores the weights themselves too.
        struct Spilt: Error {}
        #expect(throws: Spilt.self) { try averaged.withMeasuredWeights { throw Spilt() } }
        #expect(try bytes(averaged) == bytes(plain))
    }

    @Test func aTrainingGoesOnWithItsAverages() throws {
        let (straight, first, second) = (
            try trainer(frozen: []), try trainer(frozen: []), try trainer(frozen: [])
        )
        try straight.run { _ in }
        try first.run(until: { first.state.iteration == 7 }, report: { _ in })
        let checkpoint = try first.checkpoint()
        try second.restore(checkpoint, seconds: 0, source: "memory")
        try second.run { _ in }
        let ends = try [straight, second].map { trainer in
            try trainer.withMeasuredWeights { try trainer.network.store.state().mapValues(\.bytes) }
        }
        #expect(ends[0] == ends[1])
        // A run with averages cannot continue from a checkpoint without them.
        let plain = try trainer(frozen: [], ema: nil)
        try plain.run { _ in }
        let error = try #require(throws: DataError.self) {
            try second.restore(plain.checkpoint(), seconds: 0, source: "plain")
        }
        #expect(error.key?.hasPrefix("ema.") == true, "\(error)")
    }

    /// In 32 bits, 0.99999999 is 1.
    @Test(arguments: [1, 0.99999999, -0.1, .nan])
    func aShareThatIsNoneIsRefused(_ share: Double) {
        let error = #expect(throws: DataError.self) { try trainer(frozen: [], ema: share) }
        #expect(error?.key == "ema")
    }
}
