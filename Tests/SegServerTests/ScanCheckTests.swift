import Foundation
import SegCore
import SegImaging
import SegServer
import Testing

@Suite struct ScanCheckTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func scan(_ size: Triple) throws -> String {
        let path = folder.appendingPathComponent("scan.nii.gz").path
        try ScanFile.write(
            [Int16](repeating: -1000, count: size.count), size: size, affine: .identity, to: path, overwrite: true)
        return path
    }

    private func check(_ path: String, voxels: Int) throws -> [Int] {
        var limits = ServerLimits()
        limits.voxels = voxels
        return try ScanCheck.size(of: path, limits: limits)
    }

    @Test func aScanOfTheAllowedSizePasses() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try check(scan(Triple(5, 6, 7)), voxels: 210) == [5, 6, 7])
    }

    @Test func aLargerOneIsRefusedByItsHeader() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = try scan(Triple(5, 6, 7))
        #expect(throws: Refusal.self) { try check(path, voxels: 209) }
    }

    /// The size in the header decides, whatever follows: no data of that size is ever read.
    @Test func extentsWhoseProductOverflowsAreRefused() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("scan.nii").path
        try ScanFile.write(
            [UInt8](repeating: 0, count: 8), size: Triple(2, 2, 2), affine: .identity, to: path, overwrite: true)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        for axis in 1...3 { bytes.replaceSubrange(40 + 2 * axis..<42 + 2 * axis, with: [0xff, 0x7f]) }
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(throws: Refusal.self) { try check(path, voxels: 1 << 27) }
    }

    /// Data beside the voxels have their own limit, which the message states.
    @Test func muchBesideTheVoxelsIsRefused() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = URL(fileURLWithPath: try scan(Triple(5, 6, 7)))
        let bytes = try Data(contentsOf: url)
        var limits = ServerLimits()
        limits.scanSlack = 351
        let before = #expect(throws: Refusal.self) { try ScanCheck.size(of: url.path, limits: limits) }
        #expect(before?.detail.contains("351 bytes") == true)
        limits.scanSlack = 400
        #expect(try ScanCheck.size(of: url.path, limits: limits) == [5, 6, 7])
        // A second member of the gzip file.
        try (bytes + bytes).write(to: url)
        let after = #expect(throws: DataError.self) { try ScanFile.readVolume(url.path, limits: limits.scanLimits) }
        #expect(after?.message.contains("goes on for more than 400 after") == true)
    }

    @Test func aBudgetIsKept() throws {
        let budget = ByteBudget(limit: 100)
        try budget.reserve(60)
        #expect(throws: Refusal.self) { try budget.reserve(41) }
        try budget.reserve(40)
        #expect(budget.count == 100)
        budget.release(100)
        #expect(budget.count == 0)
    }

    @Test(arguments: [
        ("spleen_2", "spleen_2.nii.gz"), ("../../etc/passwd", "_.._etc_passwd.nii.gz"), ("a\"b\r\nc", "a_b__c.nii.gz"),
        ("", "scan.nii.gz"), ("...", "scan.nii.gz"), ("Ä ö", "___.nii.gz"),
    ]) func namesOfDownloadsAreSafe(id: String, name: String) {
        #expect(StudyImage.fileName(id: id, ".nii.gz") == name)
    }
}
