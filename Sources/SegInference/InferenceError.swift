public import SegCore

/// An error of a prediction: the reason, and what to do.
public struct InferenceError: Error, Sendable, CustomStringConvertible {
    /// The message for the user.
    public let description: String

    /// Creates an error with a message.
    public init(_ description: String) { self.description = description }
}

extension InferenceError: CodedError {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus { .badData }
}
