import Foundation
import SegCore
import Testing

/// `make fuzz` checks the memory: its target `journal` opens hundreds of thousands of empty files.
@Suite struct RegularFileTests {
    @Test func filesAreReadWholeOrTheirBeginning() throws {
        let path = NSTemporaryDirectory() + "regular-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for bytes in [[], [1, 2, 3]] as [[UInt8]] {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(try Array(RegularFile.contents(of: path)) == bytes)
            #expect(RegularFile.head(of: path, bytes: 2) == Array(bytes.prefix(2)))
        }
    }

    /// Mapped memory of a file that another program truncates ends the process with SIGBUS when it is read.
    @Test func whatIsReadStaysWhenTheFileIsCutShort() throws {
        let path = NSTemporaryDirectory() + "regular-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(repeating: 7, count: 8 << 20).write(to: URL(fileURLWithPath: path))
        let data = try RegularFile.contents(of: path)
        #expect(truncate(path, 0) == 0)
        #expect(data.count == 8 << 20 && data.allSatisfy { $0 == 7 })
    }

    @Test func whatIsNoRegularFileIsRefused() throws {
        for path in ["/dev/null", "/tmp", "/nowhere/at/all"] {
            let error = try #require(throws: DataError.self) { try RegularFile.contents(of: path) }
            #expect(error.kind == .noInput && error.subject == path)
            #expect(RegularFile.head(of: path, bytes: 1) == nil)
        }
    }
}
