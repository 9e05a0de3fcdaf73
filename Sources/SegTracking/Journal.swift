import Foundation
public import SegCore

/// The log of a run: a file in the run's folder `tracking` that only grows, with one event per line.
///
/// An event is written to the journal before anything else happens to it, therefore neither a fault of a server nor the
/// end of the process can lose it. A metric of a step is written once: a resumed run that repeats steps writes nothing
/// for steps that the journal has.
public final class Journal {
    /// The run folder.
    public let runFolder: String
    /// Whether the journal already contained the beginning of a run.
    public let isContinued: Bool
    private let file: GrowingFile
    private var steps: [String: IndexSet] = [:]
    private let encoder = JSONEncoder()

    /// Opens the journal of a run folder, or creates one.
    ///
    /// Lines that are not events, for example after a power failure, are moved to `journal.jsonl.damaged`.
    /// - Parameter note: Called with a sentence if lines are moved.
    /// - Throws: `DataError` if the journal cannot be read or written; `TrackingError.busy` if it is damaged and
    ///   another process is sending it.
    public init(runFolder: String, note: (String) -> Void) throws {
        self.runFolder = runFolder
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let path = Self.path(runFolder)
        try DurableFile.makeFolder(Self.folder(runFolder))
        DurableFile.removeLeftovers(in: Self.folder(runFolder))
        DurableFile.syncFolder(of: Self.folder(runFolder))
        // Creates the file if it is missing.
        _ = try GrowingFile(path)
        var reader = try JournalReader(runFolder: runFolder, from: 0)
        var hasBegun = false
        while let entry = try reader.next() {
            switch entry.event {
            case .begin: hasBegun = true
            case .metrics(let values, let step, _):
                for key in values.keys { steps[key, default: []].insert(step) }
            default: break
            }
        }
        isContinued = hasBegun
        try Self.repair(runFolder, reader, note)
        file = try GrowingFile(path)
    }

    /// Removes the journal of a run folder and the files beside it, for a new run.
    /// - Throws: `TrackingError.busy` if another process is sending the journal; `DataError` if the files cannot be
    ///   removed.
    public static func remove(runFolder: String) throws {
        let folder = folder(runFolder)
        guard FileManager.default.fileExists(atPath: folder) else { return }
        guard let lock = try FileLock(DeliveryState.lock(runFolder)) else { throw TrackingError.busy(path: runFolder) }
        try withExtendedLifetime(lock) {
            do {
                try FileManager.default.removeItem(atPath: folder)
            } catch {
                throw DataError(.cannotWrite, folder, "cannot be removed: \(error.systemReason)")
            }
        }
    }

    /// Appends an event; metrics only for new steps.
    /// - Throws: `DataError` naming the journal.
    public func append(_ event: TrackingEvent) throws {
        guard let fresh = onlyNew(event) else { return }
        try file.append(encoder.encode(fresh))
    }

    /// The number of steps, from step 1, for which a metric has no value.
    func missing(_ metric: String, through step: Int) -> Int {
        step - (steps[metric]?.count(in: 1..<step + 1) ?? 0)
    }

    /// Waits until every event is on the disk.
    /// - Throws: `DataError` naming the journal.
    public func sync() throws(DataError) { try file.sync() }

    private func onlyNew(_ event: TrackingEvent) -> TrackingEvent? {
        guard case .metrics(let values, let step, let time) = event else { return event }
        let fresh = values.filter { key, _ in steps[key]?.contains(step) != true }
        for key in fresh.keys { steps[key, default: []].insert(step) }
        return fresh.isEmpty ? nil : .metrics(fresh, step: step, time: time)
    }

    /// Removes lines that are not events from the journal.
    private static func repair(_ runFolder: String, _ read: JournalReader, _ note: (String) -> Void) throws {
        let path = path(runFolder)
        let bytes = Array(try RegularFile.contents(of: path))
        let bad = read.damaged + (read.end < bytes.count ? [read.end..<bytes.count] : [])
        var state = DeliveryState(runFolder: runFolder)
        guard !bad.isEmpty || state.reaches(beyond: bytes.count) else { return }
        guard let lock = try FileLock(DeliveryState.lock(runFolder)) else { throw TrackingError.busy(path: runFolder) }
        try withExtendedLifetime(lock) {
            // Offsets in the journal change, therefore the content of each server must be read again.
            state.rewind()
            try state.write(runFolder: runFolder)
            guard !bad.isEmpty else { return }
            let aside = try GrowingFile.putAside(bad.flatMap { bytes[$0] }, of: path)
            var good: [UInt8] = []
            var place = 0
            for range in bad {
                good += bytes[place..<range.lowerBound]
                place = range.upperBound
            }
            try DurableFile.write(good + bytes[place...], to: path)
            note("\(path): \(Self.lines(bad.count)), moved to \(aside); the run continues without them")
        }
    }

    /// `2 lines are damaged`.
    static func lines(_ count: Int) -> String { count == 1 ? "1 line is damaged" : "\(count) lines are damaged" }

    static func folder(_ runFolder: String) -> String { runFolder + "/tracking" }
    static func path(_ runFolder: String) -> String { folder(runFolder) + "/journal.jsonl" }
}
