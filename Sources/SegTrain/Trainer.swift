internal import Foundation
public import SegBackend
internal import SegCore
public import SegData
internal import SegImaging
internal import SegInference
public import SegModels
internal import SegNN
internal import SegTensor

/// Trains a network on patches; MONAI's loop of the spleen tutorial.
///
/// What patch a step sees and what its dropouts draw depends on the seed and the step's number alone, so a run repeats
/// bit for bit on one backend, and one that is resumed from a checkpoint ends as if it had never stopped. Where
/// `minutes` is set the clock also moves the learning rate, and a run need not repeat.
public final class Trainer {
    /// The network that is trained.
    public let network: any Network
    /// Where the training stands.
    public internal(set) var state = TrainingState()
    let configuration: TrainingConfiguration
    let backend: any Backend
    let optimizer: Optimizer
    private let patches: PatchSource
    private let validation: [PreparedCase]
    /// The share of the time, since the training was last resumed, that it has waited for data.
    public private(set) var shareWaited = 0.0
    /// Seconds of the run before it was resumed.
    var secondsBefore = 0.0

    /// Makes a trainer of prepared cases.
    /// - Throws: `DataError` where the network cannot be built; `DataError` where a case gives no patches;
    ///   `BackendError` where memory is short.
    public init(
        _ configuration: TrainingConfiguration, training: [PreparedCase], validation: [PreparedCase],
        on backend: any Backend
    ) throws {
        self.configuration = configuration
        self.backend = backend
        self.validation = validation
        try configuration.model.checkTraining(
            batch: configuration.sampling.samplesPerVolume * configuration.sampling.volumesPerBatch)
        network = try configuration.model.makeNetwork(on: backend, seed: UInt64(configuration.seed))
        optimizer = try Optimizer(configuration.optimizer, parameters: network.store.trained)
        patches = try PatchSource(
            training, configuration.sampling, configuration.augmentation, seed: configuration.seed)
    }

    /// What cases lack for the wanted mix of patches, a sentence a case.
    public var warnings: [String] { patches.warnings }

    /// Runs the training to its end, from where it stands.
    /// - Parameters:
    ///   - isAsked: Looked at before every step; true stops the training there.
    ///   - report: Called after every step and validation, and when a checkpoint is due; what it throws ends the
    ///     training.
    /// - Returns: Why it ended; `state.iteration` is the number of steps taken.
    /// - Throws: `InferenceError` where the loss is no longer a number; errors of the backend and of `report`.
    @discardableResult
    public func run(
        until isAsked: () -> Bool = { false }, report: (TrainingEvent) throws -> Void
    ) throws -> TrainingEnd {
        let start = DispatchTime.now().uptimeNanoseconds
        func elapsed() -> Double {
            secondsBefore + Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        }
        let batches = PrefetchedBatches(patches, from: state.iteration * configuration.accumulation)
        while state.iteration < configuration.iterations, !state.isStopped {
            let done = progress(seconds: elapsed())
            if done >= 1 { break }
            if isAsked() {
                try report(.checkpoint(iteration: state.iteration))
                return .asked
            }
            let rate = learningRate(done: done)
            let loss = try step(batches, learningRate: rate)
            state.take(loss: loss)
            let seconds = elapsed()
            shareWaited = batches.secondsWaited / max(seconds - secondsBefore, 1e-9)
            let share = max(progress(seconds: seconds), 1e-9)
            try report(
                .iteration(
                    TrainingStep(
                        iteration: state.iteration, loss: loss, learningRate: rate, seconds: seconds,
                        remaining: max(0, seconds * (1 / share - 1)))))
            if state.iteration % configuration.validateEvery == 0 { try validate(report) }
            if state.iteration % configuration.checkpointEvery == 0, state.iteration < configuration.iterations {
                try report(.checkpoint(iteration: state.iteration))
            }
        }
        if state.validatedAt != state.iteration { try validate(report) }
        try report(.checkpoint(iteration: state.iteration))
        return state.isStopped ? .noProgress : .completed
    }

    /// The share of the training that is behind, by steps or by time, whichever is further.
    private func progress(seconds: Double) -> Double {
        let steps = Double(state.iteration) / Double(configuration.iterations)
        return max(steps, configuration.minutes.map { seconds / (60 * $0) } ?? 0)
    }

