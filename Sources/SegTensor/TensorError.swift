public import SegCore

/// The error of a call that cannot be computed, found before anything runs.
public struct TensorError: Error, Sendable, CustomStringConvertible {
    /// The op or layer that was called.
    public let op: String
    /// The expected and the actual values.
    public let message: String

    /// Creates an error of an op.
    public init(op: String, _ message: String) {
        self.op = op
        self.message = message
    }

    /// The op and the message, such as `conv3d: input has 3 channels, but the weight expects 1`.
    public var description: String { "\(op): \(message)" }
}

/// Throws a `TensorError` of an op if a condition does not hold.
func require(_ condition: Bool, _ op: String, _ message: @autoclosure () -> String) throws {
    guard condition else { throw TensorError(op: op, message()) }
}

extension TensorError: CodedError {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus { .software }
}
