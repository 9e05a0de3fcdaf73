import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Compares small volumes with MONAI's results (`Tests/Golden/imaging.py`).
@Suite struct SpatialGoldenTests {
    struct Case: Decodable {
        var shape: [Int]
        var affine: [Double]
        var codes: String
        var pixdim: [Double]
        var single: Bool
        var margin: Int
        var divisor: Int
        var network_shape: [Int]
        var network_affine: [Double]
        var image: [Float]
        var label: [Float]
        var restored: [Float]
        var restored_label: [UInt8]

        var size: Triple { Triple(shape[0], shape[1], shape[2]) }

        var image0: Volume {
            var volume = Volume(
                voxels: [Float](repeating: 0, count: size.count), size: size, affine: Affine(elements: affine))
            for i in 0..<size.d {
                for j in 0..<size.h {
                    for k in 0..<size.w { volume[i, j, k] = Float((i * 37 + j * 11 + k * 5) % 23) }
                }
            }
            return volume
        }
    }

    static let cases: [String: Case] = (try? GoldenFile("imaging.json").decoded(as: [String: Case].self)) ?? [:]

    /// Runs both volumes through the chain, with the image's record.
    private func forward(_ golden: Case) throws -> (image: Volume, label: Volume, record: SpatialRecord) {
        let scan = golden.image0
        var label = scan
        label.voxels = scan.voxels.map { $0 > 15 ? 1 : 0 }
        let chain = Preprocessing([
            .orientation(try Orientation(axisCodes: golden.codes)),
            .spacing(try Spacing(pixdim: golden.pixdim, interpolation: .trilinear, isSingle: golden.single)),
            .scaleIntensityRange(try ScaleIntensityRange(aMin: 6, aMax: 20, bMin: 0, bMax: 1, clip: true)),
            .cropForeground(try CropForeground(margin: golden.margin, divisor: golden.divisor, allowSmaller: false)),
        ])
        let prepared = try chain(scan, name: "golden")
        let labels = try chain.labels(label, for: prepared, name: "golden")
        return (prepared.image.volume(0), labels, prepared.record)
    }

    @Test func goldensAreThere() { #expect(Self.cases.count == 10) }

    @Test(arguments: cases.keys.sorted())
    func chainEqualsMONAI(_ name: String) throws {
        let golden = try #require(Self.cases[name])
        let (image, label, record) = try forward(golden)
        #expect([image.size.d, image.size.h, image.size.w] == golden.network_shape)
        #expect(record.networkSize == image.size)
        #expect(zip(image.affine.elements, golden.network_affine).allSatisfy { abs($0 - $1) < 1e-9 })
        #expect(zip(record.networkAffine.elements, golden.network_affine).allSatisfy { abs($0 - $1) < 1e-9 })
        try #require(image.voxels.count == golden.image.count)
        #expect(zip(image.voxels, golden.image).allSatisfy { abs($0 - $1) <= 1e-5 })
        #expect(label.voxels == golden.label)
    }

    @Test(arguments: cases.keys.sorted(), [1, 2, 100])
    func restoringEqualsMONAI(_ name: String, _ slab: Int) throws {
        let golden = try #require(Self.cases[name])
        let (image, label, record) = try forward(golden)
        let prediction = image.voxels.flatMap { [$0, $0 * $0] }
        let labels = label.voxels.map { UInt8($0) }
        var restored: [Float] = []
        var restoredLabels: [UInt8] = []
        for first in stride(from: 0, to: golden.shape[0], by: slab) {
            let rows = first..<min(first + slab, golden.shape[0])
            restored += record.legs[0].restore(prediction, channels: 2, rows: rows)
            restoredLabels += record.legs[0].restoreLabels(labels, rows: rows)
        }
        try #require(restored.count == golden.restored.count)
        #expect(zip(restored, golden.restored).allSatisfy { abs($0 - $1) <= 1e-5 })
        #expect(restoredLabels == golden.restored_label)
    }
}
