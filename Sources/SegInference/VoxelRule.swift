internal import Foundation

/// What the values of a voxel's channels mean, by a plan.
struct VoxelRule: Sendable {
    let plan: MaskPlan
    let channels: Int
    /// Whether the values are the network's own output, and not probabilities.
    let isLogits: Bool
    /// Whether a probability has to be above the threshold, as nnU-Net has it, and not only reach it.
    var isStrict = false
    /// The probability from which on a single channel is class 1, and a voxel belongs to a region.
    let threshold: Float

    /// Maps that the mask has: one of classes, or one for each region.
    var maps: Int { plan.isRegions ? channels : 1 }

    /// Writes what voxels mean into the maps of a mask, which lie one behind the other.
    /// - Parameters:
    ///   - values: `[voxels, channels]`.
    ///   - count: Voxels of a map.
    ///   - place: Takes the number of a voxel among the values to its place in a map.
    @inline(__always)
    func write(
        _ values: UnsafeBufferPointer<Float>, to mask: UnsafeMutableBufferPointer<UInt8>, mapSize count: Int,
        _ place: (Int) -> Int
    ) {
        for voxel in 0..<values.count / channels {
            if plan.isRegions {
                for channel in 0..<channels {
                    mask[channel * count + place(voxel)] = isInside(values[voxel * channels + channel]) ? 1 : 0
                }
            } else {
                mask[place(voxel)] = label(at: voxel, of: values)
            }
        }
    }

    private func label(at voxel: Int, of values: UnsafeBufferPointer<Float>) -> UInt8 {
        guard !plan.painting.isEmpty || (isLogits && channels == 1) else {
            return UInt8(OutputClass.of(values, voxel: voxel, channels: channels, threshold: threshold))
        }
        guard !plan.painting.isEmpty else { return isInside(values[voxel]) ? 1 : 0 }
        var painted: UInt8 = 0
        for paint in plan.painting where isInside(values[voxel * channels + paint.channel]) { painted = paint.label }
        return painted
    }

    /// Whether a probability reaches the threshold; of the network's own output, whether its sigmoid is above it, as
    /// nnU-Net has it.
    private func isInside(_ value: Float) -> Bool {
        if isLogits { return 1 / (1 + exp(-value)) > threshold }
        return isStrict ? value > threshold : value >= threshold
    }

    /// The probability that the values of a voxel mean.
    func probability(of channel: Int, at voxel: Int, in values: UnsafeBufferPointer<Float>) -> Float {
        let outputs = UnsafeBufferPointer(rebasing: values[voxel * channels..<(voxel + 1) * channels])
        guard isLogits else { return outputs[channel] }
        guard plan.areShares(channels: channels), channels > 1 else { return 1 / (1 + exp(-outputs[channel])) }
        let largest = outputs.max() ?? 0
        return exp(outputs[channel] - largest) / outputs.reduce(0) { $0 + exp($1 - largest) }
    }
}

/// The class that a network's outputs at a voxel mean.
package enum OutputClass {
    /// The channel of the largest output, the lowest of equal ones; a single channel is class 1 from the threshold on.
    package static func of(
        _ outputs: UnsafeBufferPointer<Float>, voxel: Int, channels: Int, threshold: Float
    ) -> Int {
        let base = voxel * channels
        if channels == 1 { return outputs[base] >= threshold ? 1 : 0 }
        var best = 0
        for c in 1..<channels where outputs[base + c] > outputs[base + best] { best = c }
        return best
    }
}
