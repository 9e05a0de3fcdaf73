import SegCore
import SegData
import SegImaging
import Testing

/// Cases in which every voxel is its own index plus 1, so that a patch shows its position.
@Suite struct PatchSourceTests {
    private static func label(_ index: Int) -> Int { index % 7 == 3 ? 2 : index % 5 == 0 ? 1 : 0 }

    private func numbered(_ name: String, _ size: Triple, offset: Int = 0) -> PreparedCase {
        PreparedCase(
            name: name,
            image: ScanImage(
                Volume(voxels: (0..<size.count).map { Float($0 + 1 + offset) }, size: size, affine: .identity)),
            label: Volume(voxels: (0..<size.count).map { Float(Self.label($0)) }, size: size, affine: .identity))
    }

    private var cases: [PreparedCase] {
        [numbered("a", Triple(9, 12, 10)), numbered("b", Triple(8, 8, 8)), numbered("c", Triple(11, 9, 14))]
    }

    private func sampling(_ size: Triple) -> PatchSampling {
        var sampling = PatchSampling(size: size)
        sampling.samplesPerVolume = 3
        return sampling
    }

    private var everything: Augmentation {
        var augmentation = Augmentation()
        (augmentation.flipProbability, augmentation.flipAxes) = (0.5, [0, 1, 2])
        augmentation.rotateProbability = 0.5
        return augmentation
    }

    @Test func aBatchDependsOnSeedAndStepAlone() throws {
        let source = try PatchSource(cases, sampling(Triple(4, 4, 6)), everything, seed: 7)
        let again = try PatchSource(cases, sampling(Triple(4, 4, 6)), everything, seed: 7)
        let other = try PatchSource(cases, sampling(Triple(4, 4, 6)), everything, seed: 8)
        let later = try source.batch(5)
        var seen: Set<[Float]> = []
        for step in 0..<8 {
            let batch = try source.batch(step)
            #expect(try batch.images == again.batch(step).images)
            #expect(try batch.labels == again.batch(step).labels)
            #expect(try batch.images != other.batch(step).images)
            seen.insert(batch.images)
        }
        #expect(seen.count == 8)
        #expect(try again.batch(5).images == later.images)
    }

    @Test func patchesAreWholeBoxesOfTheVolume() throws {
        let item = numbered("a", Triple(9, 12, 10))
        let size = Triple(4, 5, 6)
        let source = try PatchSource([item], sampling(size), Augmentation(), seed: 1)
        for step in 0..<20 {
            let batch = try source.batch(step)
            #expect(batch.count == 3 && batch.size == size)
            for patch in 0..<3 {
                let image = batch.images[patch * size.count..<(patch + 1) * size.count].map { Int($0) - 1 }
                let start = [image[0] / 120, image[0] / 10 % 12, image[0] % 10]
                let box = try item.image.volume(0).cut(Box3(start: start, size: size), fill: -1)
                #expect(box.voxels.map { Int($0) - 1 } == image)
            }
        }
    }

    @Test func labelsFollowTheirVoxelsThroughFlipsAndTurns() throws {
        let source = try PatchSource(cases, sampling(Triple(5, 5, 4)), everything, seed: 3)
        var unmoved = 0
        for step in 0..<12 {
            let batch = try source.batch(step)
            #expect(batch.labels == batch.images.map { Int32(Self.label(Int($0) - 1)) })
            if batch.images[1] == batch.images[0] + 1 { unmoved += 1 }
        }
        #expect(unmoved < 12)
    }

    @Test func intensityChangesLeaveLabelsAlone() throws {
        var augmentation = Augmentation()
        (augmentation.scaleProbability, augmentation.scaleFactors) = (1, 0.5)
        (augmentation.shiftProbability, augmentation.shiftOffsets) = (1, 100)
        let plain = try PatchSource(cases, sampling(Triple(4, 4, 4)), Augmentation(), seed: 3).batch(2)
        let varied = try PatchSource(cases, sampling(Triple(4, 4, 4)), augmentation, seed: 3).batch(2)
        #expect(plain.images != varied.images)
        #expect(Set(varied.labels).isSubset(of: [0, 1, 2]))
    }

    @Test func everyVolumeIsSeenInEveryEpoch() throws {
        let cases = (0..<4).map { numbered("\($0)", Triple(6, 6, 6), offset: 1000 * $0) }
        var orders: Set<[Int]> = []
        let source = try PatchSource(cases, sampling(Triple(4, 4, 4)), Augmentation(), seed: 0)
        for epoch in 0..<6 {
            let order = try (0..<4).map { Int(try source.batch(epoch * 4 + $0).images[0]) / 1000 }
            #expect(order.sorted() == [0, 1, 2, 3])
            orders.insert(order)
        }
        #expect(orders.count > 1)
    }

