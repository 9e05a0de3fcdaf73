import SegCore
import SegImaging
import Testing

/// Integers from 0 to 99 that Python draws in the same way: s ← 1664525 s + 1013904223 mod 2³², from 12345.
private let noise: [Int] = {
    var state: UInt32 = 12345
    return (0..<size.count).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int(state >> 16) % 100
    }
}()

private let size = Triple(9, 11, 13)

/// A hash that distinguishes label maps.
private func digest(_ labels: some Sequence<some BinaryInteger>) -> Int {
    labels.enumerated().reduce(0) { $0 + Int($1.element) * ($1.offset % 9973 + 1) }
}

private func apply(_ labels: [UInt8], voxelVolumeML: Double = 1, _ change: (inout PostProcessing) -> Void) -> [UInt8] {
    var steps = PostProcessing()
    change(&steps)
    var labels = labels
    steps.apply(to: &labels, size: size, voxelVolumeML: voxelVolumeML)
    return labels
}

@Suite struct PostProcessingTests {
    /// Compares with `scipy.ndimage.label` on noise below a threshold.
    @Test(arguments: [
        (12, Connectivity.faces, 106, 6_814_870), (12, .edges, 43, 1_897_023), (12, .corners, 27, 832_603),
        (20, .faces, 133, 13_612_734), (20, .edges, 27, 1_089_052), (20, .corners, 5, 173_969),
        (32, .faces, 102, 11_576_943), (32, .edges, 7, 285_132), (32, .corners, 1, 261_254),
    ])
    func componentsAreSciPys(cut: Int, connectivity: Connectivity, count: Int, expected: Int) {
        let pieces = Components(size: size, connectivity: connectivity) { noise[$0] < cut }
        #expect(pieces.sizes.count == count)
        #expect(digest(pieces.numbers) == expected)
        #expect(pieces.sizes.reduce(0, +) == noise.count { $0 < cut })
    }

    /// Compares with MONAI's `KeepLargestConnectedComponent` for two labels, each alone.
    @Test(arguments: [
        (Connectivity.faces, 40, 63, 85_792), (.edges, 377, 317, 676_352), (.corners, 387, 328, 685_453),
    ])
    func theLargestIsMONAIs(connectivity: Connectivity, first: Int, second: Int, expected: Int) {
        let labels = noise.map { UInt8($0 < 30 ? 1 : $0 < 55 ? 2 : 0) }
        let kept = apply(labels) { ($0.keepsLargest, $0.connectivity) = (true, connectivity) }
        #expect(kept.count { $0 == 1 } == first && kept.count { $0 == 2 } == second)
        #expect(digest(kept) == expected)
    }

    /// The largest component of some labels is kept, and of a region by its channel.
    @Test func theLargestOfNamedLabelsLeavesOthers() {
        let labels = noise.map { UInt8($0 < 30 ? 1 : $0 < 55 ? 2 : 0) }
        var steps = PostProcessing()
        steps.connectivity = .faces
        steps.keepLargest()
        let all = apply(labels) { $0 = steps }
        steps.keepLargest(of: [2])
        let second = apply(labels) { $0 = steps }
        #expect(second.indices.allSatisfy { second[$0] == (labels[$0] == 2 ? all[$0] : labels[$0]) })
        #expect(second != all && second != labels)
        let one = labels.map { UInt8($0 == 1 ? 1 : 0) }
        #expect(apply(one) { $0 = steps.ofRegion(1) } == one && apply(one) { $0 = steps.ofRegion(2) } != one)
    }

    @Test(arguments: [true, false, [1, 3]] as [ConfigValue])
    func theLargestPieceIsReadAsItIsWritten(_ value: ConfigValue) throws {
        let reader = try ConfigReader(["largest_component": value], path: "postprocessing", source: "a test")
        let steps = try ConfigCoder.read(reader, PostProcessing.coded)
        #expect(steps.keepsLargest == (value != false) && steps.largestOf == (value == [1, 3] ? [1, 3] : nil))
        guard case .object(let entries) = steps.value else { return }
        #expect(entries["largest_component"] == value)
    }

    @Test(arguments: [[], [256], [1.5], "spleen"] as [ConfigValue])
    func aListThatNamesNoLabelsIsRefused(_ value: ConfigValue) throws {
        let reader = try ConfigReader(["largest_component": value], path: "", source: "a test")
        let error = #expect(throws: DataError.self) { try ConfigCoder.read(reader, PostProcessing.coded) }
        #expect(error?.key == "largest_component")
    }

    /// Compares with nnU-Net's `remove_all_but_largest_component_from_segmentation` for some labels together; other
    /// labels stay.
    @Test(arguments: [([1, 2], [5, 7, 38], 87_443), ([1, 2, 3], [9, 10, 9], 52_895)])
    func theLargestOfSeveralLabelsIsNNUNets(group: [UInt8], counts: [Int], expected: Int) {
        var labels = noise.map { UInt8($0 < 3 ? 1 : $0 < 6 ? 2 : $0 < 9 ? 3 : 0) }
        MaskStep.keepAllLargest(group).apply(to: &labels, size: size)
        #expect((1...3).map { label in labels.count { $0 == UInt8(label) } } == counts)
        #expect(digest(labels) == expected)
    }

