import Foundation
import SegCore
import SegTestNeeds
import Testing

/// Predictions that are divided among several processes.
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
        expectFailure(try predict(into: "c", "--collect"), 66, "shards.json", "--shard")
        let ranks = ["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"]
        let whole = try Command.medseg(
            "predict", data.folder.file("imagesTr"), "--model", model, "--out", data.folder.file("d"),
            environment: ranks)
        expectFailure(whole, 64, "4 processes", "--shard auto")
    }

    /// Files of another prediction do not count as this one's.
    @Test func filesOfAnEarlierPredictionAreNotTakenForFinished() throws {
        #expect(try predict(into: "a").status == 0)
        let refused = try predict(into: "a", "--shard", "0/2")
        #expect(refused.status != 0 && refused.errors.contains("--force"), "\(refused)")
        let forced = try predict(into: "a", "--shard", "0/2", "--force")
        #expect(forced.status == 0 && forced.output.contains("of which 0 are finished"), "\(forced)")
        expectFailure(try predict(into: "a", "--collect"), 66, "1 of 3 scans are not finished: ct_1")
        // The same model with other weights.
        let weights = "\(model)/model.safetensors"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: weights))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: weights))
        expectFailure(try predict(into: "a", "--shard", "0/2"), 65, "another model", "--force")
        #expect(try predict(into: "a", "--shard", "1/2", "--force").status == 0)
        let other = try predict(into: "a", "--shard", "0/2")
        #expect(other.status != 0 && other.errors.contains("--force"), "\(other)")
    }

    /// A scan that cannot be read is left out and named, as with one process.
    @Test func aScanThatFailsIsNamed() throws {
        try data.folder.write(Array("no scan".utf8), as: "imagesTr/ct_1.nii.gz")
        let whole = try predict(into: "whole")
        #expect(whole.status == 65, "\(whole)")
        #expect(try predict(into: "parts", "--shard", "0/2").status == 0)
        expectFailure(try predict(into: "parts", "--shard", "1/2"), 65, "1 of 1 scans")
        let collected = try predict(into: "parts", "--collect")
        expectFailure(collected, 65, "1 of 3 scans could not be segmented")
        #expect(collected.errors.contains("ct_1.nii.gz"), "\(collected)")
        #expect(try bytes("whole/report.csv") == bytes("parts/report.csv"))
    }
}
