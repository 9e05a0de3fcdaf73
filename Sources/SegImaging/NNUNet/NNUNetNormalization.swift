internal import SegCore

/// The intensity normalisation of each channel by an nnU-Net plan; its `normalization_schemes`.
public struct NNUNetNormalization: Hashable, Sendable {
    /// The scheme of a channel.
    public enum Scheme: Hashable, Sendable {
        /// Clips to two percentiles of the training set's foreground, then subtracts the mean and divides by the
        /// standard deviation of that foreground; `CTNormalization`.
        case ct(mean: Double, deviation: Double, lower: Double, upper: Double)
        /// Subtracts the channel's own mean and divides by its own standard deviation (variance with 1/n);
        /// `ZScoreNormalization`.
        ///
        /// With `masked`, only the voxels of the nonzero region are measured and changed.
        case zScore(masked: Bool)
        /// Maps the minimum to 0 and the maximum to 1; `RescaleTo01Normalization`.
        case rescale
        /// Divides by 255; `RGBTo01Normalization`.
        case rgb
        /// Leaves the channel unchanged; `NoNormalization`.
        case none

        /// A description of the scheme for people.
        var summary: String {
            switch self {
            case .ct(_, _, let lower, let upper):
                "mean and deviation of the training set, clipped to \(lower) … \(upper)"
            case .zScore(let isMasked): "their own mean and deviation" + (isMasked ? " in the nonzero region" : "")
            case .rescale: "their own range"
            case .rgb: "255"
            case .none: "nothing"
            }
        }
    }

    /// The scheme of each channel.
    public let schemes: [Scheme]

    /// Creates the step from a scheme for each channel.
    public init(_ schemes: [Scheme]) { self.schemes = schemes }

    /// The smallest divisor.
    private static let leastDivisor = 1e-8

    /// Normalises in place, in 32 bits; `name` is the name of the case, for errors.
    ///
    /// - Throws: `DataError` if the number of schemes differs from the number of channels, or if a channel that should
    ///   contain values from 0 to 255 contains other values.
    func apply(to image: inout ScanImage, name: String) throws(DataError) {
        guard schemes.count == image.channels.count else {
            throw DataError(
                .badData, name,
                "has \(image.channels.count) channels, but the model's normalisation is for \(schemes.count)")
        }
        // The nonzero region is computed before a channel changes, from all channels as they were read.
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
                    .badData, name, "should have values from 0 to 255, as the model's RGBTo01Normalization requires")
            }
            change(&voxels, mean: 0, divisor: 255) { $0 }
        }
    }

    /// Sets every voxel, or only the voxels where the mask is not 0, to (value − mean) / divisor.
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

    /// The nonzero region as a mask: 1 at the voxels that are not 0 in some channel and in the holes that these voxels
    /// enclose, 0 elsewhere; `create_nonzero_mask`.
    static func outline(of image: ScanImage) -> [UInt8] {
        var mask = [UInt8](repeating: 0, count: image.size.count)
        for voxels in image.channels {
            for (index, value) in voxels.enumerated() where value != 0 { mask[index] = 1 }
        }
        MaskStep.fillHoles([1], connectivity: .faces).apply(to: &mask, size: image.size)
        return mask
    }
}
