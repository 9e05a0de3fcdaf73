internal import Foundation
internal import SegCore

/// A function applied to intensities; MONAI's `Lambda(func=)` with one of these functions.
public enum IntensityCurve: String, Hashable, Sendable, CaseIterable {
    /// The function 1 / (1 + exp(−x)).
    case sigmoid = "torch.sigmoid(x)"
    /// The function 3 · tanh(x / 3), which changes small intensities little.
    case boundedByThree = "3*torch.tanh(x/3)"
    /// The sigmoid of the distance from the minimum in standard deviations (with 1/(n − 1), over all channels
    /// together).
    case sigmoidAboveLeast = "torch.sigmoid((x-x.min())/x.std())"

    /// Applies the function to every intensity, in place.
    func apply(to image: inout ScanImage) {
        switch self {
        case .sigmoid: Self.map(&image) { 1 / (1 + exp(-$0)) }
        case .boundedByThree: Self.map(&image) { 3 * tanh($0 / 3) }
        case .sigmoidAboveLeast:
            let least = image.channels.map { $0.min() ?? 0 }.min() ?? 0
            let moments = IntensityMoments(image.channels[...]) { _, _ in true }
            let count = Double(moments.count)
            let deviation = Float(moments.standardDeviation * (count / (count - 1)).squareRoot())
            Self.map(&image) { 1 / (1 + exp(-(($0 - least) / deviation))) }
        }
    }

    private static func map(_ image: inout ScanImage, _ curve: @Sendable (Float) -> Float) {
        for channel in image.channels.indices {
            image.channels[channel].withUnsafeMutableBufferPointer { voxels in
                nonisolated(unsafe) let voxels = voxels
                concurrently(voxels.count) { part in
                    for index in part { voxels[index] = curve(voxels[index]) }
                }
            }
        }
    }
}
