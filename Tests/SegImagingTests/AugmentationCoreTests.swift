import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Compares augmentations with given parameters with MONAI's and nnU-Net's (`Tests/Golden/augmentation_cores.py`).
@Suite struct AugmentationCoreTests {
    struct Case: Decodable {
        var rotation: [Double]?
        var shear: [Double]?
        var scale: [Double]?
        var padding: String?
        var sigma: Double?
        var magnitude: Double?
        var sigmas: [Double]?
        var factor: Float?
        var exponent: Float?
        var inverts: Bool?
        var retains: Bool?
        var zoom: Double?
        var image: [Float]
        var label: [UInt8]?
    }
    struct Golden: Decodable {
        var affine: [Case]
        var elastic: [Case]
        var blur: [Case]
        var brightness: [Case]
        var contrast: [Case]
        var gamma: [Case]
        var low: [Case]
        var drawn: [Case]
    }

    private static let size = Triple(7, 8, 6)
    private let golden: Golden
    private let patch: Patch

    init() throws {
        golden = try GoldenFile("augmentation_cores.json").decoded()
        let places = (0..<Self.size.count).map { ($0 / 48, $0 / 6 % 8, $0 % 6) }
        patch = Patch(
            image: places.map { Float(($0 * 37 + $1 * 11 + $2 * 5) % 23 - 4) },
            label: places.map { UInt8(($0 * 5 + $1 * 3 + $2 * 7) % 4) }, size: Self.size)
    }

    /// Positions are 32-bit numbers, also in MONAI (whose result differs by 1.5e-5 from its own in 64 bits here): one
    /// unit in the last place of an index below 8, along three axes of an image whose neighbours differ by 22 at most.
    private static let tolerance = 3 * 22 * Float(7).ulp

    /// Compares the image within the tolerance, the label exactly.
    private func check(_ change: some PatchChange, _ expected: Case) {
        var changed = patch
        change.apply(to: &changed)
        expect(changed, expected)
    }

    private func expect(_ changed: Patch, _ expected: Case) {
        #expect(changed.label == expected.label ?? patch.label)
        let worst = zip(changed.image, expected.image).map { abs($0 - $1) }.max() ?? .infinity
        #expect(changed.image.count == expected.image.count && worst < Self.tolerance)
    }

    @Test func affineEqualsMONAI() throws {
        for item in golden.affine {
            check(
                AffineWarp(
                    rotation: try #require(item.rotation), shear: try #require(item.shear),
                    scale: try #require(item.scale),
                    padding: try #require(PatchPadding(rawValue: item.padding ?? ""))), item)
        }
    }

    @Test func elasticEqualsMONAI() throws {
        let field = (0..<3).map { axis in
            (0..<Self.size.count).map { flat -> Float in
                let (i, j, k) = (flat / 48, flat / 6 % 8, flat % 6)
                return Float((i * 13 + j * 7 + k * 3 + axis * 5) % 17) / 8 - 1
            }
        }
        for item in golden.elastic {
            let warp = ElasticWarp(
                sigma: try #require(item.sigma), magnitude: try #require(item.magnitude),
                padding: try #require(PatchPadding(rawValue: item.padding ?? "")), seed: 0)
            var changed = patch
            warp.apply(to: &changed, field: field)
            expect(changed, item)
        }
    }

    @Test func blurEqualsMONAI() throws {
        for item in golden.blur { check(GaussianSmooth(sigmas: try #require(item.sigmas)), item) }
    }

    @Test func intensitiesEqualNNUNet() throws {
        for item in golden.brightness { check(ScaleIntensity(factor: try #require(item.factor)), item) }
        for item in golden.contrast { check(StretchContrast(factor: try #require(item.factor)), item) }
        for item in golden.gamma {
            check(
                BendGamma(
                    exponent: try #require(item.exponent), inverts: item.inverts == true,
                    retainsStatistics: item.retains == true), item)
        }
    }

    @Test func lowResolutionEqualsMONAI() throws {
        for item in golden.low { check(LowerResolution(zoom: try #require(item.zoom)), item) }
    }

    /// The parameters of six calls in a row; MONAI draws parameters more often than it uses them.
    @Test func drawsEqualMONAI() {
        var pipeline = RandomPipeline(
            [
                RandAffine(
                    probability: 0.6, rotation: [0.5, 0.5, 0.5], shear: 0.2, scale: 0.75...1.5, padding: .border),
                RandGaussianSmooth(probability: 0.5, sigma: 0.5...1),
            ], seed: 5)
        // The pipeline gives its first seed to the crop, MONAI's chain here to a flip that does nothing.
        var unchanged = 0
        for item in golden.drawn {
            var changed = patch
            for change in pipeline.draw(channels: 1) { change.apply(to: &changed) }
            expect(changed, item)
            if changed == patch { unchanged += 1 }
        }
        #expect(unchanged < golden.drawn.count)
    }

    @Test func noiseHasItsDeviation() {
        let size = Triple(40, 41, 43)
        let empty = Patch(
            image: [Float](repeating: 0, count: size.count), label: [UInt8](repeating: 0, count: size.count), size: size
        )
        var (one, same, other) = (empty, empty, empty)
        GaussianNoise(deviation: 2, seed: 1).apply(to: &one)
        GaussianNoise(deviation: 2, seed: 1).apply(to: &same)
        GaussianNoise(deviation: 2, seed: 2).apply(to: &other)
        #expect(one == same && one != other)
        let count = Double(size.count)
        let mean = one.image.reduce(0) { $0 + Double($1) } / count
        let moments = [2, 4].map { power in one.image.reduce(0) { $0 + pow(Double($1) - mean, Double(power)) } / count }
        #expect(abs(mean) < 0.04 && abs(moments[0] - 4) < 0.1 && abs(moments[1] - 48) < 3)
        let neighbours = zip(one.image, one.image.dropFirst()).reduce(0) { $0 + Double($1.0 * $1.1) } / count
        #expect(abs(neighbours) < 0.06)
    }
}
