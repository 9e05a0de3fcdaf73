import Foundation

/// How far a journal was delivered to which server: the file `sent.json` beside it.
struct DeliveryState: Codable {
    /// What one server has.
    struct Receipt: Codable {
        /// The run at the server.
        var run: MLflowClient.Run
        /// Where the first event begins that it has not acknowledged.
        var offset: Int
    }

    /// By server and experiment.
    private var receipts: [String: Receipt] = [:]

    subscript(server: TrackingServer) -> Receipt? {
        get { receipts[Self.name(server)] }
        set { receipts[Self.name(server)] = newValue }
    }

    private static func name(_ server: TrackingServer) -> String { server.uri + " " + server.experiment }

    /// Reads the state of a run folder; an absent or unreadable one means that nothing is known to be delivered, which
    /// costs reading back and nothing else.
    init(runFolder: String) {
        let data = FileManager.default.contents(atPath: Self.path(runFolder)) ?? Data()
        if let state = try? JSONDecoder().decode(DeliveryState.self, from: data) { self = state }
    }

    func write(runFolder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try encoder.encode(self).write(to: URL(fileURLWithPath: Self.path(runFolder)), options: .atomic)
        } catch {
            throw TrackingError.cannotWrite(Self.path(runFolder), error)
        }
    }

    private static func path(_ runFolder: String) -> String { Journal.folder(runFolder) + "/sent.json" }
}

/// Keeps two processes from sending one journal at a time; held until the value goes.
final class DeliveryLock {
    private let descriptor: Int32

    init(runFolder: String) throws {
        let path = Journal.folder(runFolder) + "/lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw TrackingError.cannotWrite(path: path, reason: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw TrackingError.busy(path: runFolder)
        }
    }

    deinit { close(descriptor) }
}
