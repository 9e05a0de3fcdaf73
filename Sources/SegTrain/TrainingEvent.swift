/// What a training reports while it runs.
public enum TrainingEvent: Sendable {
    /// An optimiser step was taken.
    case iteration(TrainingStep)
    /// An interval between validations has ended: it is time to keep the network as it is. A checkpoint was asked for
    /// before.
    case model(iteration: Int)
    /// The validation cases were measured.
    case validation(ValidationResult)
    /// After this many steps it is time to keep `Trainer.checkpoint(data:)`.
    case checkpoint(iteration: Int)
}

/// One optimiser step.
public struct TrainingStep: Sendable {
    /// Steps taken.
    public let iteration: Int
    /// The loss before the step.
    public let loss: Double
    /// The learning rate of the step.
    public let learningRate: Double
    /// Seconds since the training began, those before a resume included.
    public let seconds: Double
    /// Seconds the rest is expected to take.
    public let remaining: Double

    /// Describes a step.
    public init(iteration: Int, loss: Double, learningRate: Double, seconds: Double, remaining: Double) {
        self.iteration = iteration
        self.loss = loss
        self.learningRate = learningRate
        self.seconds = seconds
        self.remaining = remaining
    }
}

/// Dice of the validation cases, on the network's grid.
public struct ValidationResult: Sendable {
    /// Steps taken.
    public let iteration: Int
    /// What was measured.
    public let scores: ValidationScores
    /// Whether it is the best so far.
    public let isBest: Bool

    /// Describes a validation.
    public init(iteration: Int, _ scores: ValidationScores, isBest: Bool) {
        self.iteration = iteration
        self.scores = scores
        self.isBest = isBest
    }
}

/// Why a training came to its end.
public enum TrainingEnd: Hashable, Sendable {
    /// All iterations, or all minutes, are done.
    case completed
    /// The validation Dice no longer rose.
    case noProgress
    /// It was asked to stop.
    case asked
}
