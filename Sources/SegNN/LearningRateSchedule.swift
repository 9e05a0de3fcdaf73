internal import Foundation

/// How the learning rate falls over a training, as a factor of its first value.
public enum LearningRateSchedule: Hashable, Sendable {
    /// It does not fall.
    case constant
    /// (1 − t)^power with t from 0 to 1 over the training, where t moves every `interval` iterations; nnU-Net uses 0.9 and
    /// its epochs of 250.
    case polynomial(power: Double, interval: Int)
    /// Half a cosine from 1 to 0. Loshchilov and Hutter 2017, without restarts.
    case cosine
    /// Multiplied by gamma every `size` iterations, `torch.optim.lr_scheduler.StepLR`.
    case step(size: Int, gamma: Double)
    /// Falls when a measured value no longer improves; `PlateauState` holds the factor.
    case plateau(PlateauRule)

    /// The factor at an iteration, `done` of the training (0 to 1) behind it; 1 for `plateau`.
    public func factor(iteration: Int, done: Double) -> Double {
        let t = min(max(done, 0), 1)
        return switch self {
        case .constant, .plateau: 1
        case .polynomial(let power, let interval):
            // The share that was done when this interval began.
            pow(1 - (iteration > 0 ? t * Double(iteration - iteration % interval) / Double(iteration) : t), power)
        case .cosine: (1 + cos(.pi * t)) / 2
        case .step(let size, let gamma): pow(gamma, Double(iteration / size))
        }
    }
}

/// A learning rate that rises in a line before its schedule begins, as in MONAI's `WarmupCosineSchedule`.
public struct WarmUp: Hashable, Sendable {
    /// Iterations before the schedule begins.
    public var iterations: Int
    /// Factor at the first iteration.
    public var start: Double

    /// Makes a warm-up.
    public init(iterations: Int, start: Double) {
        self.iterations = iterations
        self.start = start
    }

    /// The factor of warm-up and schedule at an iteration of a training of so many.
    public func factor(_ schedule: LearningRateSchedule, iteration: Int, of total: Int, done: Double) -> Double {
        guard iteration >= iterations else {
            return start + (1 - start) * Double(iteration) / Double(iterations)
        }
        let share = min(Double(iterations) / Double(max(total, 1)), 1)
        let rest = share < 1 ? (done - share) / (1 - share) : 1
        return schedule.factor(iteration: iteration - iterations, done: rest)
    }
}

/// When the learning rate falls for want of progress, `torch.optim.lr_scheduler.ReduceLROnPlateau`.
public struct PlateauRule: Hashable, Sendable {
    /// What is watched.
    public enum Monitor: String, Hashable, Sendable, CaseIterable {
        /// The mean Dice of the validation cases; larger is better.
        case dice
        /// The mean training loss since the last validation; smaller is better.
        case loss
    }

    /// What is watched.
    public var monitor = Monitor.dice
    /// What the rate is multiplied with.
    public var factor = 0.1
    /// Validations without progress that are borne.
    public var patience = 10
    /// Progress that counts.
    public var threshold = 1e-4
    /// Whether `threshold` is a share of the best value.
    public var isRelative = true
    /// Validations after a fall in which none are counted.
    public var cooldown = 0
    /// The smallest factor.
    public var smallest = 0.0

    /// PyTorch's defaults, to be changed field by field.
    public init() {}

    fileprivate func isBetter(_ value: Double, than best: Double) -> Bool {
        switch monitor {
        case .dice: value > (isRelative ? best * (1 + threshold) : best + threshold)
        case .loss: value < (isRelative ? best * (1 - threshold) : best - threshold)
        }
    }
}

/// Where a rule about plateaus stands.
public struct PlateauState: Hashable, Sendable, Codable {
    /// What the learning rate is multiplied with.
    public private(set) var factor = 1.0
    private var best: Double?
    private var bad = 0
    private var cooldown = 0

    /// Before the first validation.
    public init() {}

    /// Takes a validation's value.
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