    private func learningRate(done: Double) -> Double {
        let (iteration, schedule) = (state.iteration, configuration.schedule)
        let factor =
            configuration.warmUp?.factor(schedule, iteration: iteration, of: configuration.iterations, done: done)
            ?? schedule.factor(iteration: iteration, done: done)
        return configuration.learningRate * factor * state.plateau.factor
    }

    /// One optimiser step over the gradients of one or several batches; returns their mean loss.
    private func step(_ batches: PrefetchedBatches, learningRate: Double) throws -> Double {
        var gradients = GradientSum(parameters: network.store.trained)
        let count = configuration.accumulation
        let collects = count > 1 || configuration.clipNorm != nil
        var total = 0.0
        for _ in 0..<count {
            let (index, batch) = batches.next()
            let loss = try loss(of: batch, pass: UInt32(truncatingIfNeeded: index))
            let value = try loss.item()
            guard value.isFinite else {
                throw InferenceError(
                    "the loss is \(value) at step \(state.iteration + 1); lower optimizer.learning_rate or check the "
                        + "intensity window")
            }
            total += value
            guard collects else {
                try optimizer.step(backFrom: loss, learningRate: Float(learningRate))
                return value
            }
            try gradients.add(loss.gradients(upstream: nil))
        }
        if count > 1 { try gradients.multiply(by: 1 / Float(count)) }
        if let limit = configuration.clipNorm { try gradients.clip(toNorm: limit) }
        try optimizer.step(gradients.gradients, learningRate: Float(learningRate))
        return total / Double(count)
    }

    private func loss(of batch: PatchBatch, pass: UInt32) throws -> Tensor {
        let size = Triple(d: batch.size.i, h: batch.size.j, w: batch.size.k)
        let images = try Tensor(
            batch.images, shape: Shape(batch: batch.count, size: size, channels: 1), on: backend)
        let labels = try Tensor(labels: batch.labels, shape: Shape([batch.count] + size.array), on: backend)
        var context = ForwardContext(mode: .training, seed: UInt64(configuration.seed), pass: pass)
        context.recomputes = configuration.recomputes
        return try configuration.loss(supervised: network.supervisedOutputs(images, in: context), labels: labels)
    }

    /// Ends an interval between validations, and measures the cases where any are set aside.
    private func validate(_ report: (TrainingEvent) throws -> Void) throws {
        guard !validation.isEmpty else {
            _ = state.take(dice: nil, configuration)
            return
        }
        let model = configuration.model
        let window = SlidingWindow(window: model.roiSize, overlap: model.overlap, blending: model.mode)
        let cases = try validation.map { prepared in
            let size = prepared.image.size
            let image = try Tensor(
                prepared.image.voxels, shape: [1, size.i, size.j, size.k, 1], on: backend)
            let logits = try window(image, progress: { _, _ in }) { try network($0, in: .inference) }
            let channels = network.outputChannels
            return (prepared.name, Self.meanDice(try logits.floats(), prepared.labels, channels: channels))
        }
        let mean = cases.map(\.1).reduce(0, +) / Double(cases.count)
        let isBest = state.take(dice: mean, configuration)
        try report(
            .validation(
                ValidationResult(iteration: state.iteration, meanDice: mean, cases: cases, isBest: isBest)))
    }

    /// Dice of the logits' classes against the labels, averaged over the foreground classes that occur.
    private static func meanDice(_ logits: [Float], _ labels: [Int32], channels: Int) -> Double {
        let none = [Int](repeating: 0, count: max(2, channels))
        var (both, predicted, reference) = (none, none, none)
        logits.withUnsafeBufferPointer { logits in
            for (voxel, label) in labels.enumerated() {
                let found = OutputClass.of(logits, voxel: voxel, channels: channels, threshold: 0)
                predicted[found] += 1
                reference[Int(label)] += 1
                if found == Int(label) { both[found] += 1 }
            }
        }
        let dice = (1..<none.count).compactMap { c -> Double? in
            let total = predicted[c] + reference[c]
            return total == 0 ? nil : 2 * Double(both[c]) / Double(total)
        }
        return dice.isEmpty ? 1 : dice.reduce(0, +) / Double(dice.count)
    }
}
