internal import Foundation
internal import SegBackend
public import SegComm
internal import SegCore
public import SegData
internal import SegInference
public import SegModels
internal import SegNN
public import SegTensor

/// Trains a network on patches; MONAI's loop of the spleen tutorial.
///
/// The patches and the dropout of a step depend only on the seed and the step's number. A run therefore repeats bit for
/// bit on one backend, and a run that is resumed from a checkpoint ends as if it had never stopped. If `minutes` is set,
/// the learning rate also depends on the clock, and a run need not repeat.
///
/// Several ranks divide the batches of each step (`accumulation`) and the cases of each validation. Batches are numbered
/// through all ranks and summed by one tree, so 1, 2, 4 … ranks give the same weights, bit for bit.
public final class Trainer {
    /// The loss that is minimised, as one value.
    ///
    /// **Shapes**: outputs `[N, D, H, W, C]`, the final output first and the outputs of deep supervision after it; labels i32
    /// `[N, D, H, W]`, result `[1]`.
    public typealias Loss = (_ outputs: [Tensor], _ labels: Tensor) throws -> Tensor
    /// Makes the patches of the batch with a number, from 0; the same number always gives the same patches. It is called from
    /// several threads.
    public typealias Batches = @Sendable (_ number: Int) throws -> PatchBatch

    /// The network that is trained.
    public let network: any Network
    /// The options of the steps.
    public let options: TrainingOptions
    /// The processes that train together; each has its own trainer with the same arguments.
    public let ranks: Ranks
    /// The progress of the training run.
    public internal(set) var state = TrainingState()
    /// Warnings for the user about cases that cannot give the wanted mix of patches, or are not part of the validation Dice.
    public let warnings: [String]
    let optimizer: Optimizer
    /// The moving average of the weights, which is validated and saved instead of the weights; nil for none.
    let averages: AveragedWeights?
    /// The configuration of the run, which its checkpoints contain.
    let document: ConfigValue
    /// The number of batches of a step that this rank computes.
    private let passes: Int
    private let loss: Loss
    private let batches: Batches
    private let validation: (any TrainingValidation)?
    /// The time of each rank, by activity, since the training was last resumed; empty before the end.
    public private(set) var rankTimes: [RankTime] = []
    /// Whether a checkpoint was requested, or the run continues from one.
    var hasCheckpoint = false
    /// The share of the time since the training was last resumed in which it has waited for data.
    public private(set) var shareWaited = 0.0
    /// The duration of the run before it was resumed, in seconds.
    var secondsBefore = 0.0

    /// Creates a trainer for any network, any source of patches and any loss. It computes on the network's backend.
    /// - Parameters:
    ///   - validation: Measures the network between steps; nil for no validation.
    ///   - loss: Such as `{ try SegmentationLoss(DiceCEParams())(supervised: $0, labels: $1) }`, or one of your own.
    ///   - batches: Makes the patches.
    /// - Throws: `DataError` if an option is invalid or names no part of the network; `BackendError` if there is too little
    ///   memory.
    public convenience init(
        _ network: any Network, _ options: TrainingOptions, validation: (any TrainingValidation)? = nil,
        loss: @escaping Loss, batches: @escaping Batches
    ) throws {
        try self.init(
            network, options, validation: validation, warnings: [], document: .null, source: "the training",
            ranks: .alone, loss: loss, batches: batches)
    }

    /// - Parameter source: The document that names parts of the network, for errors.
    init(
        _ network: any Network, _ options: TrainingOptions, validation: (any TrainingValidation)?, warnings: [String],
        document: ConfigValue, source: String, ranks: Ranks, loss: @escaping Loss, batches: @escaping Batches
    ) throws {
        try options.check(isValidated: validation != nil, source: source)
        passes = try options.passes(perRankOf: ranks.count)
        try options.freeze(network.store, source: source)
        self.network = network
        self.options = options
        self.ranks = ranks
        self.validation = validation
        self.warnings = warnings
        self.document = document
        self.loss = loss
        self.batches = batches
        optimizer = try Optimizer(
            options.optimizer, parameters: network.store.trained,
            factors: options.rateFactors.mapValues { Float($0) })
        averages = try options.ema.map { try AveragedWeights(of: network.store.trained, decay: $0) }
    }

