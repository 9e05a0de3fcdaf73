import Foundation
import SegCore
import SegData
import SegDownload
import SegImaging
import SegTestNeeds
import Synchronization
import Testing

/// Imports of archives from a server. ph.tar contains cases that are found only with patterns.
@Suite(.needs("python3") { FlakyServer.isPossible })
struct WebImportTests {
    private let folder: ScratchFolder
    private let server: FlakyServer

    init() throws {
        folder = try ScratchFolder()
        for name in ["p1", "p2"] {
            try folder.write([1], as: "cases/\(name)/ct.nii.gz")
            try folder.write([2], as: "cases/\(name)/spleen.nii.gz")
        }
        try folder.write(Array("no archive at all".utf8), as: "web/junk.tar")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["tar", "-C", folder.path, "-cf", folder.file("web/ph.tar"), "cases"]
        try process.run()
        process.waitUntilExit()
        try FileManager.default.removeItem(atPath: folder.file("cases"))
        server = try FlakyServer(serving: folder.file("web"))
    }

    private var patterns: Dataset.Patterns {
        Dataset.Patterns(images: "*/ct.nii.gz", labels: "*/spleen.nii.gz", classes: [1: "spleen"])
    }

    private var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    /// The names of the cases, and the number of downloaded bytes; 0 if nothing was sent.
    @discardableResult
    private func importing(
        _ name: String, patterns: Dataset.Patterns?, md5: String? = nil
    ) throws -> (cases: [String], bytes: Int) {
        let bytes = Mutex(0)
        let dataset = try DatasetImport(
            server.address(name), to: URL(fileURLWithPath: folder.file("out")), patterns: patterns, transfer: .copy,
            md5: md5, network: HTTPDownload()
        ).run { progress in
            if case .downloading(let there, of: _) = progress { bytes.withLock { $0 = there } }
        }
        let sent = bytes.withLock { $0 }
        return (dataset.cases.map(\.name), sent)
    }

    @Test func theServerIsAskedThoughAFileOfThatNameIsThere() throws {
        defer { server.stop() }
        let own = try folder.write([7], as: "ph.tar")
        let imported = try importing("ph.tar", patterns: patterns)
        #expect(imported.cases == ["p1", "p2"] && imported.bytes > 0)
        #expect(FileManager.default.contents(atPath: own) == Data([7]))
        #expect(names == ["out", "ph.tar", "web"])
    }

    @Test func aDownloadThatCouldNotBeUsedIsKeptWhileItIsTheServersVersion() throws {
        defer { server.stop() }
        #expect(throws: DataError.self) { try importing("ph.tar", patterns: nil) }
        #expect(names == ["out.part", "out.part.version", "web"])
        let imported = try importing("ph.tar", patterns: patterns)
        #expect(imported.cases == ["p1", "p2"] && imported.bytes == 0)
        #expect(names == ["out", "web"])

        try FileManager.default.removeItem(atPath: folder.file("out"))
        #expect(throws: DataError.self) { try importing("ph.tar", patterns: nil) }
        // Another version of the archive: the bytes after its end are padding.
        let archive = folder.file("web/ph.tar")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
        try (bytes + Data(count: 512)).write(to: URL(fileURLWithPath: archive))
        let again = try importing("ph.tar", patterns: patterns)
        #expect(again.bytes == bytes.count + 512)
        #expect(names == ["out", "web"])
    }

    @Test func whatIsNoArchiveIsNotKept() throws {
        defer { server.stop() }
        let error = #expect(throws: DataError.self) { try importing("junk.tar", patterns: patterns) }
        #expect(error?.kind == .badData && error?.subject == server.address("junk.tar"))
        #expect(names == ["web"])
        for name in ["gone.tar", "busy.bin"] {
            #expect(throws: DataError.self) { try importing(name, patterns: patterns) }
            #expect(names == ["web"], "\(name)")
        }
    }

    @Test(arguments: ["abc", "", "410d4a301da4e5b2f6f86ec3ddba524g", "410d4a301da4e5b2f6f86ec3ddba524e0"])
    func whatIsNoMD5IsRefusedBeforeTheDownload(_ md5: String) throws {
        server.stop()
        let error = #expect(throws: DataError.self) { try importing("ph.tar", patterns: patterns, md5: md5) }
        #expect(error?.kind == .badArgument && error?.message.contains("32 hexadecimal digits") == true)
        #expect(names == ["web"])
    }

    @Test func aFilledFolderIsRefusedBeforeTheDownload() throws {
        server.stop()
        try folder.write([1], as: "out/deep/er/file")
        let error = #expect(throws: DataError.self) { try importing("ph.tar", patterns: patterns) }
        #expect(error?.kind == .cannotWrite && error?.message.contains("is not empty") == true)
        #expect(names == ["out", "web"])
    }
}
