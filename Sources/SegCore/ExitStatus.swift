/// Exit codes of every program, as sysexits.h and shells number them.
public enum ExitStatus: Int32, Sendable {
    /// Arguments that make no sense.
    case usage = 64
    /// Input whose content cannot be used.
    case badData = 65
    /// Input that is not there or cannot be opened.
    case noInput = 66
    /// A device, a library or a server that is not there, or a run folder that another process uses.
    case unavailable = 69
    /// A failure inside, or more memory asked for than there is.
    case software = 70
    /// A file that cannot be written, or a port that is taken.
    case inputOutput = 74
    /// Ended by SIGINT: 128 and the number of the signal.
    case interrupted = 130
    /// Ended by SIGTERM: 128 and the number of the signal.
    case terminated = 143

    /// The code of an error of this package; nil for any other, such as the argument parser's own.
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
