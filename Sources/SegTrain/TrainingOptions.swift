internal import SegCore
public import SegNN

/// How a training takes its steps, whatever network, data and loss it has.
public struct TrainingOptions: Hashable, Sendable {
    /// Decides initial weights, patches, augmentation and dropout.
    public var seed: UInt32 = 0
    /// What minimises the loss.
    public var optimizer = OptimizerKind.adam()
    /// The first learning rate.
    public var learningRate: Double
    /// How it falls.
    public var schedule = LearningRateSchedule.constant
    /// How it rises before that; nil for not at all.
    public var warmUp: WarmUp?
    /// What the learning rate of a part of the network is multiplied by, by the beginning of its parameters' names.
    public var rateFactors: [String: Double] = [:]
    /// Parts of the network that are not trained, by the beginnings of their parameters' names. The network keeps them
    /// frozen after the training too.
    public var frozen: [String] = []
    /// The greatest length of all gradients together; longer ones are shortened. `torch.nn.utils.clip_grad_norm_`.
    public var clipNorm: Double?
    /// The share of a moving average of the weights that each step keeps, such as 0.999; nil for no average. Where there is one, its
    /// weights are measured and kept as models, and the training itself goes on from its own.
    /// `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`.
    public var ema: Double?
    /// Batches whose gradients make one step.
    public var accumulation = 1
    /// Whether activations are computed again on the way back, to save memory.
    public var recomputes = false
    /// Optimiser steps.
    public var iterations: Int
    /// Stops earlier when this many minutes have passed; the schedule then ends with the time.
    public var minutes: Double?
    /// Iterations between validations.
    public var validateEvery: Int
    /// Iterations between checkpoints that a stopped training goes on from.
    public var checkpointEvery: Int
    /// Validates by patches in place of whole scans; nil for whole scans.
    public var pseudoDice: PseudoDice?
    /// When the training ends for want of progress; nil for never.
    public var earlyStopping: EarlyStopping?

    /// A validation by patches of the cases that are set aside, all of them taken as one; nnU-Net's pseudo Dice. The best
    /// network is that of the highest moving average.
    public struct PseudoDice: Hashable, Sendable {
        /// Batches of a validation, drawn as those of the training.
        public var batches: Int
        /// How much of the moving average each validation keeps.
        public var smoothing: Double

        /// nnU-Net's 50 batches and 0.9.
        public init(batches: Int = 50, smoothing: Double = 0.9) {
            self.batches = batches
            self.smoothing = smoothing
        }
    }

    /// Ends a training whose validation Dice no longer rises.
    public struct EarlyStopping: Hashable, Sendable {
        /// Validations in a row that may bring nothing.
        public var patience: Int
        /// How far the Dice must rise to count.
        public var minDelta: Double

        /// Ends a training after so many validations that brought nothing.
        public init(patience: Int, minDelta: Double = 0) {
            self.patience = patience
            self.minDelta = minDelta
        }
    }

    /// Adam's steps of one learning rate, with a validation after each tenth of them.
    public init(iterations: Int, learningRate: Double = 1e-4) {
        self.iterations = iterations
        self.learningRate = learningRate
        validateEvery = Self.defaultInterval(iterations)
        checkpointEvery = min(validateEvery, 100)
    }

    /// Refuses what no training can do.
    /// - Parameter isValidated: Whether anything is measured between steps.
    /// - Throws: `DataError` naming the option.
    func check(isValidated: Bool, source: String) throws(DataError) {
        let counts = [
            ("iterations", iterations), ("validate_every", validateEvery), ("checkpoint_every", checkpointEvery),
            ("accumulate", accumulation),
        ]
        for (key, count) in counts where count < 1 {
            throw DataError(.badArgument, source, key: key, "should be at least 1, not \(count)")
        }
        guard learningRate > 0, learningRate.isFinite else {
            throw DataError(
                .badArgument, source, key: "optimizer.learning_rate",
                "should be positive and finite, not \(learningRate)")
        }
        if let ema, !(0..<1).contains(ema) {
            throw DataError(
                .badArgument, source, key: "ema", "should be a share from 0 to below 1, such as 0.999, not \(ema)")
        }
        if let rule = pseudoDice, rule.batches < 1 || !(0..<1).contains(rule.smoothing) {
            throw DataError(
                .badArgument, source, key: "pseudo_dice",
                "should have at least one of batches and a smoothing of at least 0 and below 1, not \(rule.batches) and "
                    + "\(rule.smoothing)")
        }
        guard !isValidated else { return }
        if pseudoDice != nil {
            throw DataError(
                .badData, source, key: "pseudo_dice",
                "takes patches of the validation cases, but validation sets none aside")
        }
        if earlyStopping != nil {
            throw DataError(
                .badData, source, key: "early_stopping",
                "watches the validation cases, but validation sets none aside")
        }
        if case .plateau(let rule) = schedule, rule.monitor == .dice {
            throw DataError(
                .badData, source, key: "schedule.monitor",
                "dice watches the validation cases, but validation sets none aside; use loss")
        }
    }

    /// Iterations between validations where nothing is said.
    static func defaultInterval(_ iterations: Int) -> Int { max(1, iterations / 10) }
}
