internal import SegCore

/// Deforms image and label by a smooth random field with a probability; MONAI's `Rand3DElasticd`.
public struct RandElastic: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The range of the standard deviation, in voxels, of the Gaussian that smooths the field.
    public let sigma: ClosedRange<Double>
    /// The range of the factor that turns the smoothed field, of numbers from -1 to 1, into voxels.
    public let magnitude: ClosedRange<Double>
    /// The values of voxels outside the patch.
    public let padding: PatchPadding
    private var random = NumPyRandomState(seed: 0)

    /// Creates the transform from its probability, both ranges and its padding.
    public init(
        probability: Double, sigma: ClosedRange<Double>, magnitude: ClosedRange<Double>, padding: PatchPadding
    ) {
        self.probability = probability
        self.sigma = sigma
        self.magnitude = magnitude
        self.padding = padding
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// Draws the standard deviation, the magnitude and a seed of the field; the field itself does not use NumPy's
    /// generator.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard random.rand() < probability else { return nil }
        return ElasticWarp(
            sigma: random.uniform(sigma.lowerBound, sigma.upperBound),
            magnitude: random.uniform(magnitude.lowerBound, magnitude.upperBound), padding: padding,
            seed: random.nextUInt64())
    }
}

/// Deforms by a smooth random field.
public struct ElasticWarp: PatchChange, Hashable {
    /// The standard deviation in voxels of the Gaussian that smooths the field, truncated at three standard deviations.
    public let sigma: Double
    /// The factor that turns the smoothed field into voxels.
    public let magnitude: Double
    /// The values of voxels outside the patch.
    public let padding: PatchPadding
    /// The seed of the field.
    public let seed: UInt64

    /// Creates the change from the standard deviation, the magnitude, the padding and the seed of the field.
    public init(sigma: Double, magnitude: Double, padding: PatchPadding, seed: UInt64) {
        self.sigma = sigma
        self.magnitude = magnitude
        self.padding = padding
        self.seed = seed
    }

    /// Changes image and label alike.
    public func apply(to patch: inout Patch) {
        let count = patch.size.count
        let numbers = RandomField(seed: seed).uniform(3 * count)
        apply(to: &patch, field: (0..<3).map { Array(numbers[$0 * count..<($0 + 1) * count]) })
    }

    /// Changes image and label alike by a given field of numbers from -1 to 1, one array for each axis.
    public func apply(to patch: inout Patch, field: [[Float]]) {
        precondition(field.count == 3 && field.allSatisfy { $0.count == patch.size.count }, "a field of three axes")
        let filter = GaussianFilter(sigmas: [sigma, sigma, sigma], truncated: 3)
        var field = field
        for axis in 0..<3 { filter(&field[axis], size: patch.size) }
        field[0].withUnsafeBufferPointer { x in
            field[1].withUnsafeBufferPointer { y in
                field[2].withUnsafeBufferPointer { z in
                    patch = patch.resampled(
                        BentCoordinates(x: x, y: y, z: z, magnitude: Float(magnitude)), padding)
                }
            }
        }
    }
}

/// The coordinates of a patch displaced by a field.
private struct BentCoordinates: CoordinateMap {
    let x: UnsafeBufferPointer<Float>
    let y: UnsafeBufferPointer<Float>
    let z: UnsafeBufferPointer<Float>
    let magnitude: Float

    @inline(__always)
    func source(_ i: Float, _ j: Float, _ k: Float, flat: Int) -> SIMD4<Float> {
        SIMD4(i, j, k, 0) + magnitude * SIMD4(x[flat], y[flat], z[flat], 0)
    }
}
