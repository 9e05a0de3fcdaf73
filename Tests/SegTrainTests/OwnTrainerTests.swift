import SegBackend
import SegCPU
import SegCore
import SegData
import SegInference
import SegModels
import SegNN
import SegTensor
import SegTrain
import SegWeights
import Testing

/// Training of a user's own network, patches and loss.
@Suite(.serialized) struct OwnTrainerTests {
    private let backend: any Backend

    init() throws { backend = try CPUBackend(threads: 2) }

    private func network() throws -> any Network {
        try NetworkDefinition.unet(outputChannels: 2, channels: [4, 8], strides: [2], BlockOptions(dropout: 0.1))
            .makeNetwork(on: backend, seed: 1)
    }

    @Sendable private static func batch(_ number: Int) -> PatchBatch {
        let images = (0..<512).map { Float(($0 &* 31 &+ number &* 17) % 100) / 100 }
        return PatchBatch(size: 8, images: images, labels: images.map { $0 > 0.5 ? 1 : 0 })
    }

    /// The squared difference of probabilities and labels.
    private static func loss(_ outputs: [Tensor], _ labels: Tensor) throws -> Tensor {
        let difference = try softmax(outputs[0]) - oneHot(labels, classes: 2)
        return try mean(difference * difference)
    }

    private func trainer(_ options: TrainingOptions, _ validation: (any TrainingValidation)? = nil) throws -> Trainer {
        try Trainer(network(), options, validation: validation, loss: Self.loss, batches: Self.batch)
    }

    /// Scores that are given in advance.
    private final class Given: TrainingValidation {
        var scores: [Double]
        init(_ scores: [Double]) { self.scores = scores }
        func measure(
            _ network: any Network, after iteration: Int, until isAsked: () -> Bool
        ) throws -> ValidationScores? {
            ValidationScores(mean: scores.removeFirst())
        }
    }

    /// Patches without foreground have no Dice, which is no measure of the network.
    @Test func aMovingAverageOutlastsAValidationWithoutADice() throws {
        var options = TrainingOptions(iterations: 4, learningRate: 1e-2)
        options.validateEvery = 1
        options.pseudoDice = TrainingOptions.PseudoDice(batches: 1, smoothing: 0.5)
        let trainer = try trainer(options, Given([.nan, 0.5, .nan, 0.7]))
        var isBest: [Bool] = []
        try trainer.run { if case .validation(let result) = $0 { isBest.append(result.isBest) } }
        #expect(isBest == [true, true, false, true])
        #expect(abs((trainer.state.smoothedDice ?? 0) - 0.6) < 1e-12 && trainer.state.hasEnded == true)
        // Without the average a score must be a number.
        options.pseudoDice = nil
        let plain = try self.trainer(options, Given([.nan]))
        #expect(throws: InferenceError.self) { try plain.run { _ in } }
    }

    @Test func itLearnsAndGoesOnFromACheckpoint() throws {
        var options = TrainingOptions(iterations: 12, learningRate: 1e-2)
        (options.accumulation, options.clipNorm) = (2, 1)
        let whole = try trainer(options)
        var losses: [Double] = []
        try whole.run { if case .iteration(let step) = $0 { losses.append(step.loss) } }
        #expect(losses.count == 12 && losses[11] < losses[0])

        let first = try trainer(options)
        try first.run(until: { first.state.iteration == 5 }, report: { _ in })
        let second = try trainer(options)
        try second.restore(first.checkpoint(), seconds: 0, source: "memory")
        try second.run { _ in }
        #expect(try second.network.store.state().mapValues(\.bytes) == whole.network.store.state().mapValues(\.bytes))
    }

    /// Without a step, the averages are the weights that were loaded after the trainer was created.
    @Test func averagesStartAtLoadedWeights() throws {
        var options = TrainingOptions(iterations: 4)
        options.ema = 0.5
        let trainer = try trainer(options)
        let other = try NetworkDefinition.unet(
            outputChannels: 2, channels: [4, 8], strides: [2], BlockOptions(dropout: 0.1)
        ).makeNetwork(on: backend, seed: 2).store.state()
        try trainer.network.store.load(other, source: "memory")
        #expect(try trainer.run(until: { true }, report: { _ in }) == .asked)
        let averages = try trainer.withMeasuredWeights { try trainer.network.store.state().mapValues(\.bytes) }
        #expect(averages == other.mapValues(\.bytes))
    }

    @Test func aValidationOfOnesOwnChoosesTheBest() throws {
        var options = TrainingOptions(iterations: 4)
        options.validateEvery = 1
        options.earlyStopping = TrainingOptions.EarlyStopping(patience: 2)
        let trainer = try trainer(options, Given([0.5, 0.7, 0.6, 0.7]))
        var best: [Bool] = []
        let end = try trainer.run { if case .validation(let result) = $0 { best.append(result.isBest) } }
        #expect(end == .noProgress && best == [true, true, false, false])
        #expect(trainer.state.bestDice == 0.7 && trainer.state.bestIteration == 2)
    }

    @Test func aScoreThatIsNoNumberEndsTheTraining() throws {
        let trainer = try trainer(TrainingOptions(iterations: 2), Given([.nan]))
        let error = try #require(throws: InferenceError.self) { try trainer.run { _ in } }
        #expect(error.description.contains("the validation after step 1 gave nan"), "\(error)")
    }

    @Test func whatBatchesThrowEndsTheTraining() throws {
        struct Spilt: Error {}
        let trainer = try Trainer(
            network(), TrainingOptions(iterations: 3), loss: Self.loss,
            batches: { number in
                if number == 1 { throw Spilt() }
                return Self.batch(number)
            })
        #expect(throws: Spilt.self) { try trainer.run { _ in } }
        #expect(trainer.state.iteration == 1)
    }

    private static let senseless: [(key: String, change: @Sendable (inout TrainingOptions) -> Void)] = [
        ("iterations", { $0.iterations = 0 }), ("validate_every", { $0.validateEvery = 0 }),
        ("checkpoint_every", { $0.checkpointEvery = -1 }), ("accumulate", { $0.accumulation = 0 }),
        ("optimizer.learning_rate", { $0.learningRate = .nan }),
        ("early_stopping", { $0.earlyStopping = TrainingOptions.EarlyStopping(patience: 1) }),
        ("schedule.monitor", { $0.schedule = .plateau(PlateauRule()) }), ("freeze", { $0.frozen = ["nowhere"] }),
        ("optimizer.factors", { $0.rateFactors = ["nowhere": 2] }),
    ]

    @Test(arguments: senseless.indices)
    func senselessOptionsAreRefusedByName(index: Int) throws {
        var options = TrainingOptions(iterations: 3)
        Self.senseless[index].change(&options)
        let error = try #require(throws: DataError.self) { try trainer(options) }
        #expect(error.key == Self.senseless[index].key)
    }
}
