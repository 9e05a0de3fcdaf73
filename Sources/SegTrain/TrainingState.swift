internal import SegNN

/// The progress of a training run, apart from weights and moments: the state of the loop in a checkpoint.
///
/// The state holds no clock. A run that was stopped and resumed therefore ends with the same state as one that was not.
public struct TrainingState: Hashable, Sendable, Codable {
    /// The number of steps so far.
    public internal(set) var iteration = 0
    /// The number of steps at the last validation; nil before the first.
    public internal(set) var validatedAt: Int?
    /// The moving average of the validation Dice, if one is used; nil before the first.
    public private(set) var smoothedDice: Double?
    /// The best validation Dice, or the best moving average; nil before the first.
    public private(set) var bestDice: Double?
    /// The number of steps at which the best Dice was reached.
    public private(set) var bestIteration: Int?
    /// Whether early stopping has ended the training.
    public private(set) var isStopped = false
    /// Whether the training has ended; nil in checkpoints of versions that did not record it.
    public internal(set) var hasEnded: Bool?
    /// The state of `ReduceLROnPlateau`, whose factor multiplies the learning rate.
    var plateau = PlateauState()
    /// The sum and count of the losses since the last validation.
    private var losses = 0.0
    private var lossCount = 0
    /// The Dice that early stopping compares with, and the number of validations since it rose.
    private var dice: Double?
    private var idle = 0

    /// Creates the state before the first step.
    init() {}

    mutating func take(loss: Double) {
        iteration += 1
        losses += loss
        lossCount += 1
    }

    /// Records the end of an interval between validations, with the Dice if one was measured.
    /// - Returns: Whether the Dice is the best so far. If `dice` is nil: whether no Dice has been measured so far.
    mutating func take(dice: Double?, _ options: TrainingOptions) -> Bool {
        validatedAt = iteration
        if case .plateau(let rule) = options.schedule {
            switch rule.monitor {
            case .dice: if let dice { plateau.take(dice, rule) }
            case .loss: if lossCount > 0 { plateau.take(losses / Double(lossCount), rule) }
            }
        }
        (losses, lossCount) = (0, 0)
        guard let measured = dice else { return bestDice == nil }
        let dice = smoothed(measured, options.pseudoDice)
        if let rule = options.earlyStopping { take(dice, rule) }
        guard bestDice.map({ dice > $0 }) ?? true else { return false }
        (bestDice, bestIteration) = (dice, iteration)
        return true
    }

    /// The moving average after a further Dice, or the Dice itself if no average is used.
    private mutating func smoothed(_ dice: Double, _ rule: TrainingOptions.PseudoDice?) -> Double {
        guard let rule else { return dice }
        let average = smoothedDice.map { rule.smoothing * $0 + (1 - rule.smoothing) * dice } ?? dice
        smoothedDice = average
        return average
    }

    /// Applies early stopping again, because its rule may have changed since.
    mutating func reconsider(_ rule: TrainingOptions.EarlyStopping?) {
        isStopped = rule.map { idle >= $0.patience } ?? false
    }

    private mutating func take(_ dice: Double, _ rule: TrainingOptions.EarlyStopping) {
        if self.dice.map({ dice > $0 + rule.minDelta }) ?? true {
            (self.dice, idle) = (dice, 0)
        } else {
            idle += 1
        }
        isStopped = idle >= rule.patience
    }
}
