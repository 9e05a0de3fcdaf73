public import SegCore

/// Faults of a run's journal, of a server, or of a server's answers.
public enum TrackingError: Error, Sendable, CustomStringConvertible {
    /// The journal is missing.
    case noJournal(path: String)
    /// The journal lacks the line that begins a run.
    case damaged(path: String)
    /// Another process is sending the journal.
    case busy(path: String)
    /// A server's address is not valid, or contains credentials.
    case invalidServer(String)
    /// A server did not accept a run's events.
    case notDelivered(String)

    /// One sentence with the fault and the remedy.
    public var description: String {
        switch self {
        case .noJournal(let path):
            "\(path): there is no journal of a run here; give the run folder that `medseg train --out` wrote."
        case .damaged(let path):
            "\(path): the line that begins the run is damaged or missing; continue the run with `medseg train --resume`, "
                + "which writes a new one, or restore the file from a copy."
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
