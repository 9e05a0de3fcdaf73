public import SegCore

/// The errors in making or writing a figure.
public enum ReportError: Error, Equatable, CustomStringConvertible {
    /// The file extension is neither png nor svg.
    case unknownFormat(path: String)
    /// The file could not be written.
    case unwritable(path: String, reason: String)
    /// The label maps and the image do not fit each other, or the image is not stored as RAS.
    case invalidInput(String)

    /// A sentence with the value found, the value expected and the remedy.
    public var description: String {
        switch self {
        case .unknownFormat(let path):
            "\(path): figures are written as .png or .svg; give the file one of these extensions."
        case .unwritable(let path, let reason):
            "\(path): the figure could not be written (\(reason)); check that the folder exists and is writable."
        case .invalidInput(let reason):
            reason
        }
    }
}

extension ReportError: CodedError {
    /// The exit code of a program that stops with this error.
    public var exitStatus: ExitStatus {
        switch self {
        case .unknownFormat: .usage
        case .unwritable: .inputOutput
        case .invalidInput: .badData
        }
    }
}
