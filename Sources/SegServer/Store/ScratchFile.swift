internal import Foundation
internal import SegCore
internal import Synchronization

/// A file that is made for one answer, and goes with the last that holds it.
final class ScratchFile: Sendable {
    let path: String
    private let budget: ByteBudget
    private let bytes = Mutex(0)

    /// Names a file that is not there yet.
    init(_ ending: String, in scratch: Scratch) {
        path = "\(scratch.folder)/label-\(Scratch.makeID())\(ending)"
        budget = scratch.budget
    }

    deinit {
        unlink(path)
        budget.release(bytes.withLock { $0 })
    }

    /// Counts the file's bytes once it is written.
    /// - Throws: `Refusal` where the server holds all that it may.
    func count() throws {
        let size = Scratch.size(of: path)
        try budget.reserve(size)
        bytes.withLock { $0 += size }
    }
}
