import Foundation
import SegCore
import SegData
import SegTestNeeds
import Synchronization
import Testing

/// An import removes nothing that it did not write, starts no program, and ends before an archive fills the disk.
@Suite(.needs("python3") { FlakyServer.isPossible })
struct ImportSafetyTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    /// Packs an archive of two cases with further entries, which lines of a Python program add.
    private func pack(_ name: String, mode: String = "w", _ lines: String = "") throws -> String {
        let program = """
            import io, json, sys, tarfile
            out = tarfile.open(sys.argv[1], sys.argv[2], format=tarfile.PAX_FORMAT)
            def add(name, data=b'', size=None, kind=tarfile.REGTYPE):
                entry = tarfile.TarInfo(name); entry.type = kind
                entry.size = len(data) if size is None else size
                out.addfile(entry, io.BytesIO(data) if size is None else open('/dev/zero', 'rb'))
            pairs = [{"image": "imagesTr/%s.nii" % c, "label": "labelsTr/%s.nii" % c} for c in "ab"]
            add("D/dataset.json", json.dumps({"name": "D", "labels": {"1": "box"}, "training": pairs}).encode())
            for pair in pairs:
                for part in pair.values(): add("D/" + part, part.encode())
            \(lines)
            out.close()
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", program, folder.file(name), mode]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return folder.file(name)
    }

    private func plan(_ source: String, to name: String = "out/set") -> DatasetImport {
        DatasetImport(
            source, to: URL(fileURLWithPath: folder.file(name)), patterns: nil, transfer: .copy, md5: nil)
    }

    private func names(in name: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.file(name))) ?? []).sorted()
    }

    @Test func whatSomebodyPutsIntoTheTargetMeanwhileStays() throws {
        let archive = try pack("d.tar")
        let note = folder.file("out/set/mine/note")
        let error = try #require(throws: DataError.self) {
            try plan(archive).run { progress in
                guard case .placing(1, of: _) = progress else { return }
                let parent = URL(fileURLWithPath: note).deletingLastPathComponent()
                try? FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
                try? Data("precious".utf8).write(to: URL(fileURLWithPath: note))
            }
        }
        #expect(error.kind == .cannotWrite && error.message.contains("filled by another process"), "\(error)")
        #expect(FileManager.default.contents(atPath: note) == Data("precious".utf8))
        #expect(names(in: "out") == ["set"] && names(in: "out/set") == ["mine"])
    }

    @Test func ofTwoImportsIntoOneFolderOneWins() throws {
        let archive = try pack("d.tar")
        let other = try pack("e.tar", #"add("D/imagesTr/unused.nii", b"2")"#)
        let target = URL(fileURLWithPath: folder.file("out/set"))
        let inner = Mutex<[String]>([])
        let error = try #require(throws: DataError.self) {
            try plan(archive).run { progress in
                guard case .placing(1, of: _) = progress else { return }
                let second = DatasetImport(other, to: target, patterns: nil, transfer: .copy, md5: nil)
                let dataset = try? second.run { _ in }
                inner.withLock { $0 = dataset?.cases.map(\.name) ?? [] }
            }
        }
        let won = inner.withLock { $0 }
        #expect(won == ["a", "b"] && error.kind == .cannotWrite, "\(error)")
        #expect(try Dataset(path: folder.file("out/set")).cases.map(\.name) == ["a", "b"])
        #expect(names(in: "out") == ["set"])
    }

    @Test func anEmptyFolderALinkToOneAndAFile() throws {
        let archive = try pack("d.tar")
        try FileManager.default.createDirectory(atPath: folder.file("empty"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("link"), withDestinationPath: folder.file("empty"))
        #expect(try plan(archive, to: "link").run { _ in }.cases.count == 2)
        #expect(names(in: "empty") == ["dataset.json", "imagesTr", "labelsTr"])
        try folder.write([7], as: "file")
        let error = try #require(throws: DataError.self) { try plan(archive, to: "file").run { _ in } }
        #expect(error.message.contains("is a file"), "\(error)")
        #expect(FileManager.default.contents(atPath: folder.file("file")) == Data([7]))
    }

    @Test func foldersOfKilledImportsAreRemovedAndLivingOnesStay() throws {
        let archive = try pack("d.tar")
        let dead = ["unpacked", "partial"].map { ".other.\($0)-\(UUID().uuidString)" }
        let living = ".other.unpacked-\(UUID().uuidString)"
        for name in dead + [living, ".other.unpacked-mine"] { try folder.write([1], as: "out/\(name)/archive/x") }
        let lock = open(folder.file("out/\(living)"), O_RDONLY | O_DIRECTORY)
        #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
        _ = try plan(archive).run { _ in }
        #expect(Set(names(in: "out")) == [".other.unpacked-mine", living, "set"])
        close(lock)
    }

    @Test func anImportThatFailsLeavesNoFolders() throws {
        let archive = try pack("d.tar", #"add("../evil", b"x")"#)
        #expect(throws: DataError.self) { try plan(archive, to: "new/deep/set").run { _ in } }
        #expect(names(in: "") == ["d.tar"])
    }

    @Test(arguments: ["w:gz", "w:bz2", "w:xz"])
    func compressedArchivesAreRead(_ mode: String) throws {
        #expect(try plan(pack("d.bin", mode: mode)).run { _ in }.cases.count == 2)
    }

    @Test func aFileInAZipThatDoesNotMatchItsChecksumIsRefused() throws {
        let program = """
            import json, sys, zipfile
            out = zipfile.ZipFile(sys.argv[1], "w")
            pairs = [{"image": "imagesTr/a.nii", "label": "labelsTr/a.nii"}]
            out.writestr("D/dataset.json", json.dumps({"labels": {"1": "box"}, "training": pairs}))
            out.writestr("D/imagesTr/a.nii", "voxels of an image")
            out.writestr("D/labelsTr/a.nii", "voxels of a label")
            out.close()
            data = open(sys.argv[1], "rb").read().replace(b"voxels of an image", b"voxelz of an image")
            open(sys.argv[1], "wb").write(data)
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", program, folder.file("d.zip")]
        try process.run()
        process.waitUntilExit()
        let error = try #require(throws: DataError.self) { try plan(folder.file("d.zip")).run { _ in } }
        #expect(error.kind == .badData && error.message.contains("CRC"), "\(error)")
        #expect(names(in: "") == ["d.zip"])
    }

    /// lrzip and grzip are read only by external programs, which libarchive would start.
    @Test(arguments: ["LRZI\0\u{6}", "GRZipII\0\u{2}\u{4}:)"])
    func noProgramIsStarted(_ magic: String) throws {
        for program in ["lrzip", "grzip"] {
            let file = try folder.write(
                Array("#!/bin/sh\ntouch \(folder.file("started"))\n".utf8), as: "bin/\(program)")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
        }
        setenv("PATH", folder.file("bin") + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? ""), 1)
        let archive = try folder.write(Array(magic.utf8) + Array(repeating: 0, count: 600), as: "d.tar")
        let error = try #require(throws: DataError.self) { try plan(archive).run { _ in } }
        #expect(error.kind == .badData && error.message.contains("zstd or lz4, and zip are read"), "\(error)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("started")))
    }

    /// Entries of archives that unpack to far more than their size, and the words of the error.
    static let bombs = [
        ("w:gz", #"add("D/zeros", size=160 << 20)"#, "more than 64 MiB plus 200 times its size"),
        // A hole of 8 TiB, which needs no room on the disk until a program reads it.
        (
            "w",
            """
            hole = tarfile.TarInfo("D/hole"); hole.size = 512
            hole.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "D/hole",
                "GNU.sparse.realsize": str(8 << 40)}
            out.addfile(hole, io.BytesIO((b"1\\n%d\\n0\\n" % ((8 << 40) - 1)).ljust(512, b"\\0")))
            """, "more than 64 MiB plus 200 times its size"
        ),
        // Folders, which need no bytes of the archive or the disk.
        (
            "w:gz",
            """
            entry = tarfile.TarInfo("D/f"); entry.type = tarfile.DIRTYPE
            for _ in range(2001): out.fileobj.write(100 * entry.tobuf()); out.offset += 51200
            """, "holds more than 200000 entries"
        ),
    ]

    @Test(arguments: bombs)
    func bombsAreRefused(_ mode: String, _ lines: String, _ words: String) throws {
        let archive = try pack("d.bin", mode: mode, lines)
        let error = try #require(throws: DataError.self) { try plan(archive).run { _ in } }
        #expect(error.kind == .badData && error.message.contains(words), "\(error)")
        #expect(names(in: "") == ["d.bin"])
    }

    /// `tar -S` stores neither holes nor their bytes; the last hole is known only from the file's length.
    @Test func aFileThatEndsInAHoleKeepsItsLength() throws {
        let archive = try pack(
            "d.tar",
            """
            sparse = tarfile.TarInfo("D/sparse"); sparse.size = 512 + 4
            sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                "GNU.sparse.name": "D/imagesTr/a.nii", "GNU.sparse.realsize": str(1 << 20)}
            out.addfile(sparse, io.BytesIO(b"1\\n0\\n4\\n".ljust(512, b"\\0") + b"data"))
            """)
        let image = try plan(archive).run { _ in }.cases[0].image
        #expect(FileManager.default.contents(atPath: image) == Data("data".utf8) + Data(count: 1 << 20 - 4))
    }

    @Test func casesThatShareALabelMapBothGetIt() throws {
        let archive = try pack(
            "d.tar",
            """
            pairs[1]["label"] = pairs[0]["label"]
            add("D/dataset.json", json.dumps({"labels": {"1": "box"}, "training": pairs}).encode())
            """)
        let cases = try plan(archive).run { _ in }.cases
        for item in cases { #expect(FileManager.default.contents(atPath: item.label) == Data("labelsTr/a.nii".utf8)) }
        #expect(cases.count == 2)
    }

    @Test func whatIsSaidOfAnArchiveNamesItAndNoFolderThatIsGone() throws {
        func index(_ members: String) -> String {
            #"add("D/dataset.json", json.dumps({"labels": {"1": "box"}, "training": pairs, \#(members)}).encode())"#
        }
        let counted = try pack("d.tar", index(#""numTraining": 9"#))
        let said = try plan(counted).run { _ in }.remarks
        #expect(said == ["\(counted): D/dataset.json: numTraining is 9, but training lists 2"])
        let wrong = try pack("e.tar", index(#""modality": 3"#))
        let error = try #require(throws: DataError.self) { try plan(wrong, to: "other").run { _ in } }
        #expect(error.subject == "\(wrong): D/dataset.json" && error.key == "modality", "\(error)")
    }

    @Test func oddEntriesAreNamedInPlainCharacters() throws {
        let kinds = [
            (#"add("D/x", b"1"); add("D/x/y", b"2")"#, "D/x/y"), (#"add("D/" + "n" * 300, b"1")"#, "too long"),
            (#"add("D/\x1b[31m/../../x", b"1")"#, "D/?[31m"), (#"add("D/pipe", kind=tarfile.FIFOTYPE)"#, "D/pipe"),
        ]
        for (lines, words) in kinds {
            let archive = try pack("d.tar", lines)
            let error = try #require(throws: DataError.self) { try plan(archive).run { _ in } }
            #expect(error.kind == .badData && error.message.contains(words), "\(error)")
            #expect(names(in: "") == ["d.tar"])
        }
    }

    @Test func splitsAndTestLabelsComeAlong() throws {
        for name in ["a", "b", "c", "t"] {
            try folder.write([1], as: "D/i/\(name).nii")
            try folder.write([2], as: "D/l/\(name).nii")
        }
        func pair(_ name: String, _ more: String = "") -> String {
            #"{"image": "i/\#(name).nii", "label": "l/\#(name).nii"\#(more)}"#
        }
        func importing(_ members: String, to name: String) throws -> Dataset {
            try folder.write(
                Array(#"{"labels": {"1": "x"}, "numTraining": 9, \#(members)}"#.utf8), as: "D/dataset.json")
            return try plan(folder.file("D"), to: name).run { _ in }
        }
        let list = try importing(
            #""training": [\#(pair("a"))], "validation": [\#(pair("b"))], "test": [\#(pair("t"))]"#, to: "list")
        #expect(list.ownSplits.map(\.training) == [["a"]] && list.ownSplits.map(\.validation) == [["b"]])
        #expect(list.testScans.map(\.label) == [folder.file("list/labelsTs/t.nii")])
        #expect(list.notes.count == 1 && list.notes[0].contains("numTraining is 9"))
        let folds = ["a", "b", "c"].enumerated().map { pair($1, #", "fold": \#($0 + 1)"#) }
        let cut = try importing(#""training": [\#(folds.joined(separator: ","))]"#, to: "folds")
        #expect(cut.ownSplits.map(\.validation) == [["a"], ["b"], ["c"]])
        #expect(try Dataset(path: folder.file("folds")).notes.isEmpty)
    }
}
