public import SegTrain

/// What a `TrainingRun` tells while it goes on, for a program to show.
public enum TrainingRunEvent: Sendable {
    /// The list of cases that is being read.
    public enum Part: String, Sendable {
        /// Cases that are trained on.
        case training
        /// Cases that are set aside.
        case validation
    }

    /// A sentence on the data, the model or the run that a user may want to know.
    case remark(String)
    /// A case is read and prepared next; `done` of `count` are.
    case reading(Part, name: String, done: Int, count: Int)
    /// All cases of a list are prepared.
    case hasRead(Part, count: Int)
    /// The steps begin. From here on the run can be asked to stop.
    case begins
    /// An optimiser step was taken.
    case step(TrainingStep)
    /// The validation cases were measured.
    case validation(ValidationResult)
    /// No further step is taken; what the run leaves is written next.
    case ended
}

/// How a `TrainingRun` ended.
public struct TrainingOutcome: Sendable {
    /// Why no further step was taken. After `.asked` the run can go on from its checkpoint.
    public let end: TrainingEnd
    /// Steps taken, those before a resume included.
    public let steps: Int
    /// Seconds until the last step, those before a resume included.
    public let seconds: Double
    /// The best mean Dice of the validations, on the network's grid; nil where nothing was validated.
    public let bestDice: Double?
    /// The share of the time, since the training was last resumed, that it has waited for data.
    public let shareWaited: Double
    /// The most bytes that tensors took at a time.
    public let peakBytes: Int
    /// What each rank did with its time since the training was last resumed.
    public let rankTimes: [RankTime]
}
