import SegCore
import SegImaging
import Testing

/// The clock of `medseg predict --stages`.
struct StageClockTests {
    @Test func stagesAreAddedUpByName() throws {
        let clock = StageClock()
        let sum = StageClock.$current.withValue(clock) {
            ["network", "blend", "network"].map { StageClock.time($0) { 2 } }.reduce(0, +)
        }
        #expect(sum == 6)
        #expect(clock.stages.map(\.name) == ["network", "blend"])
        #expect(clock.stages.allSatisfy { $0.wall >= 0 && $0.cpu >= 0 })
        let lines = clock.description.split(separator: "\n").map { $0.prefix { $0 != " " } }
        #expect(lines == ["network", "blend", "the", "in"])
    }

    @Test func withoutAClockWorkIsDoneAndErrorsPass() throws {
        #expect(StageClock.time("network") { 3 } == 3)
        #expect(throws: DataError.self) {
            try StageClock.time("decompress") { try ScanFile.read("no_such_scan.nii.gz") }
        }
    }

    /// If a clock is set, reading and writing are stages.
    @Test func filesAreStages() throws {
        let folder = try ScratchFolder()
        let path = folder.file("scan.nii.gz")
        let clock = StageClock()
        try StageClock.$current.withValue(clock) {
            try ScanFile.write(
                [Int16](0..<24), size: Triple(2, 3, 4), affine: .identity, to: path, overwrite: false)
            #expect(try ScanFile.readVolume(path).volume.voxels == (0..<24).map(Float.init))
        }
        #expect(clock.stages.map(\.name) == ["transpose", "compress", "decompress", "unpack"])
    }
}
