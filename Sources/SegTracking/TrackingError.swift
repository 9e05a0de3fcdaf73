public import SegCore

/// Faults of a run's journal, of a server, or of a server's answers.
public enum TrackingError: Error, Sendable, CustomStringConvertible {
    /// A journal that is not there.
    case noJournal(path: String)
    /// A journal without the line that begins a run.
    case damaged(path: String)
    /// A journal that another process is sending.
    case busy(path: String)
    /// A server's address, or its credentials, that cannot be used.
    case invalidServer(String)
    /// A server that did not take what was sent.
    case notDelivered(String)

    /// One sentence: what was expected, what came, what to do.
    public var description: String {
        switch self {
        case .noJournal(let path):
            "\(path): there is no journal of a run here; name the run folder that `medseg train --out` wrote."
        case .damaged(let path):
            "\(path): the line that begins the run is damaged or missing; go on with the run by `medseg train --resume`, "
                + "which writes another, or restore the file from a copy."
        case .busy(let path):
            "\(path): a running training or another sync is sending this journal; wait for it to end."
        case .invalidServer(let reason), .notDelivered(let reason):
            reason
        }
    }
}

extension TrackingError: CodedError {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus {
        switch self {
        case .noJournal: .noInput
        case .damaged: .badData
        case .invalidServer: .usage
        case .busy, .notDelivered: .unavailable
        }
    }
}
