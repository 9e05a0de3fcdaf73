import SegCore

/// An error for arguments that are invalid or do not fit together.
struct UsageError: CodedError, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    var exitStatus: ExitStatus { .usage }
}

/// An error for several inputs of which some failed; the error of each failed input was printed.
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
