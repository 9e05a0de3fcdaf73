internal import Foundation
internal import HTTPTypes
internal import NIOCore
internal import NIOPosix
internal import SegCore

/// A file that grows as an upload arrives, and that is deleted unless it is kept.
///
/// Bytes are written by NIO's file threads, therefore a slow disk delays only the upload. They count against the
/// server's budget as they arrive.
final class FileSink {
    let path: String
    /// The client's name for the file of a form. It gives the order of a case's channels and is neither a path nor logged.
    var clientName: String?
    private(set) var count = 0
    private let budget: ByteBudget
    private var descriptor: Int32
    private var pending: [UInt8] = []
    private var isKept = false

    private static let chunk = 64 << 10

    /// Creates a new file that only this user can read.
    /// - Throws: `Refusal` if that fails.
    init(path: String, budget: ByteBudget) throws {
        self.path = path
        self.budget = budget
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failed() }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        guard !isKept else { return }
        unlink(path)
        budget.release(count)
    }

    /// Appends bytes.
    /// - Throws: `Refusal` if the server's budget or the disk is full.
    func write(_ bytes: some Collection<UInt8>) async throws {
        pending.append(contentsOf: bytes)
        if pending.count >= Self.chunk { try await flush() }
    }

    /// Writes pending bytes and closes the file.
    func finish() async throws {
        try await flush()
        // A form may have thousands of files; their buffers would stay until the form's last byte.
        pending = []
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Finishes the file and keeps it; its bytes stay counted.
    func keep() async throws {
        try await finish()
        isKept = true
    }

    private func flush() async throws {
        guard !pending.isEmpty else { return }
        let bytes = pending
        pending.removeAll(keepingCapacity: true)
        try budget.reserve(bytes.count)
        count += bytes.count
        let descriptor = descriptor
        try await NIOThreadPool.singleton.runIfActive {
            guard bytes.withUnsafeBytes({ DurableFile.writeAll($0, to: descriptor) }) else { throw Self.failed() }
        }
    }

    private static func failed() -> Refusal {
        Refusal(.serverIsFull, "the upload cannot be stored: \(String(cString: strerror(errno)))")
    }
}
