internal import SegTracking

/// Journals of runs.
enum JournalInput {
    /// A journal that opens accepts an event and opens again.
    static func opening(_ input: [UInt8], _ folder: FuzzFolder) throws {
        try folder.clear()
        // The journal creates its folder and does not expose its own path.
        _ = try takingBack("an empty journal") { try Journal(runFolder: folder.path, note: { _ in }) }
        _ = try folder.write(input, as: "tracking/journal.jsonl")
        let isWritten = try isDone {
            try Journal(runFolder: folder.path, note: { _ in }).append(.begin(key: "fuzzed", name: "fuzzed", time: 0))
        }
        guard isWritten else { return }
        let again = try takingBack("an event") { try Journal(runFolder: folder.path, note: { _ in }) }
        try insist(again.isContinued, "an event that was added to a journal is not in it")
    }
}
