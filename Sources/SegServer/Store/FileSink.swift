internal import Foundation
internal import HTTPTypes
internal import NIOCore
internal import NIOPosix
internal import SegCore

/// A file that grows as an upload arrives, and goes away unless it is kept.
///
/// Bytes are written by NIO's file threads, so that a slow disk holds up the upload alone, and are counted against the
/// server's budget as they come.
final class FileSink {
    let path: String
    private(set) var count = 0
    private let budget: ByteBudget
    private var descriptor: Int32
    private var pending: [UInt8] = []
    private var isKept = false

    private static let chunk = 64 << 10

    /// Makes a new file that only this user reads.
    /// - Throws: `Refusal` where that fails.
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

    /// Takes bytes.
    /// - Throws: `Refusal` where the server's budget or the disk is full.
    func write(_ bytes: some Collection<UInt8>) async throws {
        pending.append(contentsOf: bytes)
        if pending.count >= Self.chunk { try await flush() }
    }

    /// Writes what is pending. Nothing more comes, so that the file need not be open.
    func finish() async throws {
        try await flush()
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Finishes the file, which then stays, and its bytes stay counted.
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
