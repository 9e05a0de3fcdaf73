import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Valid but unusual scans, masks and tables, and scans that exceed the resources.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct ScanCommandTests {
    private let data: SmallDataset
    private let model: String

    init() throws {
        data = try SmallDataset()
        model = try data.train()
    }

    private func predict(_ arguments: String...) throws -> Command.Outcome {
        try Command.medseg(list: ["predict", "--model", model, "--out", data.folder.file("out"), "-q"] + arguments)
    }

    /// The header of a scan with other lengths; the voxels stay the same.
    private func write(spacing: [Double], as name: String) throws -> String {
        var affine = Affine.identity
        for axis in 0..<3 { affine[axis, axis] = spacing[axis] }
        let size = Triple(3, 4, 5)
        let voxels = (0..<size.count).map { Int16($0 * 3) }
        try ScanFile.write(voxels, size: size, affine: affine, to: data.folder.file(name), overwrite: true)
        return data.folder.file(name)
    }

    @Test func thinGridsAreRefusedByName() throws {
        for (index, spacing) in [[1e-6, 1, 1e9], [1e9, 1, 1e-6], [1, 1, 1e30], [5e3, 5e3, 5e3]].enumerated() {
            let path = try write(spacing: spacing, as: "thin\(index).nii")
            expectFailure(try predict(path), 65, path, "8192", "spacing", "pixdim")
        }
        let both = try predict(try write(spacing: [1e-6, 1, 1e9], as: "thin.nii"), data.image(0))
        expectFailure(both, 65, "1 of 2 scans")
        #expect(FileManager.default.fileExists(atPath: data.folder.file("out/ct_0_mask.nii.gz")))
    }

    /// A file that cannot be read does not stop `info`, which ends with its code.
    @Test func infoReportsEveryFile() throws {
        let gone = data.folder.file("gone.nii")
        let (text, json) = (
            try Command.medseg("info", gone, data.image(0)), try Command.medseg("info", data.image(0), gone, "--json")
        )
        for outcome in [text, json] {
            expectFailure(outcome, 66, "1 of 2 files")
            #expect(outcome.errors.contains(gone) && outcome.output.contains(data.image(0)), "\(outcome)")
        }
        let document = try JSONDecoder().decode(ConfigValue.self, from: Data(json.output.utf8))
        guard case .object(let files) = document, Array(files.keys) == [data.image(0)] else {
            Issue.record("other files: \(json.output)")
            return
        }
    }

    /// A mask has its scan's format unless another is requested, and is the same in each.
    @Test func masksHaveTheFormatOfTheirScans() throws {
        let nrrd = data.folder.file("ct_0.nrrd")
        #expect(try Command.medseg("data", "convert", data.image(0), nrrd).status == 0)
        expectFailure(try Command.medseg("data", "convert", data.image(0), nrrd), 74, nrrd)
        #expect(try Command.medseg("info", nrrd).output.contains("NRRD0004, gzip"))
        #expect(try predict(nrrd).status == 0)
        #expect(try predict(data.image(0)).status == 0)
        let mask = try ScanFile.readVolume(data.folder.file("out/ct_0_mask.nrrd")).volume
        let other = try ScanFile.readVolume(data.folder.file("out/ct_0_mask.nii.gz")).volume
        #expect(mask.voxels == other.voxels)
        #expect(zip(mask.affine.elements, other.affine.elements).allSatisfy { abs($0 - $1) < 1e-5 })
        // With --force, no mask in an earlier format stays beside the new one.
        #expect(try predict(nrrd, "--format", "mha", "--force").status == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: data.folder.file("out"))
        #expect(names == ["ct_0_mask.mha"])
        // A volume of that name from another program stays, and scans with the same name are kept apart.
        let foreign = data.folder.file("out/ct_0_mask.nii")
        try Data(contentsOf: URL(fileURLWithPath: nrrd)).write(to: URL(fileURLWithPath: foreign))
        var header = try Data(contentsOf: URL(fileURLWithPath: foreign))
        if let own = header.range(of: Data("# MedSeg".utf8)) {
            header.replaceSubrange(own, with: Data("# Others".utf8))
        }
        try header.write(to: URL(fileURLWithPath: foreign))
        #expect(try predict(nrrd, "--format", "mha", "--force").status == 0)
        #expect(FileManager.default.fileExists(atPath: foreign))
        expectFailure(try predict(nrrd, data.image(0), "--force"), 64, "ct_0_")
        let unknown = try predict(nrrd, "--format", "dcm")
        #expect(unknown.status == 64 && unknown.errors.contains("mha"), "\(unknown)")
        let measured = try Command.medseg(
            "evaluate", "--prediction", data.folder.file("out/ct_0_mask.mha"), "--reference", data.label(0))
        #expect(measured.status == 0)
    }

    /// A dataset of NRRDs is imported, trained on and predicted like one of NIfTIs.
    @Test func aDatasetMayBeOfNRRDs() throws {
        let raw = data.folder.file("raw")
        for part in ["imagesTr", "labelsTr"] {
            try FileManager.default.createDirectory(atPath: "\(raw)/\(part)", withIntermediateDirectories: true)
            for index in 0..<3 {
                let name = "\(part)/ct_\(index)"
                try ScanFile.convert(data.folder.file(name + ".nii.gz"), to: "\(raw)/\(name).nrrd", overwrite: false)
            }
        }
        let outcome = try Command.medseg("data", "import", raw, "--out", data.folder.file("set"))
        #expect(outcome.status == 0, "\(outcome)")
        #expect(FileManager.default.fileExists(atPath: data.folder.file("set/labelsTr/ct_2.nrrd")))
        let config = try data.config(replacing: "data: .", with: "data: set")
        let trained = try Command.medseg("train", config, "--out", data.folder.file("other"), "-q")
        #expect(trained.status == 0, "\(trained)")
    }

    /// For any limit the program ends by itself with a reason.
    @Test func littleMemoryIsSaidAndEndsWithNoSignal() throws {
        // 520×520×390 voxels, 422 MB per volume.
        let path = try write(spacing: [390, 260, 194], as: "coarse.nii")
        for megabytes in [900, 1500, 2500, 4000] {
            let outcome = try Command.limited(
                megabytes: megabytes,
                ["predict", path, "--model", model, "--out", data.folder.file("m\(megabytes)"), "-q", "--threads", "2"])
            #expect(outcome.exited, "\(megabytes): \(outcome)")
            #expect([0, 70].contains(outcome.status), "\(megabytes): \(outcome)")
            if outcome.status == 70 { #expect(outcome.errors.contains("memory"), "\(outcome)") }
        }
    }

    @Test func pipesAreRefused() throws {
        let pipe = data.folder.file("pipe.nii")
        #expect(mkfifo(pipe, 0o600) == 0)
        expectFailure(try Command.medseg("info", pipe), 66, pipe, "pipe")
        expectFailure(try predict(pipe), 66, pipe)
        expectFailure(try Command.medseg("evaluate", "--prediction", pipe, "--reference", data.label(0)), 66, pipe)
    }

    @Test func tablesHoldAnyName() throws {
        var names: [String] = []
        for name in ["new\nline", "carriage\r\nreturn", "a,b", "say \"hi\"", "=1+1", "e\"\u{308},"] {
            let path = data.folder.file(name + ".nii.gz")
            try FileManager.default.copyItem(atPath: data.image(0), toPath: path)
            names.append(name)
            #expect(try predict(path, "--report", "--force").status == 0)
        }
        // Every prediction kept the rows of the earlier ones, and a repeated one replaces its own rows.
        #expect(try predict(data.folder.file("a,b.nii.gz"), "--report", "--force").status == 0)
        let table = try String(contentsOfFile: data.folder.file("out/report.csv"), encoding: .utf8)
        #expect(table.hasPrefix("scan,label,name,voxels,volume_ml,mean_intensity\n"))
        for quoted in [
            "\"new\nline\",1,", "\"carriage\r\nreturn\",1,", "\n\"a,b\",1,", "\"say \"\"hi\"\"\",1,", "\n=1+1,1,",
            "\"e\"\"\u{308},\",1,",
        ] {
            #expect(table.components(separatedBy: quoted).count == 2, "\(quoted) in \(table)")
        }
        try Data("not,a,table\n".utf8).write(to: URL(fileURLWithPath: data.folder.file("out/report.csv")))
        expectFailure(try predict(data.image(1), "--report", "--force"), 65, "report.csv", "move it away")
        #expect(!FileManager.default.fileExists(atPath: data.folder.file("out/ct_1_mask.nii.gz")))
    }

    @Test func labelsNearAndBeyondAByteAreMeasured() throws {
        let size = SmallDataset.size
        let label = try ScanFile.readVolume(data.label(0)).volume.voxels
        func write(_ factor: Float, _ name: String) throws -> String {
            let path = data.folder.file(name)
            try ScanFile.write(
                label.map { $0 * factor }, size: size, affine: SmallDataset.affine, to: path, overwrite: true)
            return path
        }
        let pairs: [(Float, Float, Int)] = [
            (0.9999999, 1, 1), (0.9882, 1.0399, 1), (300, 300, 300), (65_535, 65_535, 65_535),
        ]
        for (index, (first, second, number)) in pairs.enumerated() {
            let outcome = try Command.medseg(
                "evaluate", "--prediction", write(first, "p\(index).nii.gz"), "--reference",
                write(second, "r\(index).nii.gz"))
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.output.contains("class \(number)  1.0000"), "\(outcome.output)")
        }
        let half = try Command.medseg(
            "evaluate", "--prediction", write(0.5, "half.nii.gz"), "--reference", data.label(0))
        expectFailure(half, 65, "half.nii.gz", "0.5", "Is it an image?")
    }

    @Test func lengthsInOtherUnitsAreTheSame() throws {
        var lines: Set<String> = []
        for (code, factor) in [(1, 0.001), (2, 1), (3, 1000)] as [(UInt8, Double)] {
            let files = try [0, 1].map { index in
                var affine = Affine.identity
                for axis in 0..<3 { affine[axis, axis] = [1, 2, 5][axis] * factor }
                let path = data.folder.file("unit\(code)_\(index).nii")
                let label = try ScanFile.readVolume(data.label(index)).volume.voxels.map { UInt8($0) }
                try ScanFile.write(label, size: SmallDataset.size, affine: affine, to: path, overwrite: true)
                var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
                bytes[123] = code
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                return path
            }
            let outcome = try Command.medseg("evaluate", "--prediction", files[0], "--reference", files[1])
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.errors.contains("converted") == (code != 2), "\(outcome.errors)")
            lines.insert(try #require(outcome.output.split(separator: "\n").dropFirst().first).dropFirst(8).description)
        }
        #expect(lines.count == 1, "\(lines)")
    }

    @Test func whatPostProcessingTakesIsSaid() throws {
        let outcome = try predict(data.image(0), "--min-volume", "1000000", "--report")
        let report = try String(contentsOfFile: data.folder.file("out/ct_0_report.json"), encoding: .utf8)
        // An untrained model may find nothing, and then nothing can be removed.
        let found = outcome.errors.contains("Post-processing removed all that was found of ball")
        #expect(outcome.status == 0 && report.contains("postprocessing") == found)
        #expect(found || outcome.errors.contains("nothing was found"))
    }

    @Test func anEmptyIntensityWindowIsSaid() throws {
        let path = model + "/model.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let flat = text.replacing("\"a_max\" : 200", with: "\"a_max\" : -100")
        #expect(flat != text)
        try Data(flat.utf8).write(to: URL(fileURLWithPath: path))
        let outcome = try predict(data.image(0))
        #expect(outcome.errors.contains("a_min and a_max"), "\(outcome)")
    }
}
