internal import Foundation

/// The course of the learning rate over a training run, as a factor of its initial value.
public enum LearningRateSchedule: Hashable, Sendable {
    /// A constant learning rate.
    case constant
    /// (1 − t)^power, where t goes from 0 to 1 over the training run and changes every `interval` iterations; nnU-Net
    /// uses 0.9 and its epochs of 250 iterations.
    case polynomial(power: Double, interval: Int)
    /// Half a cosine from 1 to 0. Loshchilov and Hutter 2017, without restarts.
    case cosine
    /// Multiplied by gamma every `size` iterations, `torch.optim.lr_scheduler.StepLR`.
    case step(size: Int, gamma: Double)
    /// A decrease when a measured value no longer improves; `PlateauState` holds the factor.
    case plateau(PlateauRule)

    /// Returns the factor at an iteration, when a share `done` (0 to 1) of the training run is complete; 1 for `plateau`.
    public func factor(iteration: Int, done: Double) -> Double {
        let t = min(max(done, 0), 1)
        return switch self {
        case .constant, .plateau: 1
        case .polynomial(let power, let interval):
            // The share that was complete when this interval began.
            pow(1 - (iteration > 0 ? t * Double(iteration - iteration % interval) / Double(iteration) : t), power)
        case .cosine: (1 + cos(.pi * t)) / 2
        case .step(let size, let gamma): pow(gamma, Double(iteration / size))
        }
    }
}

/// A linear increase of the learning rate before its schedule begins, as in MONAI's `WarmupCosineSchedule`.
public struct WarmUp: Hashable, Sendable {
    /// The number of iterations before the schedule begins.
    public var iterations: Int
    /// The factor at the first iteration.
    public var start: Double

    /// Creates a warm-up.
    public init(iterations: Int, start: Double) {
        self.iterations = iterations
        self.start = start
    }

    /// Returns the factor of the learning rate at an iteration, from the warm-up and the schedule together. The training
    /// run has `total` iterations.
    public func factor(_ schedule: LearningRateSchedule, iteration: Int, of total: Int, done: Double) -> Double {
        guard iteration >= iterations else {
            return start + (1 - start) * Double(iteration) / Double(iterations)
        }
        let share = min(Double(iterations) / Double(max(total, 1)), 1)
        let rest = share < 1 ? (done - share) / (1 - share) : 1
        return schedule.factor(iteration: iteration - iterations, done: rest)
    }
}

/// The rule that lowers the learning rate when progress stops, `torch.optim.lr_scheduler.ReduceLROnPlateau`.
public struct PlateauRule: Hashable, Sendable {
    /// A value to monitor.
    public enum Monitor: String, Hashable, Sendable, CaseIterable {
        /// The mean Dice of the validation cases; larger is better.
        case dice
        /// The mean training loss since the last validation; smaller is better.
        case loss
    }

    /// The monitored value.
    public var monitor = Monitor.dice
    /// The factor by which each decrease multiplies the learning rate.
    public var factor = 0.1
    /// The number of validations without progress that are tolerated.
    public var patience = 10
    /// The minimum change that counts as progress.
    public var threshold = 1e-4
    /// Whether `threshold` is relative to the best value.
    public var isRelative = true
    /// The number of validations after a decrease in which a lack of progress is not counted (PyTorch's `cooldown`).
    public var cooldown = 0
    /// The smallest value of `PlateauState.factor`, at which the decreases end.
    public var smallest = 0.0

    /// Creates a rule with PyTorch's defaults, whose fields can then be changed.
    public init() {}

    fileprivate func isBetter(_ value: Double, than best: Double) -> Bool {
        switch monitor {
        case .dice: value > (isRelative ? best * (1 + threshold) : best + threshold)
        case .loss: value < (isRelative ? best * (1 - threshold) : best - threshold)
        }
    }
}

/// The state of a plateau rule.
public struct PlateauState: Hashable, Sendable, Codable {
    /// The factor of the initial learning rate: the product of all decreases so far.
    public private(set) var factor = 1.0
    private var best: Double?
    private var bad = 0
    private var cooldown = 0

    /// Creates the state before the first validation.
    public init() {}

    /// Updates the state with the value of a validation.
    public mutating func take(_ value: Double, _ rule: PlateauRule) {
        let isBetter = best.map { rule.isBetter(value, than: $0) } ?? true
        if isBetter { best = value }
        bad = isBetter ? 0 : bad + 1
        if cooldown > 0 {
            cooldown -= 1
            bad = 0
        }
        guard bad > rule.patience else { return }
        factor = min(factor, max(factor * rule.factor, rule.smallest))
        cooldown = rule.cooldown
        bad = 0
    }
}
