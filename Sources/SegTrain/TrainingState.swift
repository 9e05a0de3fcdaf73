internal import SegNN

/// Where a training stands, apart from weights and moments: what a checkpoint keeps of the loop.
///
/// It holds no clock, so that a run that was stopped and resumed ends with the same state as one that was not.
public struct TrainingState: Hashable, Sendable, Codable {
    /// Steps taken.
    public internal(set) var iteration = 0
    /// Steps taken at the last validation; nil before the first.
    public internal(set) var validatedAt: Int?
    /// The moving average of the validation Dice, where one is taken; nil before the first.
    public private(set) var smoothedDice: Double?
    /// The best validation Dice, or the best moving average; nil before the first.
    public private(set) var bestDice: Double?
    /// Steps taken when it was reached.
    public private(set) var bestIteration: Int?
    /// Whether early stopping has ended the training.
    public private(set) var isStopped = false
    /// Whether the training has come to its end; nil in checkpoints of versions that did not say.
    public internal(set) var hasEnded: Bool?
    /// What the learning rate is multiplied with for want of progress.
    var plateau = PlateauState()
    /// Sum and count of the losses since the last validation.
    private var losses = 0.0
    private var lossCount = 0
    /// What early stopping compares with, and the validations since it rose.
    private var dice: Double?
    private var idle = 0

    /// Before the first step.
    init() {}

    mutating func take(loss: Double) {
        iteration += 1
        losses += loss
        lossCount += 1
    }

    /// Takes the end of an interval between validations, with the Dice where one was measured.
    /// - Returns: Whether the Dice is the best so far; without one, whether none was measured before.
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

    /// The moving average with a further Dice, or the Dice itself where none is taken.
    private mutating func smoothed(_ dice: Double, _ rule: TrainingOptions.PseudoDice?) -> Double {
        guard let rule else { return dice }
        let average = smoothedDice.map { rule.smoothing * $0 + (1 - rule.smoothing) * dice } ?? dice
        smoothedDice = average
        return average
    }

    /// Asks early stopping again, whose rule may have changed since.
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
