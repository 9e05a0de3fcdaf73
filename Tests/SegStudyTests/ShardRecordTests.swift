import Foundation
import SegCore
import SegInference
import SegStudy
import Synchronization
import Testing

final class ShardRecordTests {
    private let folder = NSTemporaryDirectory() + "medseg-\(UUID().uuidString)"
    private var scan: String { "\(folder)/Mustermann_Max.nii.gz" }
    private var model: String { "\(folder)/model.safetensors" }
    private var out: String { "\(folder)/out" }

    init() throws {
        try OutputFolder.write("a scan", to: scan)
        try OutputFolder.write("weights", to: model)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func work(_ arguments: [String] = ["scans", "--model", "m"]) throws -> ShardRecord.Work {
        try ShardRecord.Work(
            arguments: arguments, model: [model], scans: [PredictionFiles(input: scan, folder: out)], folder: out)
    }

    private func refuses(_ words: String, _ work: ShardRecord.Work) throws {
        let error = try #require(throws: DataError.self) {
            _ = try ShardRecord.begin(self.out, work, replacing: false)
        }
        #expect(error.subject.hasSuffix("shards.json") && error.message.contains(words), "\(error)")
        #expect(throws: DataError.self) { try ShardRecord.open(self.out, work) }
    }

    @Test func partsOfOtherWorkDoNotMix() throws {
        _ = try ShardRecord.begin(
            out, work(["scans", "--model", "m", "--shard", "0/4", "--device", "cpu"]), replacing: false)
        _ = try ShardRecord.open(
            out, work(["scans", "--model", "m", "--shard=1/2", "-q", "--collect", "--threads", "3"]))
        try refuses("other arguments", work(["scans", "--model", "n"]))
        try OutputFolder.write("other weights", to: model)
        try refuses("another model", work())
        try OutputFolder.write("weights", to: model)
        try OutputFolder.write("a longer scan", to: scan)
        try refuses("other scans", work())
    }

    @Test func aRecordThatIsMissingIsToldOf() throws {
        let error = try #require(throws: DataError.self) { try ShardRecord.open(self.out, self.work()) }
        #expect(error.message.contains("--shard") && error.exitStatus == .noInput)
        #expect(!FileManager.default.fileExists(atPath: "\(out)/shards.json"))
    }

    @Test func statesAreOfOneRecord() throws {
        let record = try ShardRecord.begin(out, work(), replacing: false)
        #expect(record.state(of: "a") == nil)
        for state in [ShardRecord.State.begun, .failed("it is damaged"), .done] {
            try record.mark("a", state)
            #expect(try ShardRecord.begin(out, work(), replacing: false).state(of: "a") == state)
        }
        // Under --force the same work continues, and other work starts from scratch, once for all parts.
        #expect(try ShardRecord.begin(out, work(), replacing: true).state(of: "a") == .done)
        let other = try ShardRecord.begin(out, work(["others"]), replacing: true)
        #expect(other.state(of: "a") == nil)
        try other.mark("b", .begun)
        #expect(try ShardRecord.begin(out, work(["others"]), replacing: true).state(of: "b") == .begun)
    }

    /// All parts begin at the same moment: one creates the record, and the others open it.
    @Test(arguments: [false, true]) func partsThatBeginTogetherHaveOneRecord(replacing: Bool) throws {
        if replacing { _ = try ShardRecord.begin(out, work(["earlier"]), replacing: false) }
        let found = Mutex<[ShardRecord]>([])
        let (out, work) = (out, try work())
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            if let record = try? ShardRecord.begin(out, work, replacing: replacing) {
                found.withLock { $0.append(record) }
            }
        }
        let records = found.withLock { $0 }
        try #require(records.count == 8)
        try records[0].mark("a", .done)
        #expect(records.allSatisfy { $0.state(of: "a") == .done })
    }

    @Test func theRecordHoldsNoNames() throws {
        _ = try ShardRecord.begin(out, work(["Mustermann_Max.nii.gz", "--model", "m"]), replacing: false)
        let text = try String(contentsOfFile: "\(out)/shards.json", encoding: .utf8)
        #expect(!text.contains("Mustermann") && text.contains("generation"))
    }
}
