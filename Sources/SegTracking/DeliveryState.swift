import Foundation
internal import SegCore

/// The progress of a journal's delivery per server: the file `sent.json` beside the journal.
struct DeliveryState: Codable {
    /// The state of one server.
    struct Receipt: Codable {
        /// The run at the server.
        var run: MLflowClient.Run
        /// The offset of the first event that the server has not acknowledged.
        var offset: Int
    }

    /// The receipts by server and experiment.
    private var receipts: [String: Receipt] = [:]

    subscript(server: TrackingServer) -> Receipt? {
        get { receipts[Self.name(server)] }
        set { receipts[Self.name(server)] = newValue }
    }

    private static func name(_ server: TrackingServer) -> String { server.uri + " " + server.experiment }

    /// Reads the state of a run folder. If the file is missing or unreadable, nothing counts as delivered; the only
    /// cost is that the server's content is read.
    init(runFolder: String) {
        let data = FileManager.default.contents(atPath: Self.path(runFolder)) ?? Data()
        if let state = try? JSONDecoder().decode(DeliveryState.self, from: data) { self = state }
    }

    func write(runFolder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try DurableFile.write(encoder.encode(self), to: Self.path(runFolder))
    }

    /// Whether an offset is beyond the journal's end, for example after a power failure that truncated the journal.
    func reaches(beyond end: Int) -> Bool { receipts.values.contains { !(0...end).contains($0.offset) } }

    /// Marks every event as possibly undelivered.
    mutating func rewind() {
        for name in receipts.keys { receipts[name]?.offset = 0 }
    }

    /// The lock file; only its holder may send the journal.
    static func lock(_ runFolder: String) -> String { Journal.folder(runFolder) + "/lock" }

    private static func path(_ runFolder: String) -> String { Journal.folder(runFolder) + "/sent.json" }
}
