public import SegCore

/// Maps two percentiles of the intensities to two numbers, linearly; MONAI's
/// `ScaleIntensityRangePercentiles(lower=, upper=, b_min=, b_max=, clip=, relative=, channel_wise=)`.
public struct PercentileScale: Hashable, Sendable {
    /// The percentile of the intensity that is mapped to `bMin`.
    public let lower: Double
    /// The percentile of the intensity that is mapped to `bMax`.
    public let upper: Double
    /// The lower end of the result.
    public let bMin: Double
    /// The upper end of the result.
    public let bMax: Double
    /// Whether values outside the range are clipped to its ends.
    public let clip: Bool
    /// Whether the ends of the result are moved inwards: to `lower` and `upper` per cent of the range from `bMin` to
    /// `bMax`.
    public let isRelative: Bool
    /// Whether each channel has its own percentiles; otherwise they are computed over all channels together.
    public let channelWise: Bool

    /// Creates a scaling from percentiles and the ends of the result.
    ///
    /// - Throws: `DataError` if a percentile is not from 0 to 100, or an end is not finite.
    public init(
        lower: Double, upper: Double, bMin: Double, bMax: Double, clip: Bool, isRelative: Bool, channelWise: Bool
    ) throws(DataError) {
        guard (0...100).contains(lower), (0...100).contains(upper), bMin.isFinite, bMax.isFinite else {
            throw DataError(
                .badArgument, "ScaleIntensityRangePercentiles",
                "lower \(lower) and upper \(upper) must be from 0 to 100, b_min \(bMin) and b_max \(bMax) finite.")
        }
        (self.lower, self.upper, self.bMin, self.bMax) = (lower, upper, bMin, bMax)
        (self.clip, self.isRelative, self.channelWise) = (clip, isRelative, channelWise)
    }

    /// Scales in place.
    ///
    /// - Throws: `DataError` as `ScaleIntensityRange`.
    public func apply(to image: inout ScanImage) throws(DataError) {
        let count = image.channels.count
        for group in channelWise ? (0..<count).map({ $0..<$0 + 1 }) : [0..<count] {
            let sorted = group.flatMap { image.channels[$0] }.sorted()
            let range = try self.range(sorted)
            for channel in group { range.apply(to: &image.channels[channel]) }
        }
    }

    private func range(_ sorted: [Float]) throws(DataError) -> ScaleIntensityRange {
        let (span, base) = (bMax - bMin, bMin)
        return try ScaleIntensityRange(
            aMin: Self.percentile(lower, of: sorted), aMax: Self.percentile(upper, of: sorted),
            bMin: isRelative ? span * lower / 100 + base : bMin,
            bMax: isRelative ? span * upper / 100 + base : bMax, clip: clip)
    }

    /// The intensity at a percentile, interpolated linearly between two voxels; NumPy's `percentile`.
    static func percentile(_ share: Double, of sorted: [Float]) -> Double {
        guard let last = sorted.indices.last else { return 0 }
        let place = share / 100 * Double(last)
        let low = min(Int(place), last)
        let (a, b) = (Double(sorted[low]), Double(sorted[min(low + 1, last)]))
        return a + (b - a) * (place - Double(low))
    }
}
