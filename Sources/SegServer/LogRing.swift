internal import Foundation
internal import Logging
internal import Synchronization

/// The last log lines, for clients that read the log over the network.
final class LogRing: Sendable {
    private let lines = Mutex<[String]>([])
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    func append(_ line: String) {
        lines.withLock { lines in
            lines.append(line)
            // Removing the lines one by one would move the whole array for each line.
            if lines.count > 2 * capacity { lines.removeFirst(capacity) }
        }
    }

    /// The last lines, the newest last.
    func last(_ count: Int) -> [String] { lines.withLock { Array($0.suffix(max(0, min(count, capacity)))) } }
}

/// Writes log lines to standard error and to the ring.
struct ServerLog: LogHandler {
    let ring: LogRing
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(ring: LogRing) { self.ring = ring }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let notes = metadata.merging(event.metadata ?? [:]) { $1 }
        let text = notes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let line =
            ([Date().ISO8601Format(), event.level.rawValue, "\(event.message)"] + text).joined(separator: " ")
        ring.append(line)
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}
