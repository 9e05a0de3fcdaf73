import SegCore
import SegData
import SegImaging
import SegTestNeeds
import Testing

/// Compares a run's patches with MONAI's own pipeline, seeded once (`Tests/Golden/augmentation_cores.py`).
@Suite struct MONAISequenceTests {
    private struct Golden: Decodable {
        /// By volume of the sequence, patch and voxel: four epochs of three volumes, three patches of each.
        var training: [[[Int]]]
    }

    /// Voxels are numbered, therefore equal patches were cut at the same position and flipped and rotated alike.
    @Test func centresFlipsAndTurnsEqualMONAIOverEpochs() throws {
        let golden = try GoldenFile("augmentation_cores.json").decoded(as: Golden.self).training
        let cases = [Triple(9, 12, 10), Triple(8, 7, 11), Triple(6, 8, 9)].map { size in
            PreparedCase(
                name: "\(size)",
                image: ScanImage(
                    Volume(voxels: (0..<size.count).map { Float($0 + 1) }, size: size, affine: .identity)),
                label: Volume(voxels: (0..<size.count).map { $0 % 7 == 3 ? 1 : 0 }, size: size, affine: .identity))
        }
        var sampling = PatchSampling(size: Triple(4, 4, 5))
        (sampling.positive, sampling.negative, sampling.imageThreshold) = (1, 2, 40)
        (sampling.samplesPerVolume, sampling.volumesPerBatch, sampling.draws) = (3, 2, .monai)
        var augmentation = Augmentation()
        (augmentation.flipProbability, augmentation.flipAxes, augmentation.rotateProbability) = (0.5, [0, 1, 2], 0.5)
        let source = try PatchSource(cases, sampling, augmentation, seed: 11)
        for step in 0..<6 {
            let expected = (golden[2 * step] + golden[2 * step + 1]).flatMap(\.self)
            let batch = try source.batch(step)
            #expect(batch.images.map { Int($0) } == expected)
            #expect(batch.labels.map { Int($0) } == expected.map { ($0 - 1) % 7 == 3 ? 1 : 0 })
        }
    }
}
