internal import Foundation
public import SegBackend
public import SegData
internal import SegImaging
internal import SegInference
public import SegModels
internal import SegNN
internal import SegTensor

/// What a training reports while it runs.
public enum TrainingEvent: Sendable {
    /// An optimiser step was taken.
    case iteration(TrainingStep)
    /// The validation cases were measured.
    case validation(ValidationResult)
}

/// One optimiser step.
public struct TrainingStep: Sendable {
    /// Steps taken.
    public let iteration: Int
    /// The loss before the step.
    public let loss: Double
    /// The learning rate of the step.
    public let learningRate: Double
    /// Seconds since the training began.
    public let seconds: Double
    /// Seconds the rest is expected to take.
    public let remaining: Double
}

/// Dice of the validation cases, on the network's grid.
public struct ValidationResult: Sendable {
    /// Steps taken.
    public let iteration: Int
    /// Mean over cases and foreground classes.
    public let meanDice: Double
    /// Mean over the foreground classes, by case.
    public let cases: [(name: String, dice: Double)]
    /// Whether it is the best so far.
    public let isBest: Bool
}

/// Trains a network on patches; MONAI's loop of the spleen tutorial.
///
/// What patch a step sees and what its dropouts draw depends on the seed and the step's number alone, so a run repeats
/// bit for bit on one backend. Where `minutes` is set the clock also moves the learning rate, and a run need not repeat.
public final class Trainer {
    /// The network that is trained.
    public let network: any Network
    private let configuration: TrainingConfiguration
    private let backend: any Backend
    private let optimizer: Optimizer
    private let patches: PatchSource
    private let validation: [PreparedCase]
    private var bestDice = -1.0

    /// Makes a trainer of prepared cases.
    /// - Throws: `ConfigError` where the network cannot be built; `ImagingError` where a case gives no patches;
    ///   `BackendError` where memory is short.
    public init(
        _ configuration: TrainingConfiguration, training: [PreparedCase], validation: [PreparedCase],
        on backend: any Backend
    ) throws {
        self.configuration = configuration
        self.backend = backend
        self.validation = validation
        network = try configuration.model.makeNetwork(on: backend, seed: UInt64(configuration.seed))
        optimizer = try Optimizer(configuration.optimizer, parameters: network.store.trained)
        patches = try PatchSource(
            training, configuration.sampling, configuration.augmentation, seed: configuration.seed)
    }

    /// What cases lack for the wanted mix of patches, a sentence a case.
    public var warnings: [String] { patches.warnings }

    /// Runs the training to its end and returns the number of steps taken.
    /// - Parameter report: Called after every step and validation; what it throws ends the training.
    /// - Throws: `InferenceError` where the loss is no longer a number; errors of the backend and of `report`.
    public func run(report: (TrainingEvent) throws -> Void) throws -> Int {
        let start = DispatchTime.now().uptimeNanoseconds
        func elapsed() -> Double { Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9 }
        var prefetch = Prefetch { [patches] in patches.batch(0) }
        var iteration = 0
        while iteration < configuration.iterations {
            let done = progress(iteration: iteration, seconds: elapsed())
            if done >= 1 { break }
            let batch = prefetch.value()
            let next = iteration + 1
            prefetch = Prefetch { [patches] in patches.batch(next) }
            let rate =
                configuration.learningRate * configuration.schedule.factor(iteration: iteration, done: done)
            let loss = try step(batch, iteration: iteration, learningRate: rate)
            iteration = next
            let seconds = elapsed()
            let share = max(progress(iteration: iteration, seconds: seconds), 1e-9)
            try report(
                .iteration(
                    TrainingStep(
                        iteration: iteration, loss: loss, learningRate: rate, seconds: seconds,
                        remaining: max(0, seconds * (1 / share - 1)))))
            if iteration % configuration.validateEvery == 0, !validation.isEmpty { try report(validate(iteration)) }
        }
        if iteration % configuration.validateEvery != 0, !validation.isEmpty { try report(validate(iteration)) }
        return iteration
    }

    /// The share of the training that is behind, by steps or by time, whichever is further.
    private func progress(iteration: Int, seconds: Double) -> Double {
        let steps = Double(iteration) / Double(configuration.iterations)
        return max(steps, configuration.minutes.map { seconds / (60 * $0) } ?? 0)
    }

    private func step(_ batch: PatchBatch, iteration: Int, learningRate: Double) throws -> Double {
        let size = Triple(d: batch.size.i, h: batch.size.j, w: batch.size.k)
        let images = try Tensor(
            batch.images, shape: Shape(batch: batch.count, size: size, channels: 1), on: backend)
        let labels = try Tensor(labels: batch.labels, shape: Shape([batch.count] + size.array), on: backend)
        let context = ForwardContext(mode: .training, seed: UInt64(configuration.seed), pass: UInt32(iteration))
        let loss = try diceCELoss(network(images, in: context), labels: labels, configuration.loss)
        let value = try loss.item()
        guard value.isFinite else {
            throw InferenceError(
                "the loss is \(value) at step \(iteration + 1); lower optimizer.learning_rate or check the intensity window"
            )
        }
        try optimizer.step(loss.gradients(upstream: nil), learningRate: Float(learningRate))
        return value
    }

    private func validate(_ iteration: Int) throws -> TrainingEvent {
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
        let isBest = mean > bestDice
        bestDice = max(bestDice, mean)
        return .validation(
            ValidationResult(iteration: iteration, meanDice: mean, cases: cases, isBest: isBest))
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
