internal import Foundation

/// The rule by which a plan turns the values of a voxel's channels into labels.
struct VoxelRule: Sendable {
    let plan: MaskPlan
    let channels: Int
    /// Whether the values are logits, not probabilities.
    let isLogits: Bool
    /// Whether a probability must be above the threshold, as in nnU-Net; otherwise it may also equal the threshold.
    var isStrict = false
    /// The smallest probability at which a single channel is class 1, or a voxel belongs to a region.
    let threshold: Float

    /// The number of maps of the mask: one for classes, or one per region.
    var maps: Int { plan.isRegions ? channels : 1 }

    /// Writes the labels of voxels into the maps of a mask, which are stored one after the other.
    /// - Parameters:
    ///   - values: The values of the voxels, `[voxels, channels]`.
    ///   - count: The number of voxels of a map.
    ///   - place: Returns the index in a map for the index of a voxel in `values`.
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

    /// Whether a probability is at least the threshold, or above it if `isStrict`; for a logit, whether its sigmoid is above the
    /// threshold, as in nnU-Net.
    private func isInside(_ value: Float) -> Bool {
        if isLogits { return 1 / (1 + exp(-value)) > threshold }
        return isStrict ? value > threshold : value >= threshold
    }

    /// The probability of a channel at a voxel.
    func probability(of channel: Int, at voxel: Int, in values: UnsafeBufferPointer<Float>) -> Float {
        let outputs = UnsafeBufferPointer(rebasing: values[voxel * channels..<(voxel + 1) * channels])
        guard isLogits else { return outputs[channel] }
        guard plan.areShares(channels: channels), channels > 1 else { return 1 / (1 + exp(-outputs[channel])) }
        let largest = outputs.max() ?? 0
        return exp(outputs[channel] - largest) / outputs.reduce(0) { $0 + exp($1 - largest) }
    }
}

/// The class of a voxel by a network's outputs.
package enum OutputClass {
    /// The channel with the largest output; of several equal ones, the first. A single channel is class 1 from the threshold
    /// on.
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
