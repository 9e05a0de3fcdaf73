import Foundation
import SegCore
import SegData
import SegDownload
import SegImaging
import SegTestNeeds
import Synchronization
import Testing

@Suite(.needs("python3") { FlakyServer.isPossible })
struct DownloadTests {
    private static let content = Data((0..<256 * 8000).map { UInt8(truncatingIfNeeded: $0) })

    private let folder: ScratchFolder
    private let server: FlakyServer
    private let file: URL

    init() throws {
        folder = try ScratchFolder()
        server = try FlakyServer()
        file = URL(fileURLWithPath: folder.file("data.part"))
    }

    private func plan(_ name: String, md5: String? = nil) throws -> Download {
        let url = try #require(URL(string: server.address(name)))
        return Download(url, to: file, md5: md5, by: HTTPDownload())
    }

    /// Breaks off the first transfer and replaces the received bytes, to distinguish them from those of later
    /// transfers.
    private func breakOff(_ name: String, leaving bytes: Data) throws {
        let download = try plan(name)
        #expect(throws: DataError.self) { try download.run { _, _ in } }
        try bytes.write(to: file)
    }

    private var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    @Test func aTransferThatBreaksOffGoesOn() throws {
        defer { server.stop() }
        let reference = try folder.write(Array(Self.content), as: "reference")
        let md5 = try ContentDigest.of(file: reference, .md5)
        let download = try plan("data.bin", md5: md5.uppercased())
        #expect(throws: DataError.self) { try download.run { _, _ in } }
        let part = try Data(contentsOf: file)
        #expect(!part.isEmpty && part.count < Self.content.count)
        let least = Mutex(Int.max)
        try download.run { there, _ in least.withLock { $0 = min($0, there) } }
        let first = least.withLock { $0 }
        #expect(first > part.count)
        #expect(try Data(contentsOf: file) == Self.content)
        download.remove()
        #expect(names == ["reference"])
    }

    @Test func piecesOfTwoVersionsAreNeverJoined() throws {
        defer { server.stop() }
        try breakOff("changed.bin", leaving: Data(repeating: 7, count: 1000))
        let download = try plan("changed.bin")
        try download.run { _, _ in }
        #expect(try Data(contentsOf: file) == Self.content)
        download.remove()
        #expect(names == [])
    }

    /// Two addresses may give their files the same tag or date.
    @Test func piecesOfTwoAddressesAreNeverJoined() throws {
        defer { server.stop() }
        try breakOff("data.bin", leaving: Data(repeating: 7, count: 1000))
        try plan("twin.bin").run { _, _ in }
        #expect(try Data(contentsOf: file) == Self.content)
    }

    @Test func whatIsThereWholeIsNotSentAgain() throws {
        defer { server.stop() }
        try breakOff("data.bin", leaving: Self.content)
        let calls = Mutex(0)
        try plan("data.bin").run { _, _ in calls.withLock { $0 += 1 } }
        let count = calls.withLock { $0 }
        #expect(count == 0)
        #expect(try Data(contentsOf: file) == Self.content)
    }

    @Test func whatIsLongerThanTheFileIsFetchedAnew() throws {
        defer { server.stop() }
        try breakOff("data.bin", leaving: Self.content + Data([7]))
        try plan("data.bin").run { _, _ in }
        #expect(try Data(contentsOf: file) == Self.content)
    }

    @Test func aFileThatIsNoDownloadIsLeftAlone() throws {
        defer { server.stop() }
        try folder.write([7], as: "data.part")
        let download = try plan("data.bin")
        let error = #expect(throws: DataError.self) { try download.run { _, _ in } }
        #expect(error?.kind == .cannotWrite && error?.subject == file.path)
        #expect(try Data(contentsOf: file) == Data([7]))
        #expect(names == ["data.part"])
    }

    @Test(arguments: [("gone.bin", "404", "check the address"), ("busy.bin", "503", "try again later")])
    func anAnswerThatIsAnErrorLeavesNothing(_ name: String, _ status: String, _ advice: String) throws {
        defer { server.stop() }
        let download = try plan(name)
        let error = #expect(throws: DataError.self) { try download.run { _, _ in } }
        #expect(error?.message.contains("answered \(status)") == true, "\(String(describing: error))")
        #expect(error?.message.contains(advice) == true, "\(String(describing: error))")
        #expect(names == [])
        // Existing bytes, from any address, stay as they are.
        try breakOff("data.bin", leaving: Data(repeating: 7, count: 1000))
        #expect(throws: DataError.self) { try download.run { _, _ in } }
        #expect(try Data(contentsOf: file) == Data(repeating: 7, count: 1000))
    }

    @Test func noAnswerIsAnErrorThatLeavesNothing() throws {
        let download = try plan("data.bin")
        server.stop()
        server.wait()
        let error = #expect(throws: DataError.self) { try download.run { _, _ in } }
        #expect(error?.message.contains("no answer") == true, "\(String(describing: error))")
        #expect(names == [])
    }

    @Test func aWrongDigestLeavesNothing() throws {
        defer { server.stop() }
        let wrong = try plan("data.bin", md5: "00000000000000000000000000000000")
        #expect(throws: DataError.self) { try wrong.run { _, _ in } }  // breaks off
        let error = #expect(throws: DataError.self) { try wrong.run { _, _ in } }
        #expect(error?.kind == .badData && error?.message.contains("MD5") == true)
        #expect(names == [])
    }
}
