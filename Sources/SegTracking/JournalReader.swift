import Foundation
internal import SegCore

/// Reads the complete lines of a journal from an offset, while another thread may write to it.
struct JournalReader {
    /// An event and the offset of the next one.
    struct Entry {
        let event: TrackingEvent
        let end: Int
    }

    private let handle: FileHandle
    private let decoder = JSONDecoder()
    private var buffer: [UInt8] = []
    /// The start of the next line in the buffer, and the position up to which no line end was found.
    private var (start, searched) = (0, 0)
    private var ahead: Entry?
    /// The offset of the first byte after the lines that were read.
    private(set) var end: Int
    /// The byte ranges of lines that were read but are not events.
    private(set) var damaged: [Range<Int>] = []

    init(runFolder: String, from offset: Int) throws {
        end = offset
        guard let handle = FileHandle(forReadingAtPath: Journal.path(runFolder)) else {
            throw TrackingError.noJournal(path: runFolder)
        }
        self.handle = handle
        try handle.seek(toOffset: UInt64(offset))
    }

    /// The next event; nil if there is no further complete line. Damaged lines are skipped.
    mutating func next() throws -> Entry? {
        let entry = try peek()
        ahead = nil
        return entry
    }

    /// The next event, without advancing.
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
