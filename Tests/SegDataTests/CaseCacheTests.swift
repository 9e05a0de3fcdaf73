import Foundation
import SegCore
import SegData
import SegImaging
import Testing

@Suite struct CaseCacheTests {
    private let folder: ScratchFolder
    private let item: DatasetCase
    private let preprocessing: Preprocessing

    init() throws {
        folder = try ScratchFolder()
        preprocessing = try Preprocessing(
            orientation: "LPS", pixdim: [1, 1.5, 1],
            intensity: ScaleIntensityRange(aMin: 0, aMax: 60, bMin: 0, bMax: 1, clip: true), cropForeground: true)
        item = DatasetCase(image: folder.file("image.nii"), label: folder.file("label.nii"))
        try write("image.nii") { Float($0 % 61 - 5) }
        try write("label.nii") { Float($0 % 3) }
    }

    private func write(_ name: String, _ value: (Int) -> Float) throws {
        let size = Triple(5, 6, 7)
        try ScanFile.write(
            (0..<size.count).map(value), size: size, affine: .identity, to: folder.file(name), overwrite: true)
    }

    private var cache: CaseCache { CaseCache(folder: folder.file("cache/cases")) }

    private var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.file("cache/cases"))) ?? []).sorted()
    }

    private func expectSame(_ a: PreparedCase, _ b: PreparedCase) {
        #expect(a.name == b.name && a.size == b.size && a.notes.isEmpty)
        #expect(throws: Never.self) {
            let (image, other) = (try a.image, try b.image)
            #expect(image.channels == other.channels && image.affine == other.affine)
            #expect(try a.labels == b.labels)
        }
    }

    @Test func whatIsCachedIsWhatWasPrepared() throws {
        let fresh = try PreparedCase(item, preprocessing, channels: 1, classes: 3)
        for _ in 0..<2 {
            expectSame(try cache.prepare(item, preprocessing, channels: 1, classes: 3), fresh)
            #expect(files.count == 1 && files[0].hasSuffix(".case"))
        }
        let sampling = PatchSampling(size: Triple(2, 3, 4))
        let cached = try PatchSource(
            [try cache.prepare(item, preprocessing, channels: 1, classes: 3)], sampling, .init(), seed: 1)
        let read = try PatchSource([fresh], sampling, .init(), seed: 1)
        for step in 0..<5 { #expect(try cached.batch(step).images == read.batch(step).images) }
    }

    /// The second read would fail if it ran the preparation: the cached file is identified by its digest alone.
    @Test func theSecondReadComesFromTheFile() throws {
        _ = try cache.prepare(item, preprocessing, channels: 1, classes: 3)
        let path = folder.file("cache/cases/\(files[0])")
        let before = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
        let again = try cache.prepare(item, preprocessing, channels: 1, classes: 3)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int == before)
        try FileManager.default.removeItem(atPath: path)
        #expect(try again.labels.count == again.size.count)
    }

    @Test func contentAndSettingsMakeTheKey() throws {
        _ = try cache.prepare(item, preprocessing, channels: 1, classes: 3)
        try FileManager.default.moveItem(atPath: folder.file("image.nii"), toPath: folder.file("moved.nii"))
        let moved = DatasetCase(image: folder.file("moved.nii"), label: item.label)
        #expect(try cache.prepare(moved, preprocessing, channels: 1, classes: 3).name == "moved")
        #expect(files.count == 1)
        try write("moved.nii") { Float($0 % 59 - 5) }
        expectSame(
            try cache.prepare(moved, preprocessing, channels: 1, classes: 3),
            try PreparedCase(moved, preprocessing, channels: 1, classes: 3))
        #expect(files.count == 2)
        try write("label.nii") { Float($0 % 2) }
        expectSame(
            try cache.prepare(moved, preprocessing, channels: 1, classes: 3),
            try PreparedCase(moved, preprocessing, channels: 1, classes: 3))
        let window = try ScaleIntensityRange(aMin: 0, aMax: 60, bMin: 0, bMax: 1, clip: true)
        let wider = try ScaleIntensityRange(aMin: 0, aMax: 61, bMin: 0, bMax: 1, clip: true)
        let open = try ScaleIntensityRange(aMin: 0, aMax: 60, bMin: 0, bMax: 1, clip: false)
        let edges = [1, 1.5, 1]
        let others = [
            try Preprocessing(orientation: "RAS", pixdim: edges, intensity: window, cropForeground: true),
            try Preprocessing(
                orientation: "LPS", pixdim: [1, 1.5, 1.0000001], intensity: window, cropForeground: true),
            try Preprocessing(orientation: "LPS", pixdim: edges, intensity: wider, cropForeground: true),
            try Preprocessing(orientation: "LPS", pixdim: edges, intensity: open, cropForeground: true),
            try Preprocessing(orientation: "LPS", pixdim: edges, intensity: window, cropForeground: false),
            Preprocessing(preprocessing.steps.reversed()),
        ]
        for (change, other) in others.enumerated() {
            expectSame(
                try cache.prepare(moved, other, channels: 1, classes: 3),
                try PreparedCase(moved, other, channels: 1, classes: 3))
            #expect(files.count == 4 + change)
        }
    }

    @Test func damagedFilesAreComputedAnew() throws {
        // The case stays in memory: the damage is done to the file from which a cached case would be read.
        let fresh = try PreparedCase(item, preprocessing, channels: 1, classes: 3)
        _ = try cache.prepare(item, preprocessing, channels: 1, classes: 3)
        let path = folder.file("cache/cases/\(files[0])")
        let good = try Data(contentsOf: URL(fileURLWithPath: path))
        let damages: [(Data) -> Data] = [
            { $0.dropLast() }, { _ in Data() }, { $0.prefix(100) }, { $0 + [0] },
            { _ in Data(repeating: 7, count: good.count) },
        ]
        for damage in damages {
            try damage(good).write(to: URL(fileURLWithPath: path))
            expectSame(try cache.prepare(item, preprocessing, channels: 1, classes: 3), fresh)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good)
        }
        for place in [0, 9, 60, 170, 180, 190, 199, 4096, (4096 + good.count) / 2, good.count - 1] {
            var bad = good
            bad[place] ^= 16
            try bad.write(to: URL(fileURLWithPath: path))
            expectSame(try cache.prepare(item, preprocessing, channels: 1, classes: 3), fresh)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good)
        }
        #expect(files.count == 1)
    }

    /// Truncated by another program while it is read: an error with the file's name, not a signal.
    @Test(arguments: [0, 4096, 4200]) func aFileThatIsCutShortIsNamed(bytes: Int) throws {
        let prepared = try cache.prepare(item, preprocessing, channels: 1, classes: 3)
        let source = try PatchSource([prepared], PatchSampling(size: Triple(2, 3, 4)), .init(), seed: 1)
        _ = try source.batch(0)
        let path = folder.file("cache/cases/\(files[0])")
        try #require(truncate(path, bytes) == 0)
        let error = try #require(throws: DataError.self) { for step in 0..<5 { _ = try source.batch(step) } }
        #expect(error.kind == .noInput && error.subject == path && error.message.contains("--resume"))
        #expect(throws: DataError.self) { try prepared.image }
        expectSame(
            try cache.prepare(item, preprocessing, channels: 1, classes: 3),
            try PreparedCase(item, preprocessing, channels: 1, classes: 3))
    }

    /// A file that is being written holds its lock; a killed process's file holds none.
    @Test func leftoversOfKilledProcessesGo() throws {
        _ = try cache.prepare(item, preprocessing, channels: 1, classes: 3)
        let kept = files
        try folder.write([1], as: "cache/cases/.a.case.1x.unfinished")
        let old = try folder.write([1], as: "cache/cases/b.case.2.tmp")
        let young = try folder.write([1], as: "cache/cases/c.case.3.tmp")
        let before = Date(timeIntervalSinceNow: -3 * 24 * 60 * 60)
        try FileManager.default.setAttributes([.modificationDate: before], ofItemAtPath: old)
        cache.removeLeftovers()
        #expect(files == (kept + [URL(fileURLWithPath: young).lastPathComponent]).sorted())
    }

    @Test func labelsAreCheckedAgainstEachNetwork() throws {
        _ = try cache.prepare(item, preprocessing, channels: 1, classes: 3)
        let error = try #require(throws: DataError.self) {
            try cache.prepare(item, preprocessing, channels: 1, classes: 2)
        }
        #expect(error.subject == item.label && error.message.contains("class 2"))
    }

    @Test func missingFilesAreNamed() throws {
        let absent = DatasetCase(image: folder.file("absent.nii"), label: item.label)
        let error = try #require(throws: DataError.self) {
            try cache.prepare(absent, preprocessing, channels: 1, classes: 3)
        }
        #expect(error.kind == .noInput && error.subject == absent.image)
    }

    @Test func aFolderThatCannotBeMadeLeavesTheCaseInMemory() throws {
        try folder.write([1], as: "file")
        let prepared = try CaseCache(folder: folder.file("file/cases")).prepare(
            item, preprocessing, channels: 1, classes: 3)
        #expect(prepared.notes.count == 1 && prepared.notes[0].contains("image: stays in memory"))
        #expect(try prepared.labels == (PreparedCase(item, preprocessing, channels: 1, classes: 3)).labels)
        let source = try PatchSource([prepared], PatchSampling(size: Triple(2, 2, 2)), .init(), seed: 0)
        #expect(source.warnings == prepared.notes)
    }

    @Test func manyAtOnceAgree() async throws {
        let (cache, item, preprocessing) = (cache, item, preprocessing)
        let fresh = try PreparedCase(item, preprocessing, channels: 1, classes: 3)
        try await withThrowingTaskGroup(of: PreparedCase.self) { group in
            for _ in 0..<16 { group.addTask { try cache.prepare(item, preprocessing, channels: 1, classes: 3) } }
            for try await prepared in group { expectSame(prepared, fresh) }
        }
        #expect(files.count == 1)
    }

    @Test func noFolderMeansMemory() throws {
        _ = try CaseCache(folder: nil).prepare(item, preprocessing, channels: 1, classes: 3)
        #expect(files.isEmpty)
    }

    /// Values of the reference implementation of XXH64.
    @Test(
        arguments: [
            ("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999),
            ("Nobody inspects the spammish repetition, nor should they", 0x09ce_79e8_3827_8a0d),
            (String(repeating: "x", count: 101), 0xfb65_b1d8_8f21_8076),
        ] as [(String, UInt64)])
    func digestsEqualXXHash(_ text: String, _ expected: UInt64) {
        let found = Array(text.utf8).withUnsafeBytes { XXHash64.hash($0, seed: 0) }
        #expect(found == expected)
    }
}
