import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegTestNeeds
import Testing

/// A series in a ZIP.
@Suite(.needs("libMedSegDICOM") { hasDicomLibrary })
struct ZipTests {
    /// A ZIP of files that are stored without compression.
    private static func zip(_ files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
        var (body, directory): ([UInt8], [UInt8]) = ([], [])
        for (name, bytes) in files {
            let sizes = little(crc32(bytes)) + little(UInt32(bytes.count)) + little(UInt32(bytes.count))
            let common =
                little(UInt16(20)) + [UInt8](repeating: 0, count: 8) + sizes
                + little(UInt16(name.utf8.count)) + little(UInt16(0))
            directory +=
                [0x50, 0x4b, 1, 2] + little(UInt16(20)) + common + [UInt8](repeating: 0, count: 10)
                + little(UInt32(body.count)) + Array(name.utf8)
            body += [0x50, 0x4b, 3, 4] + common + Array(name.utf8) + bytes
        }
        let count = little(UInt16(files.count))
        return body + directory + [0x50, 0x4b, 5, 6, 0, 0, 0, 0] + count + count + little(UInt32(directory.count))
            + little(UInt32(body.count)) + [0, 0]
    }

    private static func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xedb8_8320 : 0) }
        }
    }

    /// Whether an unpacked folder contains a file or folder of this name; folders of other tests do not.
    private static func isLeft(_ name: String) -> Bool {
        let parent = FileManager.default.temporaryDirectory.path
        return ((try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []).contains {
            $0.hasPrefix("medseg-archive-") && FileManager.default.fileExists(atPath: "\(parent)/\($0)/\(name)")
        }
    }

    /// The unpacked files stay as long as the scan, because an object may refer to it.
    @Test func aSeriesIsReadFromAZipAndNothingStays() throws {
        let slices = SyntheticSeries.slices(at: [0, 3, 6])
        let folder = try SyntheticSeries(slices)
        let study = "study-\(UUID().uuidString)"
        let files = slices.enumerated().map { (name: "\(study)/IM\($0)", bytes: $1.bytes) }
        try folder.write(Self.zip(files + [("\(study)/note.txt", [65, 66])]), as: "zips/ct.zip")
        let path = folder.path + "/zips/ct.zip"
        let plain = try DicomSource().read(folder.path, limits: ScanLimits())
        func check() throws {
            let scan = try DicomSource().read(path, limits: ScanLimits())
            #expect(scan.shape == plain.shape && scan.affine == plain.affine && scan.layout.files == [path])
            #expect(try scan.volume(path: path).voxels == plain.volume(path: path).voxels)
            #expect(Self.isLeft(study))
            withExtendedLifetime(scan) {}
        }
        try check()
        #expect(!Self.isLeft(study))
    }

    /// The next program removes the folder of a killed one; the folder of a running program, or one in use, stays.
    @Test func foldersOfDeadProgramsAreSwept() throws {
        let parent = FileManager.default.temporaryDirectory.path
        let dead = Process()
        dead.executableURL = URL(fileURLWithPath: "/bin/true")
        try dead.run()
        dead.waitUntilExit()
        func make(_ pid: Int32) throws -> String {
            let path = "\(parent)/medseg-archive-\(pid)-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: path + "/study", withIntermediateDirectories: true)
            return path
        }
        let (left, used, own) = (try make(dead.processIdentifier), try make(dead.processIdentifier), try make(getpid()))
        let lock = open(used, O_RDONLY | O_DIRECTORY)
        #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
        defer {
            close(lock)
            for path in [left, used, own] { try? FileManager.default.removeItem(atPath: path) }
        }
        let folder = try SyntheticSeries([])
        try folder.write(Self.zip([("a.txt", [65])]), as: "empty")
        _ = try? DicomSource().read(folder.path + "/empty", limits: ScanLimits())
        #expect(!FileManager.default.fileExists(atPath: left))
        #expect(FileManager.default.fileExists(atPath: used) && FileManager.default.fileExists(atPath: own))
    }

    @Test func hostileZipsAreRefused() throws {
        let folder = try SyntheticSeries([])
        let slice = SyntheticSeries.slices(at: [0])[0].bytes
        for (name, bytes) in [
            ("outside", Self.zip([("../IM0", slice)])), ("cut", Array(Self.zip([("IM0", slice)]).prefix(300))),
            ("empty", Self.zip([("a.txt", [65])])),
        ] {
            try folder.write(bytes, as: name)
            #expect(throws: DataError.self, "\(name)") {
                try DicomSource().read("\(folder.path)/\(name)", limits: ScanLimits())
            }
        }
    }
}
