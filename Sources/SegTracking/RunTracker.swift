import Foundation

/// Logs a run: events are written to the run folder's journal immediately, and are sent to a server as soon as possible.
///
/// The run never waits for the server. A separate thread sends the journal, and slow answers, errors or silence of the
/// server affect only that thread. `TrackingSync` sends later what was not delivered.
public final class RunTracker {
    /// Whether the journal continues an earlier start of the same run.
    public let isContinued: Bool
    private let journal: Journal
    private let sender: BackgroundSender?

    /// The time limits for a server.
    public struct Limits: Sendable {
        /// Seconds until a request fails without an answer.
        public var timeout = 10.0
        /// Seconds for which `finish` retries while the server accepts nothing.
        public var patience = 10.0

        /// Creates limits of ten seconds each.
        public init() {}
    }

    /// Opens or creates the journal of a run folder, and starts to send it if there is a server.
    /// - Parameter note: Called, also on another thread, with messages about the server for the user.
    /// - Throws: `DataError` or `TrackingError` if the journal cannot be read or written.
    public init(
        runFolder: String, name: String?, server: TrackingServer?, limits: Limits = Limits(),
        note: @escaping @Sendable (String) -> Void
    ) throws {
        journal = try Journal(runFolder: runFolder, note: note)
        isContinued = journal.isContinued
        if isContinued {
            try journal.append(.status(.running, time: Self.now))
        } else {
            let key = UUID().uuidString.lowercased()
            try journal.append(.begin(key: key, name: name, time: Self.now))
        }
        sender = try server.map {
            try BackgroundSender(
                runFolder: runFolder, server: $0, timeout: limits.timeout, patience: limits.patience, note: note)
        }
    }

    /// Logs constants of the run; values are cut to MLflow's 6000 characters.
    /// - Throws: `DataError` naming the journal.
    public func log(parameters: [String: String]) throws {
        for part in Self.parts(parameters, of: 50) { try journal.append(.parameters(Self.cut(part, to: 6000))) }
    }

    /// Logs metrics of a step; metrics that the journal already has for that step are left out.
    /// - Throws: `DataError` naming the journal.
    public func log(metrics: [String: Double], step: Int) throws {
        let time = Self.now
        for part in Self.parts(metrics, of: 200) { try journal.append(.metrics(part, step: step, time: time)) }
    }

    /// Logs tags; values are cut to MLflow's 8000 characters.
    /// - Throws: `DataError` naming the journal.
    public func log(tags: [String: String]) throws {
        for part in Self.parts(tags, of: 50) { try journal.append(.tags(Self.cut(part, to: 8000))) }
    }

    /// Logs a file, or every file of a folder, by its path from the run folder. The file's content is read when it is
    /// sent.
    /// - Throws: `DataError` naming the journal.
    public func log(artifact path: String) throws {
        for file in Self.files(path, in: journal.runFolder) { try journal.append(.artifact(path: file)) }
    }

    /// The number of steps, from step 1, for which the journal has no value of a metric.
    public func missing(_ metric: String, through step: Int) -> Int {
        journal.missing(trackingName(metric), through: step)
    }

    /// Waits until everything that was logged is on the disk.
    /// - Throws: `DataError` naming the journal.
    public func sync() throws { try journal.sync() }

    /// Logs the final state of the run, gives the server time to accept the remaining events, and returns the number of
    /// events that the server did not accept; nil if there is no server.
    /// - Throws: `DataError` naming the journal.
    public func finish(_ status: RunStatus) throws -> Int? {
        try journal.append(.status(status, time: Self.now))
        try journal.sync()
        return sender?.finish()
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    /// The entries in parts that fit a request, with names that are valid in MLflow.
    private static func parts<Value>(_ entries: [String: Value], of size: Int) -> [[String: Value]] {
        let all = entries.sorted { $0.key < $1.key }.map { (trackingName($0.key), $0.value) }
        return stride(from: 0, to: all.count, by: size).map { start in
            Dictionary(all[start..<min(start + size, all.count)]) { first, _ in first }
        }
    }

    private static func cut(_ entries: [String: String], to length: Int) -> [String: String] {
        entries.mapValues { $0.count > length ? String($0.prefix(length - 1)) + "…" : $0 }
    }

    /// The files at a path, by their paths from the run folder; hidden and missing files are left out.
    private static func files(_ path: String, in folder: String) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder + "/" + path, isDirectory: &isFolder) else { return [] }
        guard isFolder.boolValue else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + path)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted().flatMap { files(path + "/" + $0, in: folder) }
    }
}

/// A valid MLflow name: letters, digits, `_-. :/` and no `.` or `..` as a path part; other characters become code
/// points.
func trackingName(_ name: String) -> String {
    let parts = name.split(separator: "/").map { part -> String in
        let text = part.unicodeScalars.map { scalar in
            let isTaken =
                scalar.isASCII
                ? scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                    || "_-. :".unicodeScalars.contains(scalar)
                : false
            return isTaken ? String(scalar) : "_" + String(scalar.value, radix: 16) + "_"
        }.joined()
        return text == "." || text == ".." ? text.replacingOccurrences(of: ".", with: "_2e_") : text
    }
    let joined = parts.isEmpty ? "_" : parts.joined(separator: "/")
    return String(joined.prefix(250))
}
