internal import SegCore

/// Bends image and label by a smooth random field with a probability; MONAI's `Rand3DElasticd`.
public struct RandElastic: RandomPatchTransform, Hashable {
    /// Chance of a change.
    public let probability: Double
    /// Range of the standard deviation in voxels by which the field is smoothed.
    public let sigma: ClosedRange<Double>
    /// Range of the factor from the smoothed field, of numbers from -1 to 1, to voxels.
    public let magnitude: ClosedRange<Double>
    /// What lies outside the patch.
    public let padding: PatchPadding
    private var random = NumPyRandomState(seed: 0)

    /// Takes the chance, both ranges and what lies outside.
    public init(
        probability: Double, sigma: ClosedRange<Double>, magnitude: ClosedRange<Double>, padding: PatchPadding
    ) {
        self.probability = probability
        self.sigma = sigma
        self.magnitude = magnitude
        self.padding = padding
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// Smoothness, strength, and a seed of the field, which is not NumPy's.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard random.rand() < probability else { return nil }
        return ElasticWarp(
            sigma: random.uniform(sigma.lowerBound, sigma.upperBound),
            magnitude: random.uniform(magnitude.lowerBound, magnitude.upperBound), padding: padding,
            seed: random.nextUInt64())
    }
}

/// Bends by a smooth random field.
public struct ElasticWarp: PatchChange, Hashable {
    /// Standard deviation in voxels by which the field is smoothed, cut at three.
    public let sigma: Double
    /// Factor from the smoothed field to voxels.
    public let magnitude: Double
    /// What lies outside the patch.
    public let padding: PatchPadding
    /// Decides the field.
    public let seed: UInt64

    /// Takes smoothness, strength, what lies outside and the field's seed.
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

    /// Changes image and label by a given field of numbers from -1 to 1, one array for each axis.
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

/// Coordinates moved by a field.
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
