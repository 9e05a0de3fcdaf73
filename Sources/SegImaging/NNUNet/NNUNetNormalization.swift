internal import SegCore

/// What a plan of nnU-Net does to the intensities of each channel; its `normalization_schemes`.
public struct NNUNetNormalization: Hashable, Sendable {
    /// The scheme of a channel.
    public enum Scheme: Hashable, Sendable {
        /// Clips to two percentiles of the training set's foreground, then subtracts its mean and divides by its
        /// deviation; `CTNormalization`.
        case ct(mean: Double, deviation: Double, lower: Double, upper: Double)
        /// Subtracts the channel's own mean and divides by its own deviation with 1/n; `ZScoreNormalization`.
        ///
        /// With `masked`, of the voxels inside the outline of what is not 0; those outside stay.
        case zScore(masked: Bool)
        /// The least becomes 0 and the largest 1; `RescaleTo01Normalization`.
        case rescale
        /// Divides by 255; `RGBTo01Normalization`.
        case rgb
        /// Leaves the channel; `NoNormalization`.
        case none

        /// What it does, for people.
        var summary: String {
            switch self {
            case .ct(_, _, let lower, let upper):
                "mean and deviation of the training set, clipped to \(lower) … \(upper)"
            case .zScore(let isMasked): "their own mean and deviation" + (isMasked ? " inside the outline" : "")
            case .rescale: "their own range"
            case .rgb: "255"
            case .none: "nothing"
            }
        }
    }

    /// One for each channel.
    public let schemes: [Scheme]

    /// Takes a scheme for each channel.
    public init(_ schemes: [Scheme]) { self.schemes = schemes }

    /// The least that is divided by.
    private static let leastDivisor = 1e-8

    /// Normalises in place, in 32 bits; `name` is the case's, for errors.
    ///
    /// - Throws: `DataError` where the schemes are not as many as the channels, or a channel that should hold 0 … 255
    ///   holds other values.
    func apply(to image: inout ScanImage, name: String) throws(DataError) {
        guard schemes.count == image.channels.count else {
            throw DataError(
                .badData, name, "has \(image.channels.count) channels, and its model normalises \(schemes.count)")
        }
        // Before a channel changes: the outline is that of all channels as they were read.
        let outline = schemes.contains(.zScore(masked: true)) ? Self.outline(of: image) : nil
        for (channel, scheme) in schemes.enumerated() {
            try Self.normalise(&image.channels[channel], scheme, outline: outline, name: name)
        }
    }

    private static func normalise(
        _ voxels: inout [Float], _ scheme: Scheme, outline: [UInt8]?, name: String
    ) throws(DataError) {
        switch scheme {
        case .none: break
        case .ct(let mean, let deviation, let lower, let upper):
            let (low, high) = (Float(lower), Float(upper))
            change(&voxels, mean: mean, divisor: max(deviation, leastDivisor)) { Swift.min(Swift.max($0, low), high) }
        case .zScore(let isMasked):
            let inside = isMasked ? outline : nil
            let moments = IntensityMoments([voxels][...]) { voxel, _ in inside == nil || inside?[voxel] != 0 }
            let divisor = max(Double(Float(moments.standardDeviation)), leastDivisor)
            change(&voxels, mean: moments.mean, divisor: divisor, where: inside) { $0 }
        case .rescale:
            let least = voxels.min() ?? 0
            let range = (voxels.max() ?? 0) - least
            change(&voxels, mean: Double(least), divisor: max(Double(range), leastDivisor)) { $0 }
        case .rgb:
            guard voxels.allSatisfy({ $0 >= 0 && $0 <= 255 }) else {
                throw DataError(
                    .badData, name, "should hold values from 0 to 255, as the model's RGBTo01Normalization asks")
            }
            change(&voxels, mean: 0, divisor: 255) { $0 }
        }
    }

    /// (value − mean) / divisor of every voxel, or of those where a mask is not 0.
    private static func change(
        _ voxels: inout [Float], mean: Double, divisor: Double, where mask: [UInt8]? = nil,
        clip: @Sendable (Float) -> Float
    ) {
        let (mean, divisor) = (Float(mean), Float(divisor))
        voxels.withUnsafeMutableBufferPointer { voxels in
            nonisolated(unsafe) let voxels = voxels
            concurrently(voxels.count) { part in
                for index in part where mask == nil || mask?[index] != 0 {
                    voxels[index] = (clip(voxels[index]) - mean) / divisor
                }
            }
        }
    }

    /// 1 inside the outline of what is not 0 in some channel, its holes filled; `create_nonzero_mask`.
    static func outline(of image: ScanImage) -> [UInt8] {
        var mask = [UInt8](repeating: 0, count: image.size.count)
        for voxels in image.channels {
            for (index, value) in voxels.enumerated() where value != 0 { mask[index] = 1 }
        }
        MaskStep.fillHoles([1], connectivity: .faces).apply(to: &mask, size: image.size)
        return mask
    }
}
