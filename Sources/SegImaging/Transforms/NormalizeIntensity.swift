public import SegCore

/// Subtracts a mean and divides by a standard deviation; MONAI's `NormalizeIntensity(subtrahend=, divisor=, nonzero=,
/// channel_wise=)`.
///
/// Numbers that are not given are computed from the image, the standard deviation with 1/n. A standard deviation of 0
/// counts as 1.
public struct NormalizeIntensity: Hashable, Sendable {
    /// The number to subtract, or with `channelWise` one for each channel; nil for the mean.
    public let subtrahend: [Double]?
    /// The number to divide by, or with `channelWise` one for each channel; nil for the standard deviation.
    public let divisor: [Double]?
    /// Whether voxels of 0 are left out: they are not measured, and stay 0.
    public let nonzero: Bool
    /// Whether each channel has its own mean and deviation; otherwise all channels share one mean and one deviation.
    public let channelWise: Bool

    /// Creates a normalisation from the numbers and the voxels to which they apply.
    ///
    /// - Throws: `DataError` if a number is not finite, or if several numbers are given without `channelWise`.
    public init(
        subtrahend: [Double]?, divisor: [Double]?, nonzero: Bool, channelWise: Bool
    ) throws(DataError) {
        for (name, numbers) in [("subtrahend", subtrahend), ("divisor", divisor)] {
            guard let numbers else { continue }
            guard !numbers.isEmpty, numbers.allSatisfy(\.isFinite), channelWise || numbers.count == 1 else {
                throw DataError(
                    .badArgument, "NormalizeIntensity",
                    "\(name) \(numbers) should be one finite number, or with channel_wise one for each channel")
            }
        }
        self.subtrahend = subtrahend
        self.divisor = divisor
        self.nonzero = nonzero
        self.channelWise = channelWise
    }

    /// Normalises in place; `name` is the name of the case, for errors.
    ///
    /// - Throws: `DataError` if the number of values given differs from the number of channels.
    public func apply(to image: inout ScanImage, name: String) throws(DataError) {
        let count = image.channels.count
        for (key, numbers) in [("subtrahend", subtrahend), ("divisor", divisor)] {
            guard channelWise, let numbers, numbers.count != count else { continue }
            throw DataError(.badData, name, "has \(count) channels, but its model's \(key) is for \(numbers.count)")
        }
        let groups = channelWise ? (0..<count).map { $0..<$0 + 1 } : [0..<count]
        for group in groups {
            let statistics = IntensityMoments(image.channels[group]) { _, value in !nonzero || value != 0 }
            // An image of zeros is not normalised.
            if nonzero, statistics.count == 0 { continue }
            let mean = subtrahend?[group.lowerBound] ?? statistics.mean
            let deviation = divisor?[group.lowerBound] ?? statistics.standardDeviation
            for channel in group { Self.normalise(&image.channels[channel], mean, deviation, nonzero) }
        }
    }

    private static func normalise(_ voxels: inout [Float], _ mean: Double, _ deviation: Double, _ nonzero: Bool) {
        let (mean, deviation) = (Float(mean), deviation == 0 ? 1 : Float(deviation))
        voxels.withUnsafeMutableBufferPointer { voxels in
            nonisolated(unsafe) let voxels = voxels
            concurrently(voxels.count) { part in
                for index in part where !nonzero || voxels[index] != 0 {
                    voxels[index] = (voxels[index] - mean) / deviation
                }
            }
        }
    }
}

/// The mean and standard deviation of intensities, in Double.
struct IntensityMoments {
    /// The number of voxels counted.
    let count: Int
    let mean: Double
    /// The standard deviation with 1/n.
    let standardDeviation: Double

    /// Measures some channels together; `counts` decides which voxels count.
    @inline(__always)
    init(_ channels: ArraySlice<[Float]>, where counts: (_ voxel: Int, _ value: Float) -> Bool) {
        var (count, sum) = (0, 0.0)
        for voxels in channels {
            for (voxel, value) in voxels.enumerated() where counts(voxel, value) {
                count += 1
                sum += Double(value)
            }
        }
        let mean = count == 0 ? 0 : sum / Double(count)
        var squares = 0.0
        for voxels in channels {
            for (voxel, value) in voxels.enumerated() where counts(voxel, value) {
                squares += (Double(value) - mean) * (Double(value) - mean)
            }
        }
        self.count = count
        self.mean = mean
        standardDeviation = count == 0 ? 0 : (squares / Double(count)).squareRoot()
    }
}
