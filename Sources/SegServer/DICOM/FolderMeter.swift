internal import Foundation
internal import Synchronization

/// Counts what a folder holds against the server's budget while it grows.
final class FolderMeter: Sendable {
    private let folder: String
    private let budget: ByteBudget
    /// Bytes that are counted; nil once the folder is gone.
    private let counted = Mutex<Int?>(0)

    init(_ folder: String, budget: ByteBudget) {
        self.folder = folder
        self.budget = budget
    }

    /// Counts what has come.
    /// - Throws: `Refusal` where the server holds all that it may.
    func count() throws {
        try counted.withLock { counted in
            guard let before = counted else { return }
            let names = FileManager.default.enumerator(atPath: folder)
            let now = names?.reduce(0) { sum, name in sum + Scratch.size(of: "\(folder)/\(name)") } ?? 0
            try budget.reserve(now - before)
            counted = now
        }
    }

    /// Ends the counting.
    /// - Returns: The bytes that are counted, which whoever removes the folder gives back.
    func end() -> Int {
        counted.withLock { counted in
            defer { counted = nil }
            return counted ?? 0
        }
    }
}
