import Foundation
internal import SegCore

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
        try DurableFile.write(encoder.encode(self), to: Self.path(runFolder))
    }

    /// Whether a place lies outside a journal, as after a power cut that took its end.
    func reaches(beyond end: Int) -> Bool { receipts.values.contains { !(0...end).contains($0.offset) } }

    /// Takes every event for one that may not have been delivered.
    mutating func rewind() {
        for name in receipts.keys { receipts[name]?.offset = 0 }
    }

    /// The file whose holder alone sends the journal.
    static func lock(_ runFolder: String) -> String { Journal.folder(runFolder) + "/lock" }

    private static func path(_ runFolder: String) -> String { Journal.folder(runFolder) + "/sent.json" }
}
