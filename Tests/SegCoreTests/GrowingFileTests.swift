import Foundation
import SegCore
import Testing

@Suite struct GrowingFileTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("grow-\(UUID().uuidString)").path

    private func inFolder(_ body: () throws -> Void) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body()
    }

    private func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func linesAreAddedBehindThoseThatAreThere() throws {
        try inFolder {
            let path = folder + "/lines"
            try GrowingFile(path).append("one".utf8)
            let file = try GrowingFile(path)
            try file.append("two".utf8)
            try file.sync()
            #expect(text(path) == "one\ntwo\n")
            let error = try #require(throws: DataError.self) { try GrowingFile(folder + "/none/lines") }
            #expect(error.kind == .cannotWrite && error.subject == folder + "/none/lines")
        }
    }

    /// `/dev/full` accepts no byte, like a full disk.
    @Test func aLineThatDoesNotFitIsAnError() throws {
        let file = try GrowingFile("/dev/full")
        let error = try #require(throws: DataError.self) { try file.append("one".utf8) }
        #expect(error.message.contains("No space left"))
    }

    @Test func bytesPutAsideGatherBesideTheirFile() throws {
        try inFolder {
            let path = folder + "/lines"
            #expect(try GrowingFile.putAside([0, 65], of: path) == path + ".damaged")
            _ = try GrowingFile.putAside([66], of: path)
            #expect(text(path + ".damaged") == "\0A\nB\n")
        }
    }

    /// A file that cannot be read, such as a write-only file, is not treated as empty.
    @Test func bytesPutAsideReplaceNoneThatCannotBeRead() throws {
        try inFolder {
            let path = folder + "/lines"
            _ = try GrowingFile.putAside([65], of: path)
            #expect(chmod(path + ".damaged", 0o200) == 0)
            _ = try GrowingFile.putAside([66], of: path)
            #expect(chmod(path + ".damaged", 0o600) == 0)
            #expect(text(path + ".damaged") == "A\nB\n")
        }
    }

    @Test func aLockWhoseFileWasRemovedLeavesThatOfTheNextHolder() throws {
        try inFolder {
            let path = folder + "/lock"
            var first = try FileLock(path)
            #expect(first != nil)
            try FileManager.default.removeItem(atPath: path)
            let second = try FileLock(path)
            first = nil
            #expect(FileManager.default.fileExists(atPath: path))
            #expect(try FileLock(path) == nil)
            withExtendedLifetime(second) {}
        }
    }

    @Test func aLockHasOneHolderAndLeavesNoFile() throws {
        try inFolder {
            let path = folder + "/lock"
            var first = try FileLock(path)
            #expect(first != nil)
            #expect(try FileLock(path) == nil)
            first = nil
            #expect(!FileManager.default.fileExists(atPath: path))
            // A killed process leaves a file without a lock holder.
            try Data().write(to: URL(fileURLWithPath: path))
            #expect(try FileLock(path) != nil)
            let error = try #require(throws: DataError.self) { try FileLock(folder + "/none/lock") }
            #expect(error.kind == .cannotWrite)
        }
    }
}
