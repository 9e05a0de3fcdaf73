import SegCore
import SegData
import SegImaging
import Testing

/// Fingerprints of two small cases, compared with NumPy's: `RandomState(1234).choice` of each case's foreground, then `mean`,
/// `std` and `percentile` in float32.
@Suite struct IntensityFingerprintTests {
    private let folder: ScratchFolder
    private static let size = Triple(4, 3, 3)

    init() throws { folder = try ScratchFolder() }

    private func value(_ voxel: Int, _ make: (_ i: Int, _ j: Int, _ k: Int) -> Int) -> Int {
        make(voxel / 9, voxel / 3 % 3, voxel % 3)
    }

    /// The first slab of every scan is 0, so nnU-Net's crop leaves its labels out.
    private func intensities(_ number: Int) -> [Float] {
        (0..<Self.size.count).map { voxel in
            Float(value(voxel) { i, j, k in i == 0 ? 0 : (i * 37 + j * 11 + k * 5 + number * 3) % 23 * 10 - 50 })
        }
    }

    private func labels(_ number: Int) -> [Float] {
        (0..<Self.size.count).map { voxel in
            Float(value(voxel) { i, j, k in number == 0 ? ((i + j + k) % 3 == 0 ? 1 : 0) : (i == 1 && j == 1 ? 1 : 0) })
        }
    }

    private func cases(
        channels: Int = 1, labels change: (Float) -> Float = { $0 }
    ) throws -> [DatasetCase] {
        func write(_ voxels: [Float], _ name: String) throws -> String {
            let path = folder.file(name)
            try ScanFile.write(voxels, size: Self.size, affine: .identity, to: path, overwrite: true)
            return path
        }
        return try (0..<2).map { number in
            let images = try [1, -2].prefix(channels).map { factor in
                try write(intensities(number).map { Float(factor) * $0 }, "image\(number)\(factor).nii")
            }
            return DatasetCase(
                name: "case\(number)", images: images,
                label: try write(labels(number).map(change), "label\(number).nii"))
        }
    }

    private func fingerprint(
        _ cases: [DatasetCase], channels: Int = 1, labels: LabelScheme = LabelScheme(), draws: Int = 12
    ) throws -> [IntensityFingerprint] {
        try IntensityFingerprint.measured(
            over: cases, channels: channels, classes: 2, labels: labels, draws: draws)
    }

    @Test func theNumbersAreNumPys() throws {
        let first = try IntensityFingerprint(
            mean: 31.66666603088379, deviation: 50.13869857788086, lower: -49.45, upper: 109.45)
        let second = try IntensityFingerprint(
            mean: -133.3333282470703, deviation: 125.78641510009766, lower: -280, upper: 98.9)
        #expect(try Self.near(fingerprint(cases())[0], first))
        let both = try fingerprint(cases(channels: 2), channels: 2)
        #expect(both.count == 2 && Self.near(both[0], first) && Self.near(both[1], second))
        let many = try fingerprint(cases(), draws: 1000)[0]
        #expect(many.mean == 54.88999938964844 && many.deviation == 53.223941802978516)
        #expect(many.lower == -50 && many.upper == 140)
    }

    private static func near(_ found: IntensityFingerprint, _ wanted: IntensityFingerprint) -> Bool {
        found.mean == wanted.mean && found.deviation == wanted.deviation
            && abs(found.lower - wanted.lower) < 1e-9 && abs(found.upper - wanted.upper) < 1e-9
    }

    @Test func theClassesOfTheNetworkAreTheForeground() throws {
        let plain = try fingerprint(cases())
        let renumbered = try cases { $0 == 1 ? 7 : 3 }
        let scheme = LabelScheme(groups: [.init(name: "organ", numbers: [7])])
        #expect(try fingerprint(renumbered, labels: scheme) == plain)
        let ignoring = try cases { $0 == 1 ? 1 : 9 }
        #expect(try fingerprint(ignoring, labels: LabelScheme(ignored: 9)) == plain)
    }

    @Test func casesWithoutForegroundAreRefused() throws {
        let healthy = try cases { _ in 0 }
        let error = try #require(throws: DataError.self) { try fingerprint(healthy) }
        #expect(error.description.contains("no voxel of a class"), "\(error)")
        // A healthy case among others takes no part.
        let mixed = [healthy[0], try cases()[1]]
        try ScanFile.write(
            [Float](repeating: 0, count: Self.size.count), size: Self.size, affine: .identity, to: healthy[0].label,
            overwrite: true)
        let found = try fingerprint(mixed)[0]
        #expect(found.mean == 33.333333333333336 && abs(found.deviation - 37.26779962499649) < 1e-12)
    }
}
