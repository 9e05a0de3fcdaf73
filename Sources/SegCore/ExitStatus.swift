/// The exit codes of every program, with the numbers of sysexits.h and of shells.
public enum ExitStatus: Int32, Sendable {
    /// Arguments that are not valid.
    case usage = 64
    /// Input whose content cannot be used.
    case badData = 65
    /// Input that is missing or cannot be opened.
    case noInput = 66
    /// A device, a library or a server that is missing, or a run folder that another process uses.
    case unavailable = 69
    /// An internal failure, or a request for more memory than is available.
    case software = 70
    /// A file that cannot be written, or a port that is in use.
    case inputOutput = 74
    /// Ended by SIGINT: 128 plus the number of the signal.
    case interrupted = 130
    /// Ended by SIGTERM: 128 plus the number of the signal.
    case terminated = 143

    /// The exit code of an error of this package; nil for any other error, such as one of the argument parser.
    public init?(of error: any Error) {
        guard let coded = error as? any CodedError else { return nil }
        self = coded.exitStatus
    }
}

/// An error that decides a program's exit code.
public protocol CodedError: Error {
    /// The exit code of a program that ends with this error.
    var exitStatus: ExitStatus { get }
}
