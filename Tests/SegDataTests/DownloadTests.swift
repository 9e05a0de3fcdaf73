import Foundation
import SegData
import SegImaging
import Testing

@Suite(.enabled(if: FlakyServer.isPossible, "python3 is not there to serve"))
struct DownloadTests {
    private static let content = Data((0..<256 * 8000).map { UInt8(truncatingIfNeeded: $0) })

    @Test func aTransferThatBreaksOffGoesOn() throws {
        let folder = try ScratchFolder()
        let server = try FlakyServer()
        defer { server.stop() }
        let url = try #require(URL(string: "http://127.0.0.1:\(server.port)/data.bin"))
        let reference = try folder.write(Array(Self.content), as: "reference")
        let md5 = try ContentDigest.of(file: reference, .md5)
        let file = URL(fileURLWithPath: folder.file("data.bin"))
        let download = Download(url, to: file, md5: md5)
        #expect(throws: ImagingError.self) { try download.run { _, _ in } }
        #expect(!FileManager.default.fileExists(atPath: file.path))
        let part = try #require(FileManager.default.contents(atPath: file.path + ".part"))
        #expect(!part.isEmpty && part.count < Self.content.count)
        try download.run { _, _ in }
        #expect(try Data(contentsOf: file) == Self.content)
        #expect(!FileManager.default.fileExists(atPath: file.path + ".part"))
    }

    @Test func piecesOfTwoVersionsAreNeverJoined() throws {
        let folder = try ScratchFolder()
        let server = try FlakyServer()
        defer { server.stop() }
        let url = try #require(URL(string: "http://127.0.0.1:\(server.port)/changed.bin"))
        let file = URL(fileURLWithPath: folder.file("data.bin"))
        let download = Download(url, to: file, md5: nil)
        #expect(throws: ImagingError.self) { try download.run { _, _ in } }
        // So that what came first can be told from what a second transfer brings.
        let part = file.path + ".part"
        try Data(repeating: 7, count: 1000).write(to: URL(fileURLWithPath: part))
        try download.run { _, _ in }
        #expect(try Data(contentsOf: file) == Self.content)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["data.bin"])
    }

    @Test func aWrongDigestAndAWrongAddressAreErrors() throws {
        let folder = try ScratchFolder()
        let server = try FlakyServer()
        defer { server.stop() }
        let file = URL(fileURLWithPath: folder.file("data.bin"))
        let gone = try #require(URL(string: "http://127.0.0.1:\(server.port)/gone.bin"))
        let missing = #expect(throws: ImagingError.self) { try Download(gone, to: file, md5: nil).run { _, _ in } }
        #expect(missing?.message.contains("404") == true)
        let url = try #require(URL(string: "http://127.0.0.1:\(server.port)/data.bin"))
        let wrong = Download(url, to: file, md5: "00000000000000000000000000000000")
        #expect(throws: ImagingError.self) { try wrong.run { _, _ in } }  // breaks off
        let error = #expect(throws: ImagingError.self) { try wrong.run { _, _ in } }
        #expect(error?.message.contains("MD5") == true)
        #expect(!FileManager.default.fileExists(atPath: file.path))
    }
}
