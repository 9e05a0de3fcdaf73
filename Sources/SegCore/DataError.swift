/// A file, a value or an argument that cannot be used, in one message that also gives the remedy.
public struct DataError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of fault, which decides a program's exit code.
    public enum Kind: Hashable, Sendable {
        /// The file is missing or cannot be opened.
        case noInput
        /// The content cannot be used.
        case badData
        /// An argument is not valid.
        case badArgument
        /// A file cannot be written.
        case cannotWrite
        /// The work would take more memory than is available.
        case tooLarge
        /// A library that the work needs is not installed.
        case unavailable
    }

    /// The kind of fault.
    public var kind: Kind
    /// The file, value or argument that the error is about.
    public var subject: String
    /// The key path in a document, such as `network_def.channels`; nil if the whole subject is meant.
    public var key: String?
    /// The message: the expected and the actual value, and the remedy.
    public var message: String

    /// Creates an error about a file, a value or an argument.
    public init(_ kind: Kind, _ subject: String, key: String? = nil, _ message: String) {
        self.kind = kind
        self.subject = subject
        self.key = key
        self.message = message
    }

    /// The subject, the key and the message: `model.json: network_def.strides: should be a list, not 2`.
    public var description: String { "\(subject): " + (key.map { "\($0): " } ?? "") + message }
}

extension DataError: CodedError {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus {
        switch kind {
        case .noInput: .noInput
        case .badData: .badData
        case .badArgument: .usage
        case .cannotWrite: .inputOutput
        case .tooLarge: .software
        case .unavailable: .unavailable
        }
    }
}
