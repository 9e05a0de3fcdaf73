internal import Foundation
public import SegBackend
internal import SegCore
public import SegData
internal import SegImaging
internal import SegInference
internal import SegMetrics
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
    private let validation: [ValidationCase]
    /// Whether a checkpoint was asked for, or the run goes on from one.
    var hasCheckpoint = false
    /// The share of the time, since the training was last resumed, that it has waited for data.
    public private(set) var shareWaited = 0.0
    /// Seconds of the run before it was resumed.
    var secondsBefore = 0.0

    /// Makes a trainer of prepared cases.
    /// - Throws: `DataError` where the network cannot be built, a case gives no patches or no validation case has a
    ///   label left; `BackendError` where memory is short.
    public init(
        _ configuration: TrainingConfiguration, training: [PreparedCase], validation: [PreparedCase],
        on backend: any Backend
    ) throws {
        self.configuration = configuration
        self.backend = backend
        self.validation = try validation.map { ValidationCase(prepared: $0, isMeasured: try $0.hasForeground) }
        try Self.checkMeasured(self.validation)
        try Self.check(configuration.loss, configuration)
        try configuration.model.checkTraining(
            batch: configuration.sampling.samplesPerVolume * configuration.sampling.volumesPerBatch)
        network = try configuration.model.makeNetwork(on: backend, seed: UInt64(configuration.seed))
        try Self.freeze(configuration, network.store)
        optimizer = try Optimizer(
            configuration.optimizer, parameters: network.store.trained,
            factors: configuration.rateFactors.mapValues { Float($0) })
        patches = try PatchSource(
            training, configuration.sampling, configuration.augmentation, seed: configuration.seed,
            labels: configuration.model.labelScheme)
    }

    /// Insists that the loss does what the labels ask of it.
    private static func check(_ loss: SegmentationLoss, _ configuration: TrainingConfiguration) throws(DataError) {
        do {
            try loss.validate()
        } catch {
            throw DataError(.badData, configuration.model.network.source, key: "loss", "\(error)")
        }
    }

    /// Keeps parts of the network as they are, and insists that every part that the configuration names is one.
    private static func freeze(_ configuration: TrainingConfiguration, _ store: ParameterStore) throws(DataError) {
        let trained = store.trained.map(\.name)
        let strays =
            store.freeze(configuration.frozen).map { ("freeze", $0) }
            + configuration.rateFactors.keys.filter { part in !store.trained.contains { $0.isWithin(part) } }.sorted()
            .map { ("optimizer.factors", $0) }
        if let (key, part) = strays.first {
            let parts = Set(trained.map { $0.split(separator: ".").prefix(2).joined(separator: ".") }).sorted()
            throw DataError(
                .badData, configuration.model.network.source, key: key,
                "'\(part)' begins the name of no parameter that is trained; parts are \(parts.shortList())")
        }
        guard !store.trained.isEmpty else {
            throw DataError(
                .badData, configuration.model.network.source, key: "freeze", "leaves no parameter to train")
        }
    }

    /// Begins with the weights of another model, where the configuration names one.
    /// - Returns: What a person should know, a sentence each.
    /// - Throws: `DataError` where the model cannot be read or no parameter fits; `BackendError`.
    public func begin() throws -> [String] { try configuration.start?.load(into: network.store) ?? [] }

    /// A case that is set aside, and whether its label has a voxel left that a Dice can be taken of.
    private struct ValidationCase {
        let prepared: PreparedCase
        let isMeasured: Bool
    }

    private static func checkMeasured(_ validation: [ValidationCase]) throws(DataError) {
        guard !validation.isEmpty, !validation.contains(where: \.isMeasured) else { return }
        let names = validation.map(\.prepared.name)
        let more = names.count > 8 ? " and \(names.count - 8) more" : ""
        throw DataError(
            .badData, "validation",
            "no case has a labelled voxel left on the network's grid, so there is nothing to validate on "
                + "(\(names.prefix(8).joined(separator: ", "))\(more)); take a finer preprocessing.pixdim, or set other "
                + "cases aside")
    }

    /// A sentence a case on each that lacks something for the wanted mix of patches, or that enters no validation Dice.
    public var warnings: [String] {
        patches.warnings
            + validation.filter { !$0.isMeasured }.map { item in
                "\(item.prepared.name): no labelled voxel of this validation case is left on the network's grid of "
                    + "\(item.prepared.size) voxels after resampling and cropping; it enters no validation Dice."
            }
    }

    /// Runs the training to its end, from where it stands.
    ///
    /// The first checkpoint is due before the first model is kept and measured, so that no kill leaves a model that
    /// cannot be trained on.
    /// - Parameters:
    ///   - isAsked: Looked at before every step and every case of a validation; true stops the training there. A
    ///     validation that is broken off is made up for when the training goes on.
    ///   - report: Called after every step and validation, and when a model or a checkpoint is to be kept; an error
    ///     that it throws ends the training.
    /// - Returns: Why it ended; `state.iteration` is the number of steps taken.
    /// - Throws: `InferenceError` where the loss is no longer a number; `DataError` where a cached case can no longer
    ///   be read; errors of the backend and of `report`.
    @discardableResult
    public func run(
        until isAsked: () -> Bool = { false }, report: (TrainingEvent) throws -> Void
    ) throws -> TrainingEnd {
        let start = DispatchTime.now().uptimeNanoseconds
        func elapsed() -> Double {
            secondsBefore + Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        }
        func keep() throws {
            try report(.checkpoint(iteration: state.iteration))
            hasCheckpoint = true
        }
        let batches = PrefetchedBatches(patches, from: state.iteration * configuration.accumulation)
        var keptAt = state.iteration
        while true {
            var isOver = isOver(seconds: elapsed())
            if isValidationDue(isOver) {
                if !hasCheckpoint { try keep() }
                try report(.model(iteration: state.iteration))
                guard try validate(until: isAsked, report) else {
                    try keep()
                    return .asked
                }
            }
            isOver = isOver || state.isStopped
            if isOver || (state.iteration % configuration.checkpointEvery == 0 && state.iteration > keptAt) {
                try keep()
                keptAt = state.iteration
            }
            if isOver { return state.isStopped ? .noProgress : .completed }
            if isAsked() {
                try keep()
                return .asked
            }
            let done = progress(seconds: elapsed())
            // The time ran out meanwhile.
            if done >= 1 { continue }
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
        }
    }

    /// Whether all steps are taken, the time is up, or early stopping has ended the training.
    private func isOver(seconds: Double) -> Bool { state.isStopped || progress(seconds: seconds) >= 1 }

    /// Whether the network as it is has to be measured: at the end of every interval and of the training.
    private func isValidationDue(_ isOver: Bool) -> Bool {
        let isInterval = state.iteration > 0 && state.iteration % configuration.validateEvery == 0
        return state.validatedAt != state.iteration && (isOver || isInterval)
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
            let (index, batch) = try batches.next()
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
        let images = try Tensor(
            batch.images, shape: Shape(batch: batch.count, size: batch.size, channels: batch.channels), on: backend)
        let labels = try Tensor(labels: batch.labels, shape: Shape([batch.count] + batch.size.array), on: backend)
        var context = ForwardContext(mode: .training, seed: UInt64(configuration.seed), pass: pass)
        context.recomputes = configuration.recomputes
        return try configuration.loss(supervised: network.supervisedOutputs(images, in: context), labels: labels)
    }

    /// Ends an interval between validations, and measures the cases where any are set aside.
    /// - Returns: False where it was broken off, which leaves the state as it was.
    private func validate(
        until isAsked: () -> Bool, _ report: (TrainingEvent) throws -> Void
    ) throws -> Bool {
        guard !validation.isEmpty else {
            _ = state.take(dice: nil, configuration)
            return true
        }
        var measured: [(name: String, dice: [Double?])] = []
        for item in validation {
            if isAsked() { return false }
            measured.append((item.prepared.name, item.isMeasured ? try dice(of: item.prepared) : []))
        }
        let cases = measured.map { (name: $0.name, dice: $0.dice.meanOfDefined) }
        let channels = network.outputChannels
        let labels = configuration.model.labelScheme.regions == nil ? 1..<max(2, channels) : 0..<channels
        let classes = labels.enumerated().map { index, label in
            (label: label, dice: measured.map { $0.dice.isEmpty ? nil : $0.dice[index] }.meanOfDefined)
        }
        let mean = cases.map(\.dice).meanOfDefined ?? .nan
        let isBest = state.take(dice: mean, configuration)
        try report(
            .validation(
                ValidationResult(
                    iteration: state.iteration, meanDice: mean, cases: cases, classes: classes, isBest: isBest)))
        return true
    }

    /// Dice of each foreground class, or of each region, against a case's labels; nil where it occurs in neither.
    private func dice(of prepared: PreparedCase) throws -> [Double?] {
        let model = configuration.model
        let window = SlidingWindow(of: model, over: prepared.size)
        let image = try Tensor(
            prepared.scan.interleaved,
            shape: Shape(batch: 1, size: prepared.size, channels: prepared.scan.channels), on: backend)
        let logits = try window(image, progress: { _, _ in }) { try network($0, in: .inference) }.floats()
        let labels = try prepared.scan.classes
        let counts =
            model.labelScheme.regions == nil
            ? ClassCounts(logits, labels, channels: network.outputChannels)
            : ClassCounts(regions: logits, labels, channels: network.outputChannels, model.labelScheme.targets)
        return counts.dice
    }
}

extension [Double?] {
    /// The mean of those that are there; nil where none is.
    fileprivate var meanOfDefined: Double? {
        let defined = compactMap(\.self)
        return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
    }
}
