import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Compares draws and patches with NumPy's and MONAI's (`Tests/Golden/augmentation.py`).
@Suite struct AugmentationTests {
    struct Golden: Decodable {
        struct Draws: Decodable {
            var rand: [Double]
            var randint: [Int]
            var uniform: [Double]
            var late: Double
        }
        struct Expected: Decodable {
            var size: [Int]
            var image: [Float]
            var label: [UInt8]
        }
        struct Chain: Decodable {
            var patch: [Int]
            var positive: Double
            var negative: Double
            var patches: [Expected]
        }
        var draws: [String: Draws]
        var chains: [String: Chain]
    }

    static func golden() throws -> Golden { try GoldenFile("augmentation.json").decoded() }

    @Test(arguments: ["0", "42", "4294967295"])
    func drawsEqualNumPy(_ seed: String) throws {
        let expected = try #require(try Self.golden().draws[seed])
        var random = NumPyRandomState(seed: try #require(UInt32(seed)))
        #expect((0..<3).map { _ in random.rand() } == expected.rand)
        #expect([1, 2, 3, 10, 1000, 1 << 31, 1 << 33].map { random.randint($0) } == expected.randint)
        #expect((0..<2).map { _ in random.uniform(-0.1, 0.3) } == expected.uniform)
        #expect((0..<700).map { _ in random.rand() }.last == expected.late)
    }

    /// The first numbers of `numpy.random.RandomState(0).rand(3)`, as in its documentation and many programs.
    @Test func firstDrawsOfSeedZero() {
        var random = NumPyRandomState(seed: 0)
        #expect(
            [random.rand(), random.rand(), random.rand()] == [
                0.5488135039273248, 0.7151893663724195, 0.6027633760716439,
            ])
    }

    private static func volumes() -> (image: Volume, label: Volume) {
        let size = Triple(7, 8, 6)
        var image = Volume(voxels: [Float](repeating: 0, count: size.count), size: size, affine: .identity)
        for i in 0..<7 {
            for j in 0..<8 {
                for k in 0..<6 { image[i, j, k] = Float((i * 37 + j * 11 + k * 5) % 23 - 4) }
            }
        }
        var label = image
        label.voxels = image.voxels.map { $0 > 11 ? 1 : 0 }
        return (image, label)
    }

    @Test(arguments: ["balanced", "whole", "background"])
    func patchesEqualMONAI(_ name: String) throws {
        let golden = try #require(try Self.golden().chains[name])
        let (image, label) = Self.volumes()
        let options = CropSampler.Options(
            patchSize: Triple(golden.patch[0], golden.patch[1], golden.patch[2]), positive: golden.positive,
            negative: golden.negative, imageThreshold: 0)
        let scan = LabelledScan(image: ScanImage(image), label: label)
        let sampler = try CropSampler(scan, options: options, name: "golden")
        #expect(sampler.warning == nil)
        var pipeline = RandomPipeline(
            [
                RandFlip(probability: 0.5, axis: 0), RandFlip(probability: 0.5, axis: 2),
                RandRotate90(probability: 0.7, maxTurns: 3), RandScaleIntensity(factors: -0.1...0.1, probability: 0.6),
                RandShiftIntensity(offsets: -0.2...0.2, probability: 0.6),
            ], seed: 7)
        for first in stride(from: 0, to: golden.patches.count, by: 3) {
            let places = (0..<3).map { _ in sampler.draw(&pipeline.cropRandom) }
            for (offset, place) in places.enumerated() {
                var patch = try scan.cut(sampler.box(place, in: scan))
                for change in pipeline.draw(channels: 1) { change.apply(to: &patch) }
                let expected = golden.patches[first + offset]
                #expect([patch.size.d, patch.size.h, patch.size.w] == expected.size)
                #expect(patch.label == expected.label)
                #expect(zip(patch.image, expected.image).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($1)) })
            }
        }
    }

    @Test func quarterTurnsAddUp() throws {
        let (image, label) = Self.volumes()
        let patch = try LabelledScan(image: ScanImage(image), label: label).cut(Box3(of: image.size))
        #expect(patch.rotated90(1).rotated90(3) == patch)
        #expect(patch.rotated90(2) == patch.flipped(axis: 0).flipped(axis: 1))
        #expect(patch.rotated90(1).rotated90(1) == patch.rotated90(2) && patch.rotated90(-1) == patch.rotated90(3))
    }

