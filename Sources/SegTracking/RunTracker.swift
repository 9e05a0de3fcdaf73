import Foundation

/// Logs a run: what is logged stands in the run folder's journal at once, and a server has it as soon as it can.
///
/// The run never waits for the server: a thread of its own sends the journal, and whatever the server does, slow answers,
/// errors, silence, absence, stays there. What was not delivered is sent by `TrackingSync` later.
public final class RunTracker {
    /// Whether the journal went on from an earlier start of the same run.
    public let isContinued: Bool
    private let journal: Journal
    private let sender: BackgroundSender?

    /// How a server is dealt with.
    public struct Limits: Sendable {
        /// Seconds until an answer is given up.
        public var timeout = 10.0
        /// Seconds that `finish` goes on trying while the server takes nothing.
        public var patience = 10.0

        /// Ten seconds each.
        public init() {}
    }

    /// Opens the journal of a run folder, or begins one, and starts to send it where there is a server.
    /// - Parameter note: Called, on another thread too, with what a user should know of the server.
    /// - Throws: `DataError` or `TrackingError` where the journal cannot be read or written.
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

    /// Logs constants of the run; values beyond MLflow's 6000 characters are cut.
    /// - Throws: `DataError` naming the journal.
    public func log(parameters: [String: String]) throws {
        for part in Self.parts(parameters, of: 50) { try journal.append(.parameters(Self.cut(part, to: 6000))) }
    }

    /// Logs numbers at a step; those that the journal has for that step are left out.
    /// - Throws: `DataError` naming the journal.
    public func log(metrics: [String: Double], step: Int) throws {
        let time = Self.now
        for part in Self.parts(metrics, of: 200) { try journal.append(.metrics(part, step: step, time: time)) }
    }

    /// Logs remarks; values beyond MLflow's 8000 characters are cut.
    /// - Throws: `DataError` naming the journal.
    public func log(tags: [String: String]) throws {
        for part in Self.parts(tags, of: 50) { try journal.append(.tags(Self.cut(part, to: 8000))) }
    }

    /// Logs a file, or every file of a folder, by its path from the run folder; it is sent as it then is.
    /// - Throws: `DataError` naming the journal.
    public func log(artifact path: String) throws {
        for file in Self.files(path, in: journal.runFolder) { try journal.append(.artifact(path: file)) }
    }

    /// The number of steps from 1 on for which the journal has no value of a metric.
    public func missing(_ metric: String, through step: Int) -> Int {
        journal.missing(trackingName(metric), through: step)
    }

    /// Waits until all that was logged is on the disk.
    /// - Throws: `DataError` naming the journal.
    public func sync() throws { try journal.sync() }

    /// Logs how the run ended, gives the server its time and returns the number of events that it did not take; nil
    /// where there is no server.
    /// - Throws: `DataError` naming the journal.
    public func finish(_ status: RunStatus) throws -> Int? {
        try journal.append(.status(status, time: Self.now))
        try journal.sync()
        return sender?.finish()
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    /// Entries in parts that a request has place for, under names that MLflow takes.
    private static func parts<Value>(_ entries: [String: Value], of size: Int) -> [[String: Value]] {
        let all = entries.sorted { $0.key < $1.key }.map { (trackingName($0.key), $0.value) }
        return stride(from: 0, to: all.count, by: size).map { start in
            Dictionary(all[start..<min(start + size, all.count)]) { first, _ in first }
        }
    }

    private static func cut(_ entries: [String: String], to length: Int) -> [String: String] {
        entries.mapValues { $0.count > length ? String($0.prefix(length - 1)) + "…" : $0 }
    }

    /// The files at a path, by their paths from the run folder; hidden ones and those not there are left out.
    private static func files(_ path: String, in folder: String) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder + "/" + path, isDirectory: &isFolder) else { return [] }
        guard isFolder.boolValue else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + path)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted().flatMap { files(path + "/" + $0, in: folder) }
    }
}

/// A name as MLflow takes it: letters, digits, `_-. :/` and no odd path parts; anything else becomes its code point.
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
