import SegCore

/// Arguments that make no sense together.
struct UsageError: CodedError, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    var exitStatus: ExitStatus { .usage }
}

/// Several inputs of which some failed, each with an error that was printed.
struct PartialFailure: CodedError, CustomStringConvertible {
    /// The first error, which decides the exit code.
    let cause: any Error
    let description: String

    init(cause: any Error, _ description: String) {
        self.cause = cause
        self.description = description
    }

    var exitStatus: ExitStatus { ExitStatus(of: cause) ?? .software }
}
