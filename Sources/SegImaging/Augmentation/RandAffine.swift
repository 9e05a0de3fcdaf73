internal import Foundation
internal import SegCore

/// Rotates, shears and scales image and label about the patch's centre with a probability; MONAI's `RandAffined`.
public struct RandAffine: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The largest angle in radians about each of the three axes, in either direction; empty for no rotation.
    public let rotation: [Double]
    /// The largest shearing factor, in either direction; nil for no shear.
    public let shear: Double?
    /// The range of the three factors by which the sampled grid grows (the content shrinks); nil for no scaling.
    public let scale: ClosedRange<Double>?
    /// The values of voxels outside the patch.
    public let padding: PatchPadding
    private var outer = NumPyRandomState(seed: 0)
    private var inner = NumPyRandomState(seed: 0)

    /// Creates the transform from its probability, its ranges and its padding.
    public init(
        probability: Double, rotation: [Double], shear: Double?, scale: ClosedRange<Double>?, padding: PatchPadding
    ) {
        precondition(rotation.isEmpty || rotation.count == 3, "a rotation has three angles")
        self.probability = probability
        self.rotation = rotation
        self.shear = shear
        self.scale = scale
        self.padding = padding
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) {
        outer = NumPyRandomState(seed: seed)
        inner = NumPyRandomState(seed: seed)
    }

    /// Draws the parameters as often as MONAI does. The first draw is discarded. If the transform is applied, the second
    /// draw is used, and two more are discarded: one for the image and one for the label.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        let acts = outer.rand() < probability
        _ = parameters()
        guard acts else { return nil }
        let used = parameters()
        for _ in ["image", "label"] { _ = parameters() }
        return used
    }

    private mutating func parameters() -> AffineWarp {
        let angles = rotation.map { inner.uniform(-$0, $0) }
        let shears = shear.map { limit in (0..<6).map { _ in inner.uniform(-limit, limit) } } ?? []
        let scales = scale.map { range in
            (0..<3).map { _ in inner.uniform(range.lowerBound - 1, range.upperBound - 1) + 1 }
        }
        return AffineWarp(rotation: angles, shear: shears, scale: scales ?? [], padding: padding)
    }
}

/// Rotates, shears and scales about the patch's centre; MONAI's `Affine`.
public struct AffineWarp: PatchChange, Hashable {
    /// The angles in radians about the axes, applied one after the other; empty for no rotation.
    public let rotation: [Double]
    /// The shearing factors of axes (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1); empty for no shear.
    public let shear: [Double]
    /// The factors by which the sampled grid grows; empty for no scaling.
    public let scale: [Double]
    /// The values of voxels outside the patch.
    public let padding: PatchPadding

    /// Creates the change from three angles, six shearing factors and three scales, any of them empty, and the padding.
    public init(rotation: [Double], shear: [Double], scale: [Double], padding: PatchPadding) {
        precondition([0, 3].contains(rotation.count) && [0, 6].contains(shear.count) && [0, 3].contains(scale.count))
        self.rotation = rotation
        self.shear = shear
        self.scale = scale
        self.padding = padding
    }

    /// Changes image and label alike.
    public func apply(to patch: inout Patch) {
        patch = patch.resampled(AffineCoordinates(matrix, size: patch.size), padding)
    }

    /// The matrix from new to old voxel coordinates about the centre, in row-major order.
    private var matrix: [Double] {
        var result: [Double] = [1, 0, 0, 0, 1, 0, 0, 0, 1]
        for (axis, angle) in rotation.enumerated() {
            let (a, b) = [(1, 2), (2, 0), (0, 1)][axis]
            var turn: [Double] = [1, 0, 0, 0, 1, 0, 0, 0, 1]
            (turn[4 * a], turn[4 * b]) = (cos(angle), cos(angle))
            (turn[3 * a + b], turn[3 * b + a]) = (-sin(angle), sin(angle))
            result = Self.product(result, turn)
        }
        var slant: [Double] = [1, 0, 0, 0, 1, 0, 0, 0, 1]
        for ((row, column), factor) in zip([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)], shear) {
            var single: [Double] = [1, 0, 0, 0, 1, 0, 0, 0, 1]
            single[3 * row + column] = factor
            slant = Self.product(single, slant)
        }
        result = Self.product(result, slant)
        for (axis, factor) in scale.enumerated() {
            for row in 0..<3 { result[3 * row + axis] *= factor }
        }
        return result
    }

    private static func product(_ a: [Double], _ b: [Double]) -> [Double] {
        (0..<9).map { index in
            let (row, column) = (index / 3 * 3, index % 3)
            return a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column]
        }
    }
}

/// The coordinates that a matrix gives about the patch's centre.
private struct AffineCoordinates: CoordinateMap {
    private let columns: (SIMD4<Float>, SIMD4<Float>, SIMD4<Float>)
    private let centre: SIMD4<Float>

    init(_ matrix: [Double], size: Triple) {
        func column(_ index: Int) -> SIMD4<Float> {
            SIMD4(Float(matrix[index]), Float(matrix[3 + index]), Float(matrix[6 + index]), 0)
        }
        columns = (column(0), column(1), column(2))
        centre = SIMD4(Float(size.d - 1), Float(size.h - 1), Float(size.w - 1), 0) / 2
    }

    @inline(__always)
    func source(_ i: Float, _ j: Float, _ k: Float, flat: Int) -> SIMD4<Float> {
        let from = SIMD4(i, j, k, 0) - centre
        return columns.0 * from.x + columns.1 * from.y + columns.2 * from.z + centre
    }
}