    @Test func ofEqualPiecesNNUNetKeepsAll() {
        var labels: [UInt8] = [1, 1, 0, 2, 2, 0, 1, 0, 3]
        MaskStep.keepAllLargest([1, 2]).apply(to: &labels, size: Triple(9, 1, 1))
        #expect(labels == [1, 1, 0, 2, 2, 0, 0, 0, 3])
        var maps: [[UInt8]] = [[1, 0, 1, 1, 0], [0, 0, 0, 0, 1], [1, 0, 1, 0, 0]]
        MaskStep.keepAllLargest([0, 2]).apply(to: &maps, size: Triple(5, 1, 1))
        #expect(maps == [[0, 0, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 1, 0, 0]])
    }

    /// Compares with `scipy.ndimage.binary_fill_holes` for one label, and for two in turn where they are background.
    @Test func holesAreFilledAsSciPyDoes() {
        let one = noise.map { UInt8($0 < 72 ? 1 : 0) }
        #expect(digest(apply(one) { $0.fillsHoles = true }) == 651_669)
        let two = noise.map { UInt8($0 < 66 ? 1 : $0 < 70 ? 2 : 0) }
        let filled = apply(two) { $0.fillsHoles = true }
        #expect(digest(filled) == 659_060)
        #expect(zip(two, filled).allSatisfy { $0 == 2 ? $1 == 2 : true })
    }

    @Test func smallPiecesGoByVolume() {
        let labels = noise.map { UInt8($0 < 20 ? 3 : 0) }
        let pieces = Components(size: size, connectivity: .faces) { labels[$0] == 3 }
        let kept = apply(labels, voxelVolumeML: 0.002) {
            ($0.minimumVolumeML, $0.connectivity) = (0.008, .faces)
        }
        // Four voxels of 0.002 ml just reach the limit.
        let expected = pieces.numbers.map { UInt8($0 > 0 && pieces.sizes[Int($0) - 1] >= 4 ? 3 : 0) }
        #expect(kept == expected && kept != labels && kept.contains(3))
        #expect(apply(labels) { $0.minimumVolumeML = 1e6 }.allSatisfy { $0 == 0 })
        #expect(apply(labels) { _ in } == labels)
    }

    /// Removed voxels are reported for each label by itself: a label of one component loses nothing to a larger label
    /// beside it.
    @Test func whatIsTakenFromALabelIsTold() {
        var steps = PostProcessing()
        steps.keepsLargest = true
        // Label 1 has components of 5 and 3, label 2 is whole and smaller than either, label 3 has components of 1 and
        // 1.
        var labels: [UInt8] = [1, 1, 1, 1, 1, 0, 1, 1, 1, 2, 2, 3, 0, 3]
        let size = Triple(1, 1, labels.count)
        let removals = steps.apply(to: &labels, size: size, voxelVolumeML: 1)
        #expect(labels == [1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 0, 0])
        #expect(removals.map(\.label) == [1, 3] && removals.map(\.removed) == [3, 1])
        #expect(
            removals[0].before == 8 && removals[0].pieces == 1 && removals[0].share == 0.375 && !removals[0].isWhole)
        steps.minimumVolumeML = 3
        let whole = steps.apply(to: &labels, size: size, voxelVolumeML: 1)
        #expect(whole.map(\.label) == [2, 3] && whole.allSatisfy(\.isWhole))
        #expect(steps.apply(to: &labels, size: size, voxelVolumeML: 1).isEmpty)
    }

    @Test(arguments: [Triple(1, 1, 1), Triple(1, 1, 5), Triple(3, 1, 1), Triple(2, 2, 1)])
    func thinVolumesHaveNoHoles(size: Triple) {
        var steps = PostProcessing()
        (steps.fillsHoles, steps.keepsLargest) = (true, true)
        var labels = (0..<size.count).map { UInt8($0 % 2 == 0 ? 1 : 0) }
        let before = labels
        steps.apply(to: &labels, size: size, voxelVolumeML: 1)
        #expect(zip(labels, before).allSatisfy { $0 <= $1 } && labels[0] == 1)
    }

    @Test func statisticsAreInMillilitresAndIntensities() {
        // A sheared voxel has the volume of its parallelepiped: 2 · 3 · 4 mm³.
        let affine = Affine(elements: [2, 1, 0, 5, 0, -3, 0, 6, 0, 0, 4, 7, 0, 0, 0, 1])
        let scan = Volume(voxels: [10, 20, 30, 40, 50, 60], size: Triple(1, 2, 3), affine: affine)
        let rows = LabelStatistics.measure([0, 1, 1, 3, 0, 1], classes: 4, on: scan)
        #expect(rows.map(\.label) == [1, 2, 3] && rows.map(\.voxels) == [3, 0, 1])
        #expect(abs(rows[0].volumeML - 0.072) < 1e-12 && rows[1].volumeML == 0)
        // A tiny volume keeps its digits.
        var tiny = scan
        tiny.affine = Affine(
            elements: affine.elements.enumerated().map { $0.offset < 12 ? $0.element * 1e-6 : $0.element })
        let small = LabelStatistics.measure([0, 1, 1, 3, 0, 1], classes: 4, on: tiny)
        #expect(abs(small[0].volumeML / 7.2e-20 - 1) < 1e-5 && small[1].volumeML == 0)
        #expect(rows[0].meanIntensity == 110.0 / 3 && rows[1].meanIntensity == nil && rows[2].meanIntensity == 40)
    }
}
