/// An event that a training run reports.
public enum TrainingEvent: Sendable {
    /// An optimiser step was taken.
    case iteration(TrainingStep)
    /// An interval between validations has ended, and the current network should be saved. A checkpoint was requested
    /// before.
    case model(iteration: Int)
    /// The validation cases were measured.
    case validation(ValidationResult)
    /// `Trainer.checkpoint(data:)` should be saved after this number of steps.
    case checkpoint(iteration: Int)
}

/// One optimiser step.
public struct TrainingStep: Sendable {
    /// The number of steps so far.
    public let iteration: Int
    /// The loss before the step.
    public let loss: Double
    /// The learning rate of the step.
    public let learningRate: Double
    /// The number of seconds since the training began, including those before a resume.
    public let seconds: Double
    /// The expected number of seconds until the end.
    public let remaining: Double

    /// Creates the description of a step.
    public init(iteration: Int, loss: Double, learningRate: Double, seconds: Double, remaining: Double) {
        self.iteration = iteration
        self.loss = loss
        self.learningRate = learningRate
        self.seconds = seconds
        self.remaining = remaining
    }
}

/// The Dice of the validation cases, on the network's grid.
public struct ValidationResult: Sendable {
    /// The number of steps so far.
    public let iteration: Int
    /// The scores of the validation.
    public let scores: ValidationScores
    /// Whether the validation is the best so far.
    public let isBest: Bool

    /// Creates the description of a validation.
    public init(iteration: Int, _ scores: ValidationScores, isBest: Bool) {
        self.iteration = iteration
        self.scores = scores
        self.isBest = isBest
    }
}

/// The reason why a training run ended.
public enum TrainingEnd: Hashable, Sendable {
    /// All iterations, or all minutes, are done.
    case completed
    /// The validation Dice no longer rose.
    case noProgress
    /// The training was asked to stop.
    case asked
}
