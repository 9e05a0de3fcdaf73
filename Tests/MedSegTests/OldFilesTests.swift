import Foundation
import SegImaging
import SegTestNeeds
import Testing

/// Files that the program of commit 222aa07 wrote (`Tests/Fixtures222aa07/make.sh`).
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }, .serialized) struct OldFilesTests {
    private let folder: ScratchFolder
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures222aa07").path

    init() throws {
        folder = try ScratchFolder()
        for part in ["data", "run", "cache"] {
            try FileManager.default.copyItem(atPath: "\(Self.fixtures)/\(part)", toPath: folder.file(part))
        }
    }

    private func expected(_ name: String) -> Data? {
        FileManager.default.contents(atPath: "\(Self.fixtures)/expected/\(name)")
    }

    private func resume(_ more: String...) throws -> Command.Outcome {
        try Command.medseg(
            list: [
                "train", "--resume", folder.file("run"), "--threads", "1", "--device", "cpu", "--set",
                "data=\(folder.file("data"))", "--set", "cache=\(folder.file("cache"))",
            ] + more)
    }

    /// On the original device the run ends with the same bits; on another device it ends equally well trained.
    @Test func aRunGoesOn() throws {
        let outcome = try resume()
        #expect(outcome.status == 0 && outcome.errors.contains("going on after step 40"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("damaged") && !outcome.errors.contains("missing"), "\(outcome.errors)")
        let weights = FileManager.default.contents(atPath: folder.file("run/last/model.safetensors"))
        if !outcome.errors.contains("may differ in the last bits") { #expect(weights == expected("model.safetensors")) }
        func dice(_ table: String) -> [Double] {
            table.split(separator: "\n").dropFirst().compactMap { Double($0.split(separator: ",")[1]) }
        }
        let ours = dice(try String(contentsOfFile: folder.file("run/validation.csv"), encoding: .utf8))
        let theirs = dice(String(decoding: try #require(expected("validation.csv")), as: UTF8.self))
        #expect(ours.count == 20 && theirs.count == 20 && abs((ours.last ?? 0) - (theirs.last ?? 1)) < 0.02)
    }

    @Test func theCacheIsReadAndNothingIsPreparedAnew() throws {
        func files() throws -> [String: Int?] {
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("cache"))
            return Dictionary(
                uniqueKeysWithValues: try names.map { name in
                    let facts = try FileManager.default.attributesOfItem(atPath: folder.file("cache/\(name)"))
                    return (name, facts[.systemFileNumber] as? Int)
                })
        }
        let before = try files()
        let outcome = try resume("--set", "iterations=41")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try files() == before && before.count == 3)
    }

    @Test func itsModelPredicts() throws {
        let outcome = try Command.medseg(
            "predict", folder.file("data/imagesTr/ball_2.nii.gz"), "--model", folder.file("run/model"), "--out",
            folder.file("masks"), "--quiet", "--device", "cpu")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let (mask, _) = try ScanFile.readVolume(folder.file("masks/ball_2_mask.nii.gz"))
        let (before, _) = try ScanFile.readVolume("\(Self.fixtures)/expected/ball_2_mask.nii.gz")
        #expect(mask.voxels == before.voxels && mask.affine == before.affine)
    }
}
