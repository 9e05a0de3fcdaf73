import Foundation

/// Everything that was logged of a run: a file that only grows, one event a line, in the folder `tracking` of the run.
///
/// An event is in the journal before anything else happens to it, so that neither a server nor a kill can lose it. A
/// metric of a step stands in it once: a run that is resumed and repeats steps writes nothing for those it has.
public final class Journal {
    /// The run folder.
    public let runFolder: String
    /// Whether the journal held a run already.
    public let isContinued: Bool
    private let handle: FileHandle
    private let path: String
    private var lastStep: [String: Int] = [:]
    private let encoder = JSONEncoder()

    /// Opens the journal of a run folder, or begins one.
    ///
    /// What a kill left of a last line is cut off.
    /// - Throws: `TrackingError` where the journal cannot be read or written.
    public init(runFolder: String) throws {
        self.runFolder = runFolder
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        path = Self.path(runFolder)
        do {
            try FileManager.default.createDirectory(
                atPath: Self.folder(runFolder), withIntermediateDirectories: true)
            if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
            handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        } catch {
            throw TrackingError.cannotWrite(path, error)
        }
        var reader = try JournalReader(runFolder: runFolder, from: 0)
        var any = false
        while let entry = try reader.next() {
            any = true
            guard case .metrics(let values, let step, _) = entry.event else { continue }
            for key in values.keys { lastStep[key] = max(lastStep[key] ?? step, step) }
        }
        isContinued = any
        do {
            try handle.truncate(atOffset: UInt64(reader.offset))
            try handle.seekToEnd()
        } catch {
            throw TrackingError.cannotWrite(path, error)
        }
    }

    deinit { try? handle.close() }

    /// Adds an event; of metrics only those of steps that are new.
    /// - Throws: `TrackingError.cannotWrite`.
    public func append(_ event: TrackingEvent) throws {
        guard let fresh = onlyNew(event) else { return }
        do {
            try handle.write(contentsOf: try encoder.encode(fresh) + [UInt8(ascii: "\n")])
        } catch {
            throw TrackingError.cannotWrite(path, error)
        }
    }

    private func onlyNew(_ event: TrackingEvent) -> TrackingEvent? {
        guard case .metrics(let values, let step, let time) = event else { return event }
        let fresh = values.filter { key, _ in lastStep[key].map { step > $0 } ?? true }
        for key in fresh.keys { lastStep[key] = step }
        return fresh.isEmpty ? nil : .metrics(fresh, step: step, time: time)
    }

    static func folder(_ runFolder: String) -> String { runFolder + "/tracking" }
    static func path(_ runFolder: String) -> String { folder(runFolder) + "/journal.jsonl" }
}

/// Reads a journal's whole lines from a place on, while another thread may be writing it.
struct JournalReader {
    /// An event and where the next one begins.
    struct Entry {
        let event: TrackingEvent
        let end: Int
    }

    private let path: String
    private let handle: FileHandle
    private var buffer = Data()
    private let decoder = JSONDecoder()
    private var ahead: Entry?
    /// Where the first line begins that was not returned yet.
    private(set) var offset: Int

    init(runFolder: String, from offset: Int) throws {
        path = Journal.path(runFolder)
        self.offset = offset
        guard let handle = FileHandle(forReadingAtPath: path) else { throw TrackingError.noJournal(path: runFolder) }
        self.handle = handle
        try handle.seek(toOffset: UInt64(offset))
    }

    /// The next event; nil where no whole line is left.
    mutating func next() throws -> Entry? {
        let entry = try peek()
        ahead = nil
        if let entry { offset = entry.end }
        return entry
    }

    /// The next event, left where it is.
    mutating func peek() throws -> Entry? {
        if let ahead { return ahead }
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let text = buffer[..<end]
                guard let event = try? decoder.decode(TrackingEvent.self, from: text) else {
                    throw TrackingError.damaged(path: path, offset: offset)
                }
                ahead = Entry(event: event, end: offset + text.count + 1)
                buffer = buffer[(end + 1)...]
                return ahead
            }
            guard let more = try handle.read(upToCount: 1 << 16), !more.isEmpty else { return nil }
            // A copy, so that indices start at 0 again and what was read is let go.
            buffer = Data(buffer) + more
        }
    }
}
