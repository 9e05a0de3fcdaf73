public import SegCore

/// A prediction that cannot be made; says why and what to do.
public struct InferenceError: Error, Sendable, CustomStringConvertible {
    /// The sentence for people.
    public let description: String

    /// Makes an error.
    public init(_ description: String) { self.description = description }
}

extension InferenceError: CodedError {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus { .badData }
}
