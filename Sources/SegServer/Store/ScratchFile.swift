internal import Foundation
internal import SegCore
internal import Synchronization

/// A file for one response, deleted with its last reference.
final class ScratchFile: Sendable {
    let path: String
    private let budget: ByteBudget
    private let bytes = Mutex(0)

    /// Chooses the name of a file that does not exist yet.
    init(_ ending: String, in scratch: Scratch) {
        path = "\(scratch.folder)/label-\(Scratch.makeID())\(ending)"
        budget = scratch.budget
    }

    deinit {
        unlink(path)
        budget.release(bytes.withLock { $0 })
    }

    /// Counts the file's bytes after it is written.
    /// - Throws: `Refusal` if the server's budget is used up.
    func count() throws {
        let size = Scratch.size(of: path)
        try budget.reserve(size)
        bytes.withLock { $0 += size }
    }
}
