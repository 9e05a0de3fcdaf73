import Foundation
import SegCore
import Testing

@Suite(.serialized) struct RegularFileTests {
    private func residentBytes() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(fields[1])) * 4096
    }

    @Test func readingAnEmptyFileKeepsNoMemory() throws {
        let path = NSTemporaryDirectory() + "empty-\(UUID().uuidString)"
        try Data().write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        for _ in 0..<100 { #expect(try RegularFile.contents(of: path).isEmpty) }
        let before = try residentBytes()
        for _ in 0..<20_000 { _ = try RegularFile.contents(of: path) }
        // It was 80 MB. Other tests run beside this one.
        #expect(try residentBytes() - before < 40 << 20)
    }

    @Test func whatIsNoRegularFileIsRefused() throws {
        for path in ["/dev/null", "/tmp", "/nowhere/at/all"] {
            let error = try #require(throws: DataError.self) { try RegularFile.contents(of: path) }
            #expect(error.kind == .noInput && error.subject == path)
        }
    }
}
