public import SegCore

/// Maps the minimum and maximum intensity to two numbers, linearly; MONAI's `ScaleIntensity(minv=, maxv=,
/// channel_wise=)`.
public struct MinMaxScale: Hashable, Sendable {
    /// The new minimum.
    public let low: Double
    /// The new maximum.
    public let high: Double
    /// Whether each channel has its own minimum and maximum; otherwise all channels share one minimum and one maximum.
    public let channelWise: Bool

    /// Creates a scaling from the new minimum and maximum.
    ///
    /// - Throws: `DataError` if one of them is not finite.
    public init(low: Double, high: Double, channelWise: Bool) throws(DataError) {
        guard low.isFinite, high.isFinite else {
            throw DataError(.badArgument, "ScaleIntensity", "minv \(low) and maxv \(high) must be finite numbers.")
        }
        (self.low, self.high, self.channelWise) = (low, high, channelWise)
    }

    /// Scales in place; if all intensities are equal, each is multiplied by `low`, as in MONAI.
    public func apply(to image: inout ScanImage) {
        let count = image.channels.count
        for group in channelWise ? (0..<count).map({ $0..<$0 + 1 }) : [0..<count] {
            let least = group.compactMap { image.channels[$0].min() }.min() ?? 0
            let most = group.compactMap { image.channels[$0].max() }.max() ?? 0
            for channel in group { scale(&image.channels[channel], least, most) }
        }
    }

    private func scale(_ voxels: inout [Float], _ least: Float, _ most: Float) {
        let (base, width, range) = (Float(low), most - least, Float(high - low))
        voxels.withUnsafeMutableBufferPointer { voxels in
            nonisolated(unsafe) let voxels = voxels
            concurrently(voxels.count) { part in
                for index in part {
                    voxels[index] = width == 0 ? voxels[index] * base : (voxels[index] - least) / width * range + base
                }
            }
        }
    }
}
