internal import SegNN

/// Where a training stands, apart from weights and moments: what a checkpoint keeps of the loop.
///
/// It holds no clock, so that a run that was stopped and resumed ends with the same state as one that was not.
public struct TrainingState: Hashable, Sendable, Codable {
    /// Steps taken.
    public internal(set) var iteration = 0
    /// Steps taken at the last validation; nil before the first.
    public internal(set) var validatedAt: Int?
    /// The best validation Dice; nil before the first.
    public private(set) var bestDice: Double?
    /// Steps taken when it was reached.
    public private(set) var bestIteration: Int?
    /// Whether early stopping has ended the training.
    public private(set) var isStopped = false
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

    /// Takes the end of an interval between validations, with the Dice where cases are set aside.
    /// - Returns: Whether the Dice is the best so far.
    mutating func take(dice: Double?, _ options: TrainingOptions) -> Bool {
        validatedAt = iteration
        if case .plateau(let rule) = options.schedule {
            switch rule.monitor {
            case .dice: if let dice { plateau.take(dice, rule) }
            case .loss: if lossCount > 0 { plateau.take(losses / Double(lossCount), rule) }
            }
        }
        (losses, lossCount) = (0, 0)
        guard let dice else { return false }
        if let rule = options.earlyStopping { take(dice, rule) }
        guard bestDice.map({ dice > $0 }) ?? true else { return false }
        (bestDice, bestIteration) = (dice, iteration)
        return true
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