    /// Runs `body` while the network has the weights that are validated and saved: the moving average if `options.ema` is set.
    /// - Throws: The errors of `body`; `BackendError` from the backend.
    public func withMeasuredWeights<Result>(_ body: () throws -> Result) throws -> Result {
        guard let averages else { return try body() }
        return try averages.inPlace(body)
    }

    /// The backend that holds the network and computes.
    var backend: any Backend { network.store.backend }

    /// Runs the training from its current state to its end.
    ///
    /// The first checkpoint is requested before the first model is kept and measured. Therefore the training of a kept model
    /// can always be continued, even if the run is killed.
    /// - Parameters:
    ///   - isAsked: Called before every step and every case of a validation; true stops the training there. An interrupted
    ///     validation is repeated when the training is resumed.
    ///   - report: Called after every step and validation, and when a model or a checkpoint is to be kept; an error
    ///     that it throws ends the training.
    /// - Returns: The reason why the training ended; `state.iteration` is the number of steps.
    /// - Throws: `InferenceError` if the loss is not finite; `DataError` if a cached case can no longer be read; errors of
    ///   the backend and of `report`.
    @discardableResult
    public func run(
        until isAsked: () -> Bool = { false }, report: (TrainingEvent) throws -> Void
    ) throws -> TrainingEnd {
        let start = DispatchTime.now().uptimeNanoseconds
        func elapsed() -> Double {
            secondsBefore + Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        }
        func keep() throws {
            try requireSameWeights()
            try report(.checkpoint(iteration: state.iteration))
            hasCheckpoint = true
        }
        let share = RankShare(accumulation: options.accumulation, own: passes, rank: ranks.rank)
        let batches = PrefetchedBatches(
            batches, share, from: state.iteration * passes, processes: ranks.localCount)
        let waitedBefore = ranks.secondsWaited
        func end(_ reason: TrainingEnd) throws -> TrainingEnd {
            rankTimes = try times(
                seconds: elapsed() - secondsBefore, data: batches.secondsWaited,
                others: ranks.secondsWaited - waitedBefore)
            return reason
        }
        var keptAt = state.iteration
        // The weights may have been replaced since the averages were copied from them.
        if state.iteration == 0 { try averages?.restart() }
        while true {
            var isOver = isOver(seconds: try agreed(seconds: elapsed()))
            if isValidationDue(isOver) {
                if !hasCheckpoint { try keep() }
                let isMeasured = try withMeasuredWeights {
                    try report(.model(iteration: state.iteration))
                    return try validate(until: isAsked, report)
                }
                guard isMeasured else {
                    try keep()
                    return try end(.asked)
                }
            }
            isOver = isOver || state.isStopped
            state.hasEnded = isOver
            if isOver || (state.iteration % options.checkpointEvery == 0 && state.iteration > keptAt) {
                try keep()
                keptAt = state.iteration
            }
            if isOver { return try end(state.isStopped ? .noProgress : .completed) }
            if try isAskedOfAny(isAsked()) {
                try keep()
                return try end(.asked)
            }
            let done = progress(seconds: try agreed(seconds: elapsed()))
            // The time has run out since the check above.
            if done >= 1 { continue }
            try report(.iteration(advance(batches, done: done, elapsed: elapsed)))
        }
    }

    /// Runs one step and describes it.
    private func advance(
        _ batches: PrefetchedBatches, done: Double, elapsed: () -> Double
    ) throws -> TrainingStep {
        let rate = learningRate(done: done)
        let loss = try step(batches, learningRate: rate)
        try averages?.update(isFirst: state.iteration == 0)
        state.take(loss: loss)
        let seconds = elapsed()
        shareWaited = batches.secondsWaited / max(seconds - secondsBefore, 1e-9)
        let share = max(progress(seconds: seconds), 1e-9)
        return TrainingStep(
            iteration: state.iteration, loss: loss, learningRate: rate, seconds: seconds,
            remaining: max(0, seconds * (1 / share - 1)))
    }

