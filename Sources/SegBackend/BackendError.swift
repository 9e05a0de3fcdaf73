public import SegCore

/// An error of a backend; every case contains the request and the reason for the error.
public enum BackendError: Error, Sendable {
    /// The pool cannot grow enough for an array; `purpose` is the use of the array.
    case outOfMemory(backend: String, requested: Int, held: Int, limit: Int?, purpose: String?)
    /// The device has no kernel for an op.
    case notSupported(backend: String, op: String, reason: String)
    /// No device has the name; the hint names software that may be missing on the machine.
    case noSuchDevice(name: String, available: [String], hint: String?)
    /// A driver or library call failed.
    case failed(backend: String, operation: String, reason: String)
}

extension BackendError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String {
        switch self {
        case .outOfMemory(let backend, let requested, let held, let limit, let purpose):
            let cap = limit.map { " of at most \($0 >> 20) MiB" } ?? ""
            let what = purpose.map { " for \($0)" } ?? ""
            return
                "\(backend): out of memory: \(requested >> 10) KiB more were asked for\(what) while \(held >> 20) MiB\(cap) "
                + "are in use; use a smaller batch, window or network, or allow more memory (--max-memory)."
        case .notSupported(let backend, let op, let reason):
            return "\(backend) does not support \(op): \(reason)."
        case .noSuchDevice(let name, let available, let hint):
            return "there is no device '\(name)'; available: \(available.joined(separator: ", "))"
                + (hint.map { "; \($0)." } ?? ".")
        case .failed(let backend, let operation, let reason):
            return "\(backend): \(operation) failed: \(reason)."
        }
    }
}

extension BackendError: CodedError {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus {
        if case .noSuchDevice = self { .unavailable } else { .software }
    }
}
