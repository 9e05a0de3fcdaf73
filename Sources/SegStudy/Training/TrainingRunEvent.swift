public import SegTrain

/// An event of a `TrainingRun`, for a program to show.
public enum TrainingRunEvent: Sendable {
    /// The list of cases that is being read.
    public enum Part: String, Sendable {
        /// The training cases.
        case training
        /// The validation cases.
        case validation
        /// The training cases, whose intensities are measured.
        case fingerprint
    }

    /// A remark about the data, the model or the run for the user.
    case remark(String)
    /// A case is about to be read, and prepared or measured; `done` of `count` are finished.
    case reading(Part, name: String, done: Int, count: Int)
    /// All cases of a list are prepared or measured.
    case hasRead(Part, count: Int)
    /// The steps begin. From here on the run can be asked to stop.
    case begins
    /// An optimiser step was taken.
    case step(TrainingStep)
    /// The validation cases were measured.
    case validation(ValidationResult)
    /// No further step follows; the results of the run are written next.
    case ended
}

/// The outcome of a `TrainingRun`.
public struct TrainingOutcome: Sendable {
    /// The reason why no further step followed. After `.asked` the run can resume from its checkpoint.
    public let end: TrainingEnd
    /// The number of steps, including those before a resume.
    public let steps: Int
    /// The seconds until the last step, including those before a resume.
    public let seconds: Double
    /// The best mean Dice of the validations, on the network's grid; nil if nothing was validated.
    public let bestDice: Double?
    /// The share of the time since the last resume during which training waited for data.
    public let shareWaited: Double
    /// The maximum number of bytes that tensors occupied at one time.
    public let peakBytes: Int
    /// The use of each rank's time since the last resume.
    public let rankTimes: [RankTime]
}
