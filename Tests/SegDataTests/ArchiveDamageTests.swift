import Foundation
import SegCore
import SegData
import SegTestNeeds
import Testing

/// An archive that lost or changed a byte is refused, even where libarchive does not notice.
@Suite(.needs("python3") { FlakyServer.isPossible })
struct ArchiveDamageTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    /// Imports an archive of two cases that lines of a Python program write to `path`; they find it as a tar in `tar`.
    private func importing(_ lines: String) throws -> Dataset {
        let program = """
            import gzip, io, json, sys, tarfile, zipfile
            path = sys.argv[1]
            pairs = [{"image": "imagesTr/%s.nii" % c, "label": "labelsTr/%s.nii" % c} for c in "ab"]
            index = json.dumps({"name": "D", "labels": {"1": "box"}, "training": pairs}).encode()
            files = [("D/dataset.json", index)] + [("D/" + f, f.encode()) for p in pairs for f in p.values()]
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w") as archive:
                for name, data in files:
                    entry = tarfile.TarInfo(name); entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))
            tar = out.getvalue()
            end = 1024 * len(files)
            def write(data): open(path, "wb").write(data)
            \(lines)
            """
        let archive = folder.file("d.bin")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", program, archive]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        let plan = DatasetImport(
            archive, to: URL(fileURLWithPath: folder.file("set")), patterns: nil, transfer: .copy, md5: nil)
        return try plan.run { _ in }
    }

    @Test(arguments: [
        // A byte of a voxel that only the checksum covers, the checksum itself, and a stream without it.
        (
            "data = bytearray(gzip.compress(tar, 0)); data[data.index(b'imagesTr/a.nii', 1500)] ^= 1; write(data)",
            "checksum"
        ),
        ("data = bytearray(gzip.compress(tar)); data[-8] ^= 1; write(data)", "checksum"),
        ("data = bytearray(gzip.compress(tar)); data[-4] ^= 1; write(data)", "checksum"),
        ("write(gzip.compress(tar)[:-8])", "cut short"),
        ("write(gzip.compress(tar)[:-3])", "cut short"),
        ("write(gzip.compress(tar[:2000]) + gzip.compress(tar[2000:])[:-9])", "cut short"),
        // A tar between two entries.
        ("write(tar[:end])", "without the blocks of zeros"),
        ("write(tar[:3072])", "without the blocks of zeros"),
        ("write(gzip.compress(tar[:end]))", "without the blocks of zeros"),
    ])
    func whatIsDamagedIsRefused(_ lines: String, _ words: String) throws {
        let error = try #require(throws: DataError.self) { try importing(lines) }
        #expect(error.kind == .badData && error.message.contains(words), "\(error)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("set")))
    }

    @Test(arguments: [
        "write(tar[:end + 512])", "write(tar[:end + 1024])", "write(tar + bytes(1 << 20))", "write(gzip.compress(tar))",
        "write(gzip.compress(tar[:2000]) + gzip.compress(tar[2000:]) + gzip.compress(b''))",
        "write(gzip.compress(tar) + bytes(100))",
        // What a tar appends replaces what it has.
        "more = tar[1024:2048]; write(tar[:end] + more + bytes(1024))",
    ])
    func whatIsWholeIsImported(_ lines: String) throws {
        #expect(try importing(lines).cases.count == 2)
    }

    @Test func aZipThatHasAFileTwiceIsRefused() throws {
        let error = try #require(throws: DataError.self) {
            try importing(
                """
                import warnings
                warnings.simplefilter("ignore")
                with zipfile.ZipFile(path, "w") as archive:
                    for name, data in files + [("D/./dataset.json", index)]: archive.writestr(name, data)
                """)
        }
        #expect(error.kind == .badData && error.message.contains("has the path of an earlier entry"), "\(error)")
    }
}
