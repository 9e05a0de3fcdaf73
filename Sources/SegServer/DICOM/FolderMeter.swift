internal import Foundation
internal import Synchronization

/// Counts the bytes of a growing folder against the server's budget.
final class FolderMeter: Sendable {
    private let folder: String
    private let budget: ByteBudget
    /// The counted bytes; nil once the folder is removed.
    private let counted = Mutex<Int?>(0)

    init(_ folder: String, budget: ByteBudget) {
        self.folder = folder
        self.budget = budget
    }

    /// Counts new bytes.
    /// - Throws: `Refusal` if the server's budget is used up.
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
    /// - Returns: The counted bytes, which the caller must release when it removes the folder.
    func end() -> Int {
        counted.withLock { counted in
            defer { counted = nil }
            return counted ?? 0
        }
    }
}