    private static func options(_ size: Triple) -> CropSampler.Options {
        CropSampler.Options(patchSize: size, positive: 1, negative: 1, imageThreshold: 0)
    }

    @Test func patchLargerThanVolumeSuggestsPadding() {
        let (image, label) = Self.volumes()
        let error = #expect(throws: DataError.self) {
            try CropSampler(
                LabelledScan(image: ScanImage(image), label: label), options: Self.options(Triple(4, 9, 4)),
                name: "case_7")
        }
        #expect(error?.description.contains("4×9×4") == true && error?.description.contains("7×8×6") == true)
        #expect(error?.description.contains("case_7") == true && error?.description.contains("pad") == true)
    }

    @Test func missingClassForcesTheRatio() throws {
        var (image, label) = Self.volumes()
        label.voxels = label.voxels.map { _ in 0 }
        let none = try CropSampler(
            LabelledScan(image: ScanImage(image), label: label), options: Self.options(Triple(2, 2, 2)), name: "empty")
        #expect(none.positiveRatio == 0 && none.warning?.contains("empty") == true && none.foregroundCount == 0)
        image.voxels = image.voxels.map { _ in -1 }
        #expect(throws: DataError.self) {
            try CropSampler(
                LabelledScan(image: ScanImage(image), label: label), options: Self.options(Triple(2, 2, 2)),
                name: "nothing")
        }
        label.voxels = label.voxels.map { _ in 1 }
        let all = try CropSampler(
            LabelledScan(image: ScanImage(image), label: label), options: Self.options(Triple(2, 2, 2)), name: "full")
        #expect(all.positiveRatio == 1 && all.backgroundCount == 0 && all.warning != nil)
    }

    @Test func weightsThatMakeNoRatio() {
        let (image, label) = Self.volumes()
        #expect(throws: DataError.self) {
            let none = CropSampler.Options(patchSize: Triple(2, 2, 2), positive: 0, negative: 0, imageThreshold: 0)
            return try CropSampler(LabelledScan(image: ScanImage(image), label: label), options: none, name: "x")
        }
    }

    /// Counts per row replace the lists that MONAI keeps: every voxel of a kind is found, padding included.
    @Test(arguments: [Float(-1), 0, 3])
    func everyVoxelOfAKindIsReached(_ threshold: Float) throws {
        let (image, label) = Self.volumes()
        let scan = LabelledScan(image: ScanImage(image), label: label).padded(to: Triple(7, 10, 9))
        var options = Self.options(Triple(1, 1, 1))
        options.imageThreshold = threshold
        let sampler = try CropSampler(scan, options: options, name: "x")
        let whole = try scan.cut(Box3(of: scan.size))
        let foreground = whole.label.indices.filter { whole.label[$0] != 0 }
        let background = whole.label.indices.filter { whole.label[$0] == 0 && whole.image[$0] > threshold }
        #expect(sampler.foregroundCount == foreground.count && sampler.backgroundCount == background.count)
        var random = NumPyRandomState(seed: 3)
        var again = random
        for _ in 0..<200 {
            let box = try sampler.box(sampler.draw(&random), in: scan)
            let list = again.rand() < 0.5 ? foreground : background
            let expected = list[again.randint(list.count)]
            let index = (box.start[0] * 10 + box.start[1]) * 9 + box.start[2]
            #expect(index == expected)
        }
    }

    @Test func oversamplingTakesEveryClassAndEveryPlace() throws {
        var (image, label) = Self.volumes()
        label.voxels = label.voxels.map { _ in 0 }
        label[1, 1, 1] = 1
        for j in 3..<6 { label[5, j, 4] = 2 }
        image.voxels = image.voxels.map { _ in -1 }
        let scan = LabelledScan(image: ScanImage(image), label: label)
        let sampler = try CropSampler(scan, options: Self.options(Triple(3, 3, 3)), name: "x")
        var random = NumPyRandomState(seed: 0)
        var (ones, starts): (Int, Set<[Int]>) = (0, [])
        for _ in 0..<400 {
            let forced = try scan.cut(sampler.box(sampler.draw(forcingForeground: true, &random), in: scan))
            #expect(forced.label.contains { $0 != 0 })
            if forced.label[13] == 1 { ones += 1 }
            starts.insert(try sampler.box(sampler.draw(forcingForeground: false, &random), in: scan).start)
        }
        #expect((150...250).contains(ones))
        #expect(starts.contains([0, 0, 0]) && starts.count > 80 && starts.allSatisfy { $0[0] <= 4 && $0[2] <= 3 })
    }
}
