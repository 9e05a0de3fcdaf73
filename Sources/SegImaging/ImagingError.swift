/// What is wrong with a file, a volume or an argument, in one sentence that says what to do.
public struct ImagingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Whose fault it is, which decides a program's exit code.
    public enum Kind: Hashable, Sendable {
        /// A file that is not there or cannot be opened.
        case noInput
        /// A file or volume whose content cannot be used.
        case badData
        /// An argument that makes no sense.
        case badArgument
        /// Writing failed.
        case cannotWrite
    }

    /// Whose fault it is.
    public var kind: Kind
    /// The file, volume or argument it is about.
    public var subject: String
    /// What was expected, what came and what to do.
    public var message: String

    /// Makes an error about a file, volume or argument.
    public init(_ kind: Kind, _ subject: String, _ message: String) {
        self.kind = kind
        self.subject = subject
        self.message = message
    }

    /// `FILE: what is wrong and what to do`.
    public var description: String { "\(subject): \(message)" }
}
