public import SegCore

/// Why several ranks cannot work together, in one paragraph that says what to do.
public struct RankError: CodedError, Hashable, CustomStringConvertible {
    /// What is wrong, what was expected and what to do.
    public let description: String
    /// The exit code of a program that ends with this error.
    public let exitStatus: ExitStatus
    /// Whether every rank throws the same, so that one of them need say it.
    public let isShared: Bool

    /// Describes a fault.
    public init(_ exitStatus: ExitStatus, isShared: Bool = false, _ description: String) {
        self.exitStatus = exitStatus
        self.isShared = isShared
        self.description = description
    }
}
