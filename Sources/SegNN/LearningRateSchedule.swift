internal import Foundation

/// How the learning rate falls over a training, as a factor of its first value.
public enum LearningRateSchedule: Hashable, Sendable {
    /// It does not fall.
    case constant
    /// (1 − t)^power with t from 0 to 1 over the training; nnU-Net uses 0.9.
    case polynomial(power: Double)
    /// Half a cosine from 1 to 0. Loshchilov and Hutter 2017, without restarts.
    case cosine
    /// Multiplied by gamma every `size` iterations, `torch.optim.lr_scheduler.StepLR`.
    case step(size: Int, gamma: Double)

    /// The factor at an iteration, `done` of the training (0 to 1) behind it.
    public func factor(iteration: Int, done: Double) -> Double {
        let t = min(max(done, 0), 1)
        return switch self {
        case .constant: 1
        case .polynomial(let power): pow(1 - t, power)
        case .cosine: (1 + cos(.pi * t)) / 2
        case .step(let size, let gamma): pow(gamma, Double(iteration / size))
        }
    }
}