    @Test func positivePatchesHoldForeground() throws {
        var item = numbered("a", Triple(12, 12, 12))
        var label = Volume(voxels: [Float](repeating: 0, count: 1728), size: item.size, affine: .identity)
        label[6, 5, 4] = 1
        item = try PreparedCase(name: "a", image: item.image, label: label)
        var positive = sampling(Triple(4, 4, 4))
        (positive.positive, positive.negative) = (1, 0)
        let source = try PatchSource([item], positive, Augmentation(), seed: 0)
        for step in 0..<4 { #expect(try source.batch(step).labels.count { $0 == 1 } == 3) }
    }

    @Test func smallVolumesArePaddedOnRequestOnly() throws {
        let small = numbered("small", Triple(3, 8, 5))
        let error = try #require(throws: DataError.self) {
            try PatchSource([small], sampling(Triple(6, 6, 6)), Augmentation(), seed: 0)
        }
        #expect(error.subject == "small" && error.message.contains("sampling.pad"))
        var padded = sampling(Triple(6, 6, 6))
        padded.pad = true
        let batch = try PatchSource([small], padded, Augmentation(), seed: 0).batch(0)
        #expect(batch.images.count == 3 * 216)
        #expect(batch.images.count { $0 > 0 } == 3 * 3 * 6 * 5)
        #expect(zip(batch.images, batch.labels).allSatisfy { $0 > 0 || $1 == 0 })
    }

    @Test func theLastPatchesOfABatchHoldForeground() throws {
        var label = Volume(voxels: [Float](repeating: 0, count: 1728), size: Triple(12, 12, 12), affine: .identity)
        label[6, 5, 4] = 1
        let item = try PreparedCase(name: "a", image: numbered("a", label.size).image, label: label)
        var forced = sampling(Triple(4, 4, 4))
        forced.foregroundOversampling = 0.33
        let source = try PatchSource([item], forced, Augmentation(), seed: 0)
        var others = 0
        for step in 0..<12 {
            let labels = try source.batch(step).labels
            #expect(labels[128...].contains(1))
            if !labels[..<128].contains(1) { others += 1 }
        }
        #expect(others > 6)
    }

    /// MONAI's sequence is one for the whole run; threads and resumed runs request its steps in any order.
    @Test func aSequenceIsTheSameInAnyOrder() throws {
        var one = sampling(Triple(4, 4, 4))
        one.draws = .monai
        let source = try PatchSource(cases, one, everything, seed: 7)
        let inOrder = try (0..<8).map { try source.batch($0).images }
        #expect(Set(inOrder).count == 8)
        for order in [[5, 0, 1, 7, 6, 2], [7], [3, 3, 4], [1, 0]] {
            let other = try PatchSource(cases, one, everything, seed: 7)
            for step in order { #expect(try other.batch(step).images == inOrder[step]) }
        }
    }

    @Test func everyAugmentationChangesPatchesAndRepeats() throws {
        var all: [Augmentation] = []
        func add(_ change: (inout Augmentation) -> Void) {
            var augmentation = Augmentation()
            change(&augmentation)
            all.append(augmentation)
        }
        add {
            $0.affine = RandAffine(probability: 1, rotation: [1, 1, 1], shear: 0.2, scale: 0.7...1.4, padding: .border)
        }
        add { $0.elastic = RandElastic(probability: 1, sigma: 1...2, magnitude: 5...9, padding: .reflection) }
        add { $0.noise = RandGaussianNoise(probability: 1, deviation: 3) }
        add { $0.blur = RandGaussianSmooth(probability: 1, sigma: 0.5...1) }
        add { $0.brightness = RandBrightness(probability: 1, range: 0.7...1.3) }
        add { $0.contrast = RandContrast(probability: 1, range: 0.7...1.3) }
        add { $0.lowResolution = RandLowResolution(probability: 1, zoom: 0.3...0.6) }
        add { $0.gamma = RandGamma(probability: 1, range: 0.7...1.5, invertProbability: 0.5, retainsStatistics: true) }
        let plain = try PatchSource(cases, sampling(Triple(6, 5, 4)), Augmentation(), seed: 2).batch(1)
        for (index, augmentation) in all.enumerated() {
            let varied = try PatchSource(cases, sampling(Triple(6, 5, 4)), augmentation, seed: 2).batch(1)
            let again = try PatchSource(cases, sampling(Triple(6, 5, 4)), augmentation, seed: 2).batch(1)
            #expect(varied.images != plain.images && varied.images.allSatisfy(\.isFinite))
            #expect(varied.images == again.images && varied.labels == again.labels)
            #expect((varied.labels == plain.labels) == (index >= 2))
        }
    }

    @Test func settingsThatMakeNoSenseAreRefused() throws {
        #expect(throws: DataError.self) { try PatchSource([], sampling(Triple(4, 4, 4)), Augmentation(), seed: 0) }
        let error = try #require(throws: DataError.self) {
            try PatchSource(cases, sampling(Triple(4, 6, 4)), everything, seed: 0)
        }
        #expect(error.subject == "augmentation.rotate90")
    }
}
