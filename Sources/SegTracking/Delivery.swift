import Foundation
internal import SegCore

/// Sends a journal to a server from the end of the last delivery.
///
/// The position in the journal is stored after the server's acknowledgement. If it is unknown whether a request
/// succeeded, because no answer came or a process died, the server's content is read before anything is sent again.
final class Delivery {
    private let runFolder: String
    private let server: TrackingServer
    private let client: MLflowClient
    private let note: @Sendable (String) -> Void
    private let lock: FileLock
    private var state: DeliveryState
    /// Whether the server may have more events than it acknowledged.
    private var isUncertain = true
    /// Whether damaged lines were reported.
    private var hasNotedDamage = false

    /// - Throws: `TrackingError` if the journal is missing or another process sends it.
    init(
        runFolder: String, server: TrackingServer, timeout: Double, note: @escaping @Sendable (String) -> Void
    ) throws {
        guard FileManager.default.fileExists(atPath: Journal.path(runFolder)) else {
            throw TrackingError.noJournal(path: runFolder)
        }
        self.runFolder = runFolder
        self.server = server
        self.note = note
        client = MLflowClient(HTTPExchange(server, timeout: timeout))
        guard let lock = try FileLock(DeliveryState.lock(runFolder)) else { throw TrackingError.busy(path: runFolder) }
        self.lock = lock
        state = DeliveryState(runFolder: runFolder)
        let size = (try? FileManager.default.attributesOfItem(atPath: Journal.path(runFolder)))?[.size] as? Int
        if state.reaches(beyond: size ?? 0) { state.rewind() }
    }

    /// Sends all events that are not acknowledged and returns their number.
    /// - Throws: `HTTPFault` if the server does not accept them; `TrackingError` for the journal's files.
    func deliver() throws -> Int {
        var sent = 0
        var reader = try JournalReader(runFolder: runFolder, from: state[server]?.offset ?? 0)
        while let batch = try DeliveryBatch(&reader) {
            let run = try self.run()
            do {
                try send(batch, to: run)
            } catch let fault as HTTPFault where fault.code == "RESOURCE_DOES_NOT_EXIST" && fault.status == 404 {
                note("\(server.uri) no longer has run \(run.runID); everything is sent again as a new run")
                state[server] = nil
                try state.write(runFolder: runFolder)
                return try sent + deliver()
            } catch {
                isUncertain = true
                throw error
            }
            isUncertain = false
            sent += batch.events
            state[server] = DeliveryState.Receipt(run: run, offset: batch.end)
            try state.write(runFolder: runFolder)
        }
        if !reader.damaged.isEmpty, !hasNotedDamage {
            hasNotedDamage = true
            note("\(Journal.path(runFolder)): \(Journal.lines(reader.damaged.count)) and not sent")
        }
        return sent
    }

    /// The number of events that are not acknowledged.
    func waiting() throws -> Int {
        var reader = try JournalReader(runFolder: runFolder, from: state[server]?.offset ?? 0)
        var count = 0
        while try reader.next() != nil { count += 1 }
        return count
    }

    /// The run at the server. An earlier request to create the run may have succeeded without an answer.
    private func run() throws -> MLflowClient.Run {
        if let run = state[server]?.run { return run }
        let (key, name, time) = try beginning()
        let experiment = try client.experimentID(server.experiment)
        let found = try client.findRun(key: key, experiment: experiment)
        let run = try found ?? client.createRun(key: key, name: name, time: time, experiment: experiment)
        // A run that was just created is empty.
        isUncertain = found != nil
        state[server] = DeliveryState.Receipt(run: run, offset: 0)
        try state.write(runFolder: runFolder)
        return run
    }

    /// The content of the journal's first line.
    private func beginning() throws -> (key: String, name: String?, time: Int64) {
        var reader = try JournalReader(runFolder: runFolder, from: 0)
        while let entry = try reader.next() {
            if case .begin(let key, let name, let time) = entry.event { return (key, name, time) }
        }
        throw TrackingError.damaged(path: Journal.path(runFolder))
    }

    private func send(_ batch: DeliveryBatch, to run: MLflowClient.Run) throws {
        switch batch.content {
        case .begin: break
        case .data(let items): try send(isUncertain ? try missing(items, run) : items, run)
        case .artifacts(let paths): try upload(paths, behind: batch.end, run)
        case .status(let status, let time):
            try client.update(run, status: status, end: status == .running ? nil : time)
        }
    }

    /// The items that the server does not have; parameters and tags may be sent twice.
    private func missing(_ items: [DeliveryBatch.Item], _ run: MLflowClient.Run) throws -> [DeliveryBatch.Item] {
        var known: [String: Set<MLflowClient.Moment>] = [:]
        return try items.filter { item in
            guard case .metric(let metric) = item else { return true }
            let history = try known[metric.key] ?? client.history(of: metric.key, run: run)
            known[metric.key] = history
            return !history.contains(MLflowClient.Moment(step: metric.step, timestamp: metric.timestamp))
        }
    }

    /// Sends items. If the server refuses their content, the faulty items are found by halving and skipped.
    private func send(_ items: [DeliveryBatch.Item], _ run: MLflowClient.Run) throws {
        guard !items.isEmpty else { return }
        var metrics: [MLflowClient.Metric] = []
        var parameters: [MLflowClient.Pair] = []
        var tags: [MLflowClient.Pair] = []
        for item in items {
            switch item {
            case .metric(let metric): metrics.append(metric)
            case .parameter(let pair): parameters.append(pair)
            case .tag(let pair): tags.append(pair)
            }
        }
        do {
            try client.log(metrics: metrics, parameters: parameters, tags: tags, run: run)
        } catch let fault as HTTPFault where fault.isFinal {
            guard items.count > 1 else {
                note("\(server.uri) refuses \(items[0]): \(fault.message); the entry stays in the journal")
                return
            }
            // The server may have stored a part of the refused request.
            let rest = try missing(items, run)
            try send(Array(rest[..<(rest.count / 2)]), run)
            try send(Array(rest[(rest.count / 2)...]), run)
        }
    }

    /// Uploads the current content of files; a file that the journal names again later is uploaded only then.
    private func upload(_ paths: [String], behind end: Int, _ run: MLflowClient.Run) throws {
        var later: Set<String> = []
        var reader = try JournalReader(runFolder: runFolder, from: end)
        while let entry = try reader.next() {
            if case .artifact(let path) = entry.event { later.insert(path) }
        }
        var done: Set<String> = []
        for path in paths where !later.contains(path) && done.insert(path).inserted {
            let file = URL(fileURLWithPath: runFolder + "/" + path)
            guard let size = (try? FileManager.default.attributesOfItem(atPath: file.path))?[.size] as? Int else {
                note("\(file.path) no longer exists; it is not sent to \(server.uri)")
                continue
            }
            do {
                try client.upload(file, bytes: size, as: path, run: run)
            } catch let fault as HTTPFault where fault.isFinal {
                note("\(server.uri) refuses the file \(path): \(fault.message)")
            }
        }
    }
}
