internal import Foundation

extension Error {
    /// The system's message for a file operation that failed, such as "No space left on device".
    public var systemReason: String {
        let underlying = (self as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
        let cause = (underlying ?? self) as NSError
        return cause.domain == NSPOSIXErrorDomain ? String(cString: strerror(Int32(cause.code))) : localizedDescription
    }
}
