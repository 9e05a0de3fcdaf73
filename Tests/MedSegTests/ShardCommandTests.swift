import Foundation
import SegCore
import SegTestNeeds
import Testing

/// Predictions that several processes divide among them.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct ShardCommandTests {
    private let data: SmallDataset
    private let model: String

    init() throws {
        data = try SmallDataset()
        model = try data.train()
    }

    private func predict(into out: String, _ arguments: String...) throws -> Command.Outcome {
        try Command.medseg(
            list: [
                "predict", data.folder.file("imagesTr"), "--model", model, "--report", "-q", "--out",
                data.folder.file(out),
            ] + arguments)
    }

    private func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: data.folder.file(name)))
    }

    @Test func partsLeaveWhatOneProcessLeaves() throws {
        #expect(try predict(into: "whole").status == 0)
        let first = try predict(into: "parts", "--shard", "0/2")
        #expect(
            first.status == 0 && first.output.contains("shard 0/2: 2 of 3 scans, of which 0 are finished"), "\(first)")
        expectFailure(try predict(into: "parts", "--collect"), 66, "1 of 3 scans are not finished: ct_1")
        #expect(!FileManager.default.fileExists(atPath: data.folder.file("parts/report.csv")))
        // A killed part left a mask without its report: the scan is segmented again.
        try FileManager.default.removeItem(atPath: data.folder.file("parts/ct_2_report.json"))
        let again = try predict(into: "parts", "--shard", "0/2")
        #expect(again.output.contains("of which 1 are finished") && again.output.contains("ct_2_mask"), "\(again)")
        #expect(try predict(into: "parts", "--shard", "1/2").status == 0)
        #expect(try predict(into: "parts", "--collect").status == 0)
        for name in ["report.csv", "ct_0_mask.nii.gz", "ct_1_mask.nii.gz", "ct_2_mask.nii.gz"] {
            #expect(try bytes("whole/\(name)") == bytes("parts/\(name)"), "\(name)")
        }
    }

    @Test func partsThatMakeNoSenseAreRefused() throws {
        expectFailure(try predict(into: "a", "--shard", "2/2"), 64, "--shard", "0/4")
        expectFailure(try predict(into: "a", "--shard", "auto"), 64, "--shard", "sbatch --array")
        expectFailure(try predict(into: "a", "--shard", "0/2", "--collect"), 64, "--collect")
        #expect(try predict(into: "b", "--shard", "0/2").status == 0)
        expectFailure(try predict(into: "b", "--shard", "1/2", "--figure"), 65, "shards.json", "--force")
    }
}
