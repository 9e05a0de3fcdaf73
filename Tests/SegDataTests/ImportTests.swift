import Foundation
import SegCore
import SegData
import SegImaging
import Testing

@Suite struct ImportTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    /// Runs a system program in the scratch folder.
    private func run(_ program: String, _ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(program) \(arguments)")
    }

    private func writeDecathlon(in name: String) throws {
        for part in ["imagesTr/s_1", "imagesTr/s_2", "labelsTr/s_1", "labelsTr/s_2", "imagesTs/s_3", "imagesTr/._s_1"] {
            try folder.write(Array(part.utf8), as: "\(name)/\(part).nii.gz")
        }
        let json = #"""
            {"name": "Spleen", "modality": {"0": "CT"}, "labels": {"0": "background", "1": "spleen"},
             "training": [{"image": "./imagesTr/s_1.nii.gz", "label": "./labelsTr/s_1.nii.gz"},
                          {"image": "./imagesTr/s_2.nii.gz", "label": "./labelsTr/s_2.nii.gz"}],
             "test": ["./imagesTs/s_3.nii.gz"]}
            """#
        try folder.write(Array(json.utf8), as: "\(name)/dataset.json")
    }

    private func importing(
        _ source: String, patterns: Dataset.Patterns? = nil, transfer: DatasetImport.Transfer = .copy,
        md5: String? = nil
    ) throws -> Dataset {
        try DatasetImport(
            source, to: URL(fileURLWithPath: folder.file("out")), patterns: patterns, transfer: transfer, md5: md5
        ).run { _ in }
    }

    private var leftovers: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter {
            $0.hasPrefix("out") || $0.hasPrefix(".out")
        }
    }

    @Test(arguments: ["Task.tar", "Task.tar.gz"])
    func archivesAreUnpacked(_ archive: String) throws {
        try writeDecathlon(in: "Task")
        try run("tar", "-caf", archive, "Task")
        let dataset = try importing(folder.file(archive))
        #expect(dataset.name == "Spleen" && dataset.channelNames == ["CT"])
        #expect(dataset.labels == [0: "background", 1: "spleen"])
        #expect(dataset.cases.map(\.name) == ["s_1", "s_2"])
        #expect(dataset.cases[1].label == folder.file("out/labelsTr/s_2.nii.gz"))
        #expect(dataset.tests == [folder.file("out/imagesTs/s_3.nii.gz")])
        #expect(FileManager.default.contents(atPath: dataset.cases[0].image) == Data("imagesTr/s_1".utf8))
        let images = try FileManager.default.contentsOfDirectory(atPath: folder.file("out/imagesTr"))
        #expect(images.sorted() == ["s_1.nii.gz", "s_2.nii.gz"])
        #expect(leftovers == ["out"])
    }

    @Test func foldersAreCopiedOrLinked() throws {
        try writeDecathlon(in: "Task")
        let dataset = try importing(folder.file("Task"), transfer: .link)
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: dataset.cases[0].image)
        #expect(target == folder.file("Task/imagesTr/s_1.nii.gz"))
        #expect(throws: DataError.self) { try importing(folder.file("Task")) }
    }

    @Test func axesOfRawDatasetsOfNNUNetAreReversed() throws {
        try folder.write([1], as: "raw/imagesTr/a_0000.nii.gz")
        try folder.write([2], as: "raw/labelsTr/a.nii.gz")
        let json = #"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 2}, "file_ending": ".nii.gz"}"#
        try folder.write(Array(json.utf8), as: "raw/dataset.json")
        let dataset = try importing(folder.file("raw"))
        #expect(dataset.labels == [0: "background", 2: "liver"])
        #expect(
            dataset.cases == [
                DatasetCase(image: folder.file("out/imagesTr/a.nii.gz"), label: folder.file("out/labelsTr/a.nii.gz"))
            ])
    }

    @Test func patternsPairFoldersOfCases() throws {
        for name in ["p1", "p2"] {
            try folder.write([1], as: "cases/\(name)/ct.nii.gz")
            try folder.write([2], as: "cases/\(name)/spleen.nii.gz")
        }
        let patterns = Dataset.Patterns(images: "*/ct.nii.gz", labels: "*/spleen.nii.gz", classes: [1: "spleen"])
        #expect(try importing(folder.file("cases"), patterns: patterns).cases.map(\.name) == ["p1", "p2"])
        try FileManager.default.removeItem(atPath: folder.file("out"))
        try FileManager.default.removeItem(atPath: folder.file("cases/p2/spleen.nii.gz"))
        let error = #expect(throws: DataError.self) { try importing(folder.file("cases"), patterns: patterns) }
        #expect(error?.subject.hasSuffix("p2/ct.nii.gz") == true)
        #expect(leftovers == [])
    }

    /// Malicious contents of an archive; each is refused and leaves nothing behind.
    @Test func archivesThatReachOutAreRefused() throws {
        try writeDecathlon(in: "Task")
        try folder.write([1], as: "evil")
        try run("tar", "-cPf", "absolute.tar", folder.file("evil"))
        try run("tar", "-cPf", "upward.tar", "Task/../evil")
        try run("ln", "-s", "/etc/passwd", "Task/imagesTr/link.nii.gz")
        try run("tar", "-cf", "linked.tar", "Task")
        for (archive, word) in [("absolute", "outside"), ("upward", "outside"), ("linked", "link")] {
            let error = #expect(throws: DataError.self) { try importing(folder.file("\(archive).tar")) }
            #expect(error?.message.contains(word) == true, "\(archive): \(String(describing: error))")
            #expect(leftovers == [], "\(archive)")
        }
    }

    @Test func anIndexThatNamesFilesOutsideIsRefused() throws {
        let own = try folder.write([1], as: "own.nii.gz")
        for path in [own, "../../own.nii.gz"] {
            let json = #"{"labels": {"1": "spleen"}, "training": [{"image": "\#(path)", "label": "\#(path)"}]}"#
            try folder.write(Array(json.utf8), as: "Task/dataset.json")
            try run("tar", "-cf", "Task.tar", "Task")
            let error = #expect(throws: DataError.self) { try importing(folder.file("Task.tar")) }
            #expect(error?.message.contains("own.nii.gz") == true, "\(String(describing: error))")
            #expect(FileManager.default.fileExists(atPath: own) && leftovers == [])
        }
    }

    @Test func damagedArchivesAreRefused() throws {
        try writeDecathlon(in: "Task")
        try run("tar", "-czf", "Task.tar.gz", "Task")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("Task.tar.gz")))
        let cut = try folder.write(Array(bytes.prefix(bytes.count / 2)), as: "cut.tar.gz")
        #expect(throws: DataError.self) { try importing(cut) }
        let junk = try folder.write(Array("no archive at all".utf8), as: "junk.tar")
        #expect(throws: DataError.self) { try importing(junk) }
        let error = #expect(throws: DataError.self) {
            try importing(folder.file("Task.tar.gz"), md5: "00000000000000000000000000000000")
        }
        #expect(error?.message.contains("MD5") == true)
        #expect(leftovers == [])
    }

    @Test(arguments: ["/dev/zero", "/"]) func noDigestIsTakenOfADeviceOrAFolder(_ path: String) throws {
        let error = try #require(throws: DataError.self) { try ContentDigest.of(file: path, .sha256) }
        #expect(error.kind == .noInput && error.message.contains("a file was expected"), "\(error)")
    }

    /// The values of RFC 1321 and FIPS 180-2.
    @Test func digestsAreThoseOfTheStandards() throws {
        let file = try folder.write(Array("abc".utf8), as: "abc")
        #expect(try ContentDigest.of(file: file, .md5) == "900150983cd24fb0d6963f7d28e17f72")
        #expect(
            try ContentDigest.of(file: file, .sha256)
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
