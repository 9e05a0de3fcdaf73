import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Files that are not scans, or whose header describes less or more than the file contains.
@Suite struct HostileFileTests {
    /// Pipes and devices are distinguished from files before any read waits for them.
    @Test func pipesAndDevicesAreRefused() throws {
        let folder = try ScratchFolder()
        let pipe = folder.file("pipe.nii")
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, "/dev/zero", "/dev/null"] {
            for read in [{ _ = try ScanFile.read($0) }, { _ = try NIfTI.readHeader($0) }]
                as [@Sendable (String) throws -> Void]
            {
                let error = try #require(throws: DataError.self) { try ending { try read(path) } }
                #expect(error.kind == .noInput && error.subject == path && error.message.contains("pipe"))
            }
        }
        try FileManager.default.createSymbolicLink(atPath: folder.file("link.nii"), withDestinationPath: pipe)
        let link = folder.file("link.nii")
        #expect(throws: DataError.self) { try ending { _ = try ScanFile.read(link) } }
    }

    /// 1 MB of gzip that continues for a GiB after the voxels of its header is not read to its end.
    @Test func streamsThatGoOnAfterTheVoxels() throws {
        let folder = try ScratchFolder()
        let zeros = Data(count: 256 << 20)
        let whole = folder.file("long.nii")
        try (Data(HandMadeNIfTI().bytes) + zeros).write(to: URL(fileURLWithPath: whole))
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip", "-1", whole]
        try gzip.run()
        gzip.waitUntilExit()
        #expect(gzip.terminationStatus == 0)
        let error = try #require(throws: DataError.self) { try ScanFile.read(whole + ".gz") }
        #expect(error.kind == .badData && error.message.contains("64M"), "\(error)")
    }

    @Test func voxelsThatBeginFarIntoTheFile() throws {
        let folder = try ScratchFolder()
        let made = HandMadeNIfTI(voxOffset: Double(65 << 20))
        let error = try #require(throws: DataError.self) {
            try ScanFile.read(folder.write(made.bytes, as: "offset.nii"))
        }
        #expect(error.message.contains("vox_offset") && error.message.contains("64 MiB"), "\(error)")
    }

    @Test func axesBeyondTheLimitAreNoVolume() throws {
        let folder = try ScratchFolder()
        let made = HandMadeNIfTI(
            version: 2, dim: [3, 32_768, 1, 1, 1, 1, 1, 1], voxels: [UInt8](repeating: 0, count: 32_768))
        let path = try folder.write(made.bytes, as: "line.nii")
        #expect(try ScanFile.read(path).shape == [32_768, 1, 1])
        let error = try #require(throws: DataError.self) { try ScanFile.readVolume(path) }
        #expect(error.message.contains("32767"), "\(error)")
    }

    /// Leftovers of a killed writer are removed; files that another process writes stay.
    @Test func writingLeavesNothingBeside() throws {
        let folder = try ScratchFolder()
        try folder.write([1], as: ".scan_mask.nii.gz.2x1y.unfinished")
        DurableFile.removeLeftovers(in: folder.path)
        for name in ["a.nii", "b.nii.gz"] {
            try ScanFile.write(
                [UInt8](repeating: 1, count: 8), size: Triple(2, 2, 2), affine: .identity, to: folder.file(name),
                overwrite: false)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["a.nii", "b.nii.gz"])
    }
}
