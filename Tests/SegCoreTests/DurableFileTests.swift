import Foundation
import SegCore
import Testing

@Suite("A durable file is replaced as a whole or not at all")
struct DurableFileTests {
    private let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "/durable-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder).sorted()) ?? [] }

    @Test("What stood there is replaced, and nothing is left beside it")
    func replaces() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/a.txt"
        try DurableFile.write(Array("old".utf8), to: file)
        try DurableFile.write(Array("new".utf8), to: file)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "new")
        #expect(names == ["a.txt"])
    }

    @Test("A writer that fails leaves the old file and nothing else")
    func keepsTheOld() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/a.txt"
        try DurableFile.write(Array("old".utf8), to: file)
        #expect(throws: DataError.self) {
            try DurableFile.replace(file) { temporary throws(DataError) in
                _ = FileManager.default.createFile(atPath: temporary, contents: Data("half".utf8))
                throw DataError(.badData, file, "failed on purpose")
            }
        }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "old")
        #expect(names == ["a.txt"])
    }

    @Test("A writer removes what a killed one left of the same file, and nothing of one that lives")
    func removesTheUnfinished() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/a.txt"
        _ = FileManager.default.createFile(atPath: folder + "/.a.txt.unfinished", contents: Data("half".utf8))
        try DurableFile.replace(file) { temporary throws(DataError) in
            try DurableFile.write(Array("second".utf8), to: file)
            #expect(FileManager.default.contents(atPath: temporary) == Data())
        }
        #expect(names == ["a.txt"] && FileManager.default.contents(atPath: file) == Data())
    }

    @Test("A copy replaces a file; a source that is missing changes nothing")
    func copies() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (file, source) = (folder + "/a.txt", folder + "/b.bin")
        let bytes = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 7) }
        try DurableFile.write(bytes, to: source)
        try DurableFile.copy(source, to: file)
        #expect(throws: DataError.self) { try DurableFile.copy(folder + "/none", to: file) }
        #expect(FileManager.default.contents(atPath: file) == Data(bytes) && names == ["a.txt", "b.bin"])
    }

    @Test("The error names the file and is an error of writing")
    func namesTheFile() {
        let error = #expect(throws: DataError.self) { try DurableFile.write([1], to: folder + "/no/such/file") }
        #expect(error?.subject == folder + "/no/such/file")
        #expect(error.flatMap { ExitStatus(of: $0) } == .inputOutput)
        try? FileManager.default.removeItem(atPath: folder)
    }

    @Test("Leftovers go; files that are being written and files of others stay")
    func leftovers() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in [".a.txt.1x.unfinished", ".b.part", "c.unfinished"] {
            _ = FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data())
        }
        try DurableFile.replace(folder + "/d.txt") { _ throws(DataError) in
            DurableFile.removeLeftovers(in: folder)
        }
        #expect(names == [".b.part", "c.unfinished", "d.txt"])
    }
}
