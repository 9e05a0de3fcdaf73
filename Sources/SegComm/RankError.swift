public import SegCore

/// The reason why several ranks cannot work together, with the remedy, in one paragraph.
public struct RankError: CodedError, Hashable, CustomStringConvertible {
    /// The fault, what was expected, and the remedy.
    public let description: String
    /// The exit code of a program that ends with this error.
    public let exitStatus: ExitStatus
    /// Whether every rank throws the same error, so only one rank needs to print it.
    public let isShared: Bool

    /// Creates an error.
    public init(_ exitStatus: ExitStatus, isShared: Bool = false, _ description: String) {
        self.exitStatus = exitStatus
        self.isShared = isShared
        self.description = description
    }
}
