import Foundation
import SegModels
import SegTestNeeds
import SegWeights
import Testing

/// Results that cannot be written or would replace others: code 74, and all existing files stay the same.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct OutputTests {
    private let data: SmallDataset
    private let model: String

    init() throws {
        data = try SmallDataset()
        model = try data.train()
    }

    private func predict(to out: String, _ more: String...) throws -> Command.Outcome {
        try Command.medseg(list: ["predict", data.image(0), "--model", model, "--out", out, "--quiet"] + more)
    }

    @Test func existingFilesStayUnlessForced() throws {
        let out = data.folder.file("out")
        let mask = try data.folder.write(Array("mine".utf8), as: "out/ct_0_mask.nii.gz")
        func isMine(_ path: String) -> Bool { FileManager.default.contents(atPath: path) == Data("mine".utf8) }
        expectFailure(try predict(to: out), 74, mask, "--force")
        #expect(isMine(mask))
        #expect(try predict(to: out, "--force").status == 0)
        #expect(!isMine(mask))

        let probability = try data.folder.write(Array("mine".utf8), as: "second/ct_0_probability_1.nii.gz")
        expectFailure(try predict(to: data.folder.file("second"), "--probabilities"), 74, probability, "--force")
        #expect(isMine(probability) && !data.folder.files.contains("second/ct_0_mask.nii.gz"))

        let weights = try data.folder.write(Array("mine".utf8), as: "copy.safetensors")
        expectFailure(try Command.medseg("convert", model + "/model.safetensors", weights), 74, weights, "--force")
        #expect(isMine(weights))

        let metrics = try data.folder.write(Array("mine".utf8), as: "metrics.json")
        expectFailure(
            try Command.medseg(
                "evaluate", "--prediction", data.label(0), "--reference", data.label(1), "--out", metrics),
            74, metrics, "--force")
        #expect(isMine(metrics))

        let notes = try data.folder.write(Array("mine".utf8), as: "kept/notes.txt")
        let run = data.folder.file("kept")
        expectFailure(try Command.medseg("train", data.config, "--out", run, "--quiet"), 74, run, "--force")
        #expect(isMine(notes) && data.folder.files.filter { $0.hasPrefix("kept/") } == ["kept/notes.txt"])
    }

    @Test func foldersThatCannotBeMade() throws {
        let file = try data.folder.write(Array("a file".utf8), as: "file")
        for out in [file, file + "/below"] {
            expectFailure(try predict(to: out), 74, out)
            expectFailure(try Command.medseg("train", data.config, "--out", out, "--quiet"), 74, out)
        }
        expectFailure(
            try Command.medseg("convert", model + "/model.safetensors", file + "/copy.safetensors"), 74, file)
        expectFailure(
            try Command.medseg(
                "evaluate", "--prediction", data.label(0), "--reference", data.label(1), "--out", file + "/m.json"),
            74, file)
        #expect(FileManager.default.contents(atPath: file) == Data("a file".utf8))
    }

    @Test(.enabled(if: SmallDisk.isAllowed, "a file system can only be mounted as root"))
    func foldersThatAreReadOnly() throws {
        let disk = try SmallDisk(options: "ro,size=64k")
        for out in [disk.path, disk.path + "/new"] {
            expectFailure(try predict(to: out), 74, out)
            expectFailure(try Command.medseg("train", data.config, "--out", out, "--quiet"), 74, out)
        }
        expectFailure(
            try Command.medseg("convert", model + "/model.safetensors", disk.path + "/copy.safetensors"), 74,
            disk.path, "Read-only")
    }

    @Test(.enabled(if: SmallDisk.isAllowed, "a file system can only be mounted as root"))
    func disksThatAreFull() throws {
        let disk = try SmallDisk(options: "size=64k")
        try disk.fill(leaving: 0)
        expectFailure(try predict(to: disk.path), 74, disk.path + "/ct_0_mask.nii.gz", "space")
        expectFailure(
            try Command.medseg("convert", model + "/model.safetensors", disk.path + "/copy.safetensors"), 74,
            "copy.safetensors", "No space left")
        expectFailure(
            try Command.medseg(
                "evaluate", "--prediction", data.label(0), "--reference", data.label(1), "--out",
                disk.path + "/metrics.json"), 74, "metrics.json", "No space left")
        expectFailure(
            try Command.medseg("train", data.config, "--out", disk.path + "/run", "--quiet"), 74, disk.path + "/run",
            "No space left")
        #expect(disk.files.filter { !$0.hasPrefix("run/") } == ["filler"], "\(disk.files)")
    }

    /// The remaining files of a run that stopped for lack of space are complete: no weights end in the middle.
    @Test(.enabled(if: SmallDisk.isAllowed, "a file system can only be mounted as root"), arguments: [8, 16, 24, 40])
    func disksThatFillUpWhileTraining(pages: Int) throws {
        let disk = try SmallDisk(options: "size=256k")
        try disk.fill(leaving: pages << 10)
        let run = disk.path + "/run"
        let outcome = try Command.medseg(
            "train", data.config, "--out", run, "--quiet", "--set", "network_def.channels=[8, 16]")
        expectFailure(outcome, 74, run, "No space left")
        for file in disk.files where file.hasSuffix(".safetensors") {
            #expect(throws: Never.self) { try Safetensors(file: disk.path + "/" + file) }
        }
        #expect(!disk.files.contains { $0.contains(".part") || $0.contains(".tmp") || $0.contains(".sb-") })
    }
}
