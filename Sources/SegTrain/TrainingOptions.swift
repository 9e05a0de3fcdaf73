internal import SegCore
public import SegNN

/// The options of the steps of a training run, independent of its network, data and loss.
public struct TrainingOptions: Hashable, Sendable {
    /// The seed of initial weights, patches, augmentation and dropout.
    public var seed: UInt32 = 0
    /// The optimiser of the loss.
    public var optimizer = OptimizerKind.adam()
    /// The initial learning rate.
    public var learningRate: Double
    /// The decay of the learning rate.
    public var schedule = LearningRateSchedule.constant
    /// The warm-up of the learning rate before its decay; nil for none.
    public var warmUp: WarmUp?
    /// The factors of the learning rate for parts of the network, by the prefix of their parameters' names.
    public var rateFactors: [String: Double] = [:]
    /// The parts of the network that are not trained, by the prefixes of their parameters' names. They stay frozen after
    /// the training too.
    public var frozen: [String] = []
    /// The maximum norm of all gradients together; larger gradients are scaled down. `torch.nn.utils.clip_grad_norm_`.
    public var clipNorm: Double?
    /// The share of the old moving average of the weights that each step keeps, such as 0.999; nil for no average. If there is
    /// an average, it is validated and saved as the model, and the steps continue from the weights themselves.
    /// `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`.
    public var ema: Double?
    /// The number of batches whose gradients make one step.
    public var accumulation = 1
    /// Whether activations are computed again in the backward pass, to save memory.
    public var recomputes = false
    /// The number of optimiser steps.
    public var iterations: Int
    /// The number of minutes after which the training stops earlier; the schedule then ends with the time.
    public var minutes: Double?
    /// The number of iterations between validations.
    public var validateEvery: Int
    /// The number of iterations between checkpoints, from which a stopped training continues.
    public var checkpointEvery: Int
    /// The validation by patches instead of whole scans; nil for whole scans.
    public var pseudoDice: PseudoDice?
    /// The rule that ends a training without progress; nil for none.
    public var earlyStopping: EarlyStopping?

    /// A validation by patches of the validation cases, with one Dice over all patches; nnU-Net's pseudo Dice. The best
    /// network is the one with the highest moving average.
    public struct PseudoDice: Hashable, Sendable {
        /// The number of batches of a validation, drawn as in training.
        public var batches: Int
        /// The share of the old moving average that each validation keeps.
        public var smoothing: Double

        /// Creates a validation with nnU-Net's 50 batches and a smoothing of 0.9 by default.
        public init(batches: Int = 50, smoothing: Double = 0.9) {
            self.batches = batches
            self.smoothing = smoothing
        }
    }

    /// The rule that ends a training whose validation Dice no longer rises.
    public struct EarlyStopping: Hashable, Sendable {
        /// The number of validations in a row without progress that end the training.
        public var patience: Int
        /// The smallest rise of the Dice that counts as progress.
        public var minDelta: Double

        /// Creates a rule that ends a training after `patience` validations without progress.
        public init(patience: Int, minDelta: Double = 0) {
            self.patience = patience
            self.minDelta = minDelta
        }
    }

    /// Creates options with Adam, a constant learning rate, and a validation after each tenth of the steps.
    public init(iterations: Int, learningRate: Double = 1e-4) {
        self.iterations = iterations
        self.learningRate = learningRate
        validateEvery = Self.defaultInterval(iterations)
        checkpointEvery = min(validateEvery, 100)
    }

    /// Refuses options that no training can have.
    /// - Parameter isValidated: Whether there is a validation between steps.
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
        // The average is computed in 32 bits, in which a share just below 1 is 1.
        if let ema, !(ema >= 0 && Float(ema) < 1) {
            throw DataError(
                .badArgument, source, key: "ema",
                "should be a share from 0 to below 1, also after rounding to 32 bits, such as 0.999, not \(ema)")
        }
        if let rule = pseudoDice, rule.batches < 1 || !(0..<1).contains(rule.smoothing) {
            throw DataError(
                .badArgument, source, key: "pseudo_dice",
                "should have at least one batch and a smoothing of at least 0 and below 1, not \(rule.batches) and "
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

    /// The default number of iterations between validations.
    static func defaultInterval(_ iterations: Int) -> Int { max(1, iterations / 10) }
}