    /// Whether all steps are done, the time is up, or early stopping has ended the training.
    private func isOver(seconds: Double) -> Bool { state.isStopped || progress(seconds: seconds) >= 1 }

    /// Whether a validation is due: at the end of every interval and of the training, once per step.
    private func isValidationDue(_ isOver: Bool) -> Bool {
        let isInterval = state.iteration > 0 && state.iteration % options.validateEvery == 0
        return state.validatedAt != state.iteration && (isOver || isInterval)
    }

    /// The share of the training that is done, by steps or by time, whichever is larger.
    private func progress(seconds: Double) -> Double {
        let steps = Double(state.iteration) / Double(options.iterations)
        return max(steps, options.minutes.map { seconds / (60 * $0) } ?? 0)
    }

    private func learningRate(done: Double) -> Double {
        let (iteration, schedule) = (state.iteration, options.schedule)
        let factor =
            options.warmUp?.factor(schedule, iteration: iteration, of: options.iterations, done: done)
            ?? schedule.factor(iteration: iteration, done: done)
        return options.learningRate * factor * state.plateau.factor
    }

    /// One optimiser step over the gradients of one or several batches; returns their mean loss.
    private func step(_ batches: PrefetchedBatches, learningRate: Double) throws -> Double {
        var gradients = GradientSum(parameters: network.store.trained, passes: passes)
        let count = options.accumulation
        let collects = count > 1 || options.clipNorm != nil
        var (losses, statistics): ([Double], [BatchStatistics]) = ([], [])
        for _ in 0..<passes {
            let (number, batch) = try batches.next()
            var context = ForwardContext(
                mode: .training, seed: UInt64(options.seed), pass: UInt32(truncatingIfNeeded: number))
            context.recomputes = options.recomputes
            if ranks.count > 1 {
                let measured = BatchStatistics()
                context.statistics = measured
                statistics.append(measured)
            }
            let loss = try loss(of: batch, in: context)
            let value = try loss.item()
            guard value.isFinite else {
                throw InferenceError(
                    "the loss is \(value) at step \(state.iteration + 1); lower optimizer.learning_rate or check the "
                        + "intensity window")
            }
            losses.append(value)
            guard collects else {
                try optimizer.step(backFrom: loss, learningRate: Float(learningRate))
                return value
            }
            try gradients.add(loss.gradients(upstream: nil))
        }
        losses = try join(&gradients, losses, statistics)
        if count > 1 { try gradients.multiply(by: 1 / Float(count)) }
        if let limit = options.clipNorm { try gradients.clip(toNorm: limit) }
        try optimizer.step(gradients.gradients, learningRate: Float(learningRate))
        return losses.reduce(0, +) / Double(count)
    }

    private func loss(of batch: PatchBatch, in context: ForwardContext) throws -> Tensor {
        let images = try Tensor(
            batch.images, shape: Shape(batch: batch.count, size: batch.size, channels: batch.channels), on: backend)
        let labels = try Tensor(labels: batch.labels, shape: Shape([batch.count] + batch.size.array), on: backend)
        return try self.loss(network.supervisedOutputs(images, in: context), labels)
    }

    /// Ends an interval between validations, and measures the network if there is a validation.
    /// - Returns: False if the validation was interrupted, which leaves the state unchanged.
    private func validate(
        until isAsked: () -> Bool, _ report: (TrainingEvent) throws -> Void
    ) throws -> Bool {
        guard let validation else {
            _ = state.take(dice: nil, options)
            return true
        }
        guard let scores = try validation.measure(network, after: state.iteration, until: isAsked) else { return false }
        // If neither labels nor outputs of the patches have any foreground, the Dice is undefined.
        let isUndefined = options.pseudoDice != nil && scores.mean.isNaN
        guard scores.mean.isFinite || isUndefined else {
            throw InferenceError(
                "the validation after step \(state.iteration) gave \(scores.mean), which is not a valid score")
        }
        let isBest = state.take(dice: isUndefined ? nil : scores.mean, options)
        try report(.validation(ValidationResult(iteration: state.iteration, scores, isBest: isBest)))
        return true
    }
}
