import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Scans that cannot be used give one sentence with the file's name and code 65, and nothing is written.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct DamagedScanTests {
    private let data: SmallDataset
    private let model: String

    init() throws {
        data = try SmallDataset()
        model = try data.train()
    }

    /// The bytes of a whole uncompressed scan.
    private func bytes() throws -> [UInt8] {
        try data.write([Int16](repeating: 50, count: SmallDataset.size.count), as: "whole.nii")
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: data.folder.file("whole.nii"))))
    }

    private func expectRefused(_ path: String, _ words: String...) throws {
        let out = data.folder.file("out")
        let before = data.folder.files
        let predicted = try Command.medseg("predict", path, "--model", model, "--out", out, "--quiet")
        expectFailure(predicted, 65, path)
        for word in words { #expect(predicted.message.contains(word), "\(predicted.errors)") }
        #expect(predicted.output.isEmpty)
        #expect(data.folder.files == before)
    }

    @Test func dimensionsThatTheFileCannotHold() throws {
        let whole = try bytes()
        let cases: [(String, [Int16])] = [
            ("exceeding", [3, 18, 16, 15]), ("zero", [3, 18, 0, 14]), ("negative", [3, -18, 16, 14]),
            ("absurd", [3, .max, .max, .max]), ("absurd7", [7, .max, .max, .max, .max, .max, .max, .max]),
            ("none", [0, 18, 16, 14]), ("many", [9, 18, 16, 14]), ("four", [4, 9, 8, 14, 4]), ("two", [2, 18, 16]),
        ]
        for (name, dimensions) in cases {
            var broken = whole
            for (index, value) in dimensions.enumerated() {
                withUnsafeBytes(of: value.littleEndian) {
                    broken.replaceSubrange(40 + 2 * index..<42 + 2 * index, with: $0)
                }
            }
            let path = try data.folder.write(broken, as: "\(name).nii")
            try expectRefused(path)
            let info = try Command.medseg("info", path)
            if ["four", "two"].contains(name) {
                #expect(info.status == 0, "\(info.errors)")
            } else {
                expectFailure(info, 65, path)
            }
        }
    }

    @Test func filesThatAreCutOrNotNIfTI() throws {
        let gzip = [UInt8](try Data(contentsOf: URL(fileURLWithPath: data.image(0))))
        try expectRefused(try data.folder.write(gzip.prefix(gzip.count / 2), as: "cut.nii.gz"), "cut short")
        try expectRefused(try data.folder.write(gzip.dropLast(4), as: "tail.nii.gz"))
        var flipped = gzip
        flipped[gzip.count / 2] ^= 0x55
        try expectRefused(try data.folder.write(flipped, as: "flipped.nii.gz"))
        let whole = try bytes()
        try expectRefused(try data.folder.write(whole.dropLast(1), as: "cut.nii"), "cut short")
        try expectRefused(try data.folder.write(whole.prefix(100), as: "head.nii"), "100 bytes")
        try expectRefused(try data.folder.write([], as: "empty.nii"), "0 bytes")
        try expectRefused(try data.folder.write(Array(repeating: UInt8(ascii: "a"), count: 999), as: "text.nii"))
    }

    @Test func voxelsThatCannotBeUsed() throws {
        var voxels = [Float](repeating: 10, count: SmallDataset.size.count)
        voxels[17] = .nan
        voxels[18] = .infinity
        let broken = data.folder.file("nan.nii.gz")
        try ScanFile.write(voxels, size: SmallDataset.size, affine: SmallDataset.affine, to: broken, overwrite: true)
        try expectRefused(broken, "2 voxels are NaN")
        try data.write([Int16](repeating: -1024, count: SmallDataset.size.count), as: "air.nii.gz")
        try expectRefused(data.folder.file("air.nii.gz"), "no foreground")
    }

    @Test func oneBrokenScanCostsTheOthersNothing() throws {
        let broken = try data.folder.write(Array("none".utf8), as: "broken.nii")
        let out = data.folder.file("out")
        let outcome = try Command.medseg(
            "predict", data.image(0), broken, data.image(1), "--model", model, "--out", out, "--quiet")
        expectFailure(outcome, 65, "1 of 3 scans")
        #expect(outcome.errors.contains("medseg: \(broken): "))
        #expect(outcome.output.split(separator: "\n").count == 2)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: out).sorted()
                == ["ct_0_mask.nii.gz", "ct_1_mask.nii.gz"])
    }

    @Test func trainingNamesTheCaseThatCannotBeUsed() throws {
        let size = SmallDataset.size
        let small = Triple(5, 16, 14)
        let twos = [Int16](repeating: 2, count: size.count)
        let attempts: [(name: String, voxels: [Int16], size: Triple, words: [String])] = [
            (
                "labelsTr/ct_1.nii.gz", Array(twos.prefix(small.count)).map { $0 - 1 }, small,
                ["5×16×14", "18×16×14"]
            ),
            ("labelsTr/ct_1.nii.gz", twos, size, ["class 2", "0 to 1"]),
            ("labelsTr/ct_1.nii.gz", twos.map { -$0 }, size, ["-2", "Is it an image?"]),
            ("imagesTr/ct_1.nii.gz", twos.map { $0 - 1026 }, size, ["no foreground"]),
        ]
        for (name, voxels, size, words) in attempts {
            let path = data.folder.file(name)
            let good = try Data(contentsOf: URL(fileURLWithPath: path))
            try data.write(voxels, size: size, as: name)
            let outcome = try Command.medseg("train", data.config, "--out", data.folder.file("new"), "--quiet")
            expectFailure(outcome, 65, path)
            for word in words { #expect(outcome.message.contains(word), "\(outcome.errors)") }
            #expect(!data.folder.files.contains { $0.hasPrefix("new/") })
            let evaluation = try Command.medseg("evaluate", "--data", data.folder.path, "--model", model, "-q")
            #expect(
                evaluation.exited && (words[0] == "no foreground" || evaluation.status == 65 || words[0] == "class 2"))
            try good.write(to: URL(fileURLWithPath: path))
        }
    }

    @Test func trainingPadsSmallVolumesOnRequestOnly() throws {
        let small = Triple(18, 16, 9)
        let ball = (0..<small.count).map { Int16($0 % 3 == 0 ? 1 : 0) }
        try data.write(ball.map { $0 * 100 }, size: small, as: "imagesTr/ct_1.nii.gz")
        try data.write(ball, size: small, as: "labelsTr/ct_1.nii.gz")
        let refused = try Command.medseg("train", data.config, "--out", data.folder.file("new"), "--quiet")
        expectFailure(refused, 65, "ct_1", "×9 voxels", "12×12×12", "sampling.pad")
        let padded = try Command.medseg(
            "train", data.config, "--out", data.folder.file("new"), "--quiet", "--set", "sampling.pad=true", "--set",
            "iterations=2")
        #expect(padded.status == 0, "\(padded.errors)")
    }
}
