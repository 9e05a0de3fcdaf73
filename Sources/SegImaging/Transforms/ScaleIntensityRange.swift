public import SegCore

/// Maps [aMin, aMax] to [bMin, bMax] linearly in float32; MONAI's `ScaleIntensityRange`.
public struct ScaleIntensityRange: Hashable, Sendable {
    /// The intensity that is mapped to `bMin`.
    public let aMin: Double
    /// The intensity that is mapped to `bMax`.
    public let aMax: Double
    /// The lower end of the result.
    public let bMin: Double
    /// The upper end of the result.
    public let bMax: Double
    /// Whether values outside the range are clipped to its ends.
    public let clip: Bool

    /// Creates a scaling from both ranges.
    ///
    /// - Throws: `DataError` if a bound is not finite.
    public init(aMin: Double, aMax: Double, bMin: Double = 0, bMax: Double = 1, clip: Bool = false) throws(DataError) {
        guard [aMin, aMax, bMin, bMax].allSatisfy(\.isFinite) else {
            throw DataError(
                .badArgument, "ScaleIntensityRange",
                "bounds [\(aMin), \(aMax)] → [\(bMin), \(bMax)] must be finite numbers.")
        }
        (self.aMin, self.aMax, self.bMin, self.bMax, self.clip) = (aMin, aMax, bMin, bMax, clip)
    }

    /// The scaled volume.
    ///
    /// If the range is empty ([a, a]), a is subtracted and bMin added without clipping, as in MONAI.
    public func callAsFunction(_ volume: Volume) -> Volume {
        var result = volume
        apply(to: &result.voxels)
        return result
    }

    /// Scales in place.
    public func apply(to voxels: inout [Float]) {
        let (low, base) = (Float(aMin), Float(bMin))
        let (width, range, top) = (Float(aMax - aMin), Float(bMax - bMin), Float(bMax))
        if aMax - aMin == 0 {
            for index in voxels.indices { voxels[index] = voxels[index] - low + base }
            return
        }
        let clip = clip
        voxels.withUnsafeMutableBufferPointer { voxels in
            nonisolated(unsafe) let voxels = voxels
            concurrently(voxels.count) { part in
                for index in part {
                    let value = (voxels[index] - low) / width * range + base
                    // NaN fails both comparisons and stays NaN. The upper end wins if it is below the lower one, as in
                    // MONAI's clip.
                    let raised = value < base ? base : value
                    voxels[index] = !clip ? value : raised > top ? top : raised
                }
            }
        }
    }
}
