import Foundation
internal import SegCore

/// Reads a journal's whole lines from a place on, while another thread may be writing it.
struct JournalReader {
    /// An event and where the next one begins.
    struct Entry {
        let event: TrackingEvent
        let end: Int
    }

    private let handle: FileHandle
    private let decoder = JSONDecoder()
    private var buffer: [UInt8] = []
    /// Where in the buffer the next line begins, and up to where no line ends.
    private var (start, searched) = (0, 0)
    private var ahead: Entry?
    /// Where the first byte lies that belongs to no line that was read.
    private(set) var end: Int
    /// Where the lines lie that were read and are no events.
    private(set) var damaged: [Range<Int>] = []

    init(runFolder: String, from offset: Int) throws {
        end = offset
        guard let handle = FileHandle(forReadingAtPath: Journal.path(runFolder)) else {
            throw TrackingError.noJournal(path: runFolder)
        }
        self.handle = handle
        try handle.seek(toOffset: UInt64(offset))
    }

    /// The next event; nil where no whole line is left. Damaged lines are passed over.
    mutating func next() throws -> Entry? {
        let entry = try peek()
        ahead = nil
        return entry
    }

    /// The next event, left where it is.
    mutating func peek() throws -> Entry? {
        if let ahead { return ahead }
        while let line = try nextLine() {
            let begin = end
            end += line.count + 1
            if let event = try? decoder.decode(TrackingEvent.self, from: Data(line)) {
                ahead = Entry(event: event, end: end)
                return ahead
            }
            damaged.append(begin..<end)
        }
        return nil
    }

    private mutating func nextLine() throws -> ArraySlice<UInt8>? {
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { (start, searched) = (end + 1, end + 1) }
                return buffer[start..<end]
            }
            buffer.removeFirst(start)
            (start, searched) = (0, buffer.count)
            guard let more = try handle.read(upToCount: 1 << 16), !more.isEmpty else { return nil }
            buffer += more
        }
    }
}
