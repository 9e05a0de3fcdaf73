import Foundation
public import SegCore

/// What can be wrong with a journal of a run, with the name of a server, or with what a server says.
public enum TrackingError: Error, Sendable, CustomStringConvertible {
    /// A journal that is not there.
    case noJournal(path: String)
    /// A journal that cannot be read as one.
    case damaged(path: String, offset: Int)
    /// A file of the journal that cannot be written.
    case cannotWrite(path: String, reason: String)
    /// A journal that another process is sending.
    case busy(path: String)
    /// A server's address, or its credentials, that cannot be used.
    case invalidServer(String)
    /// A server that did not take what was sent.
    case notDelivered(String)

    /// One sentence: what was expected, what came, what to do.
    public var description: String {
        switch self {
        case .noJournal(let path):
            "\(path): there is no journal of a run here; name the run folder that `medseg train --out` wrote."
        case .damaged(let path, let offset):
            "\(path): the line at byte \(offset) is no entry of a journal; restore the file from a copy."
        case .cannotWrite(let path, let reason):
            "\(path): cannot be written: \(reason)"
        case .busy(let path):
            "\(path): a running training or another sync is sending this journal; wait for it to end."
        case .invalidServer(let reason), .notDelivered(let reason):
            reason
        }
    }
}

extension TrackingError {
    /// A file that cannot be written, with the system's own words for why, such as "No space left on device".
    static func cannotWrite(_ path: String, _ error: any Error) -> TrackingError {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
        let cause = (underlying ?? error) as NSError
        let isSystem = cause.domain == NSPOSIXErrorDomain
        return .cannotWrite(
            path: path, reason: isSystem ? String(cString: strerror(Int32(cause.code))) : error.localizedDescription)
    }
}

extension TrackingError: CodedError {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus {
        switch self {
        case .noJournal: .noInput
        case .damaged: .badData
        case .invalidServer: .usage
        case .busy, .notDelivered: .unavailable
        case .cannotWrite: .inputOutput
        }
    }
}
