internal import Foundation
internal import SegCore

/// The mean entropy, in nats, of the foreground probability over the voxels where that probability is above 0.05.
struct ForegroundEntropy {
    private let rule: VoxelRule
    private let planeVoxels: Int
    /// The margin, in logits: if the background exceeds every other channel by more than this, the foreground probability is
    /// below 0.04.
    private let margin: Float
    private var sum = 0.0
    private var count = 0

    /// Creates a mean without voxels.
    init(_ rule: VoxelRule, planeVoxels: Int) {
        (self.rule, self.planeVoxels) = (rule, planeVoxels)
        margin = log(25 * Float(max(rule.channels - 1, 1)))
    }

    /// The foreground probability above which a voxel counts.
    private static let least = 0.05

    /// The mean; nil if no voxel counts, or if each channel has its own probability.
    var mean: Double? { count > 0 ? sum / Double(count) : nil }

    /// Adds planes, `[planes, h, w, channels]`. Each plane is summed separately, so the mean does not depend on the number of
    /// planes per call.
    mutating func add(_ planes: UnsafeBufferPointer<Float>) {
        guard rule.plan.areShares(channels: rule.channels) else { return }
        nonisolated(unsafe) let planes = planes
        let (rule, planeVoxels, margin) = (rule, planeVoxels, margin)
        let count = planes.count / (planeVoxels * rule.channels)
        let sums = [(sum: Double, count: Int)](unsafeUninitializedCapacity: count) { sums, initialised in
            nonisolated(unsafe) let sums = sums
            concurrently(count) { part in
                for plane in part {
                    var total = (sum: 0.0, count: 0)
                    for voxel in plane * planeVoxels..<(plane + 1) * planeVoxels {
                        guard let entropy = Self.entropy(at: voxel, of: planes, rule, margin) else { continue }
                        total.sum += entropy
                        total.count += 1
                    }
                    sums.initializeElement(at: plane, to: total)
                }
            }
            initialised = count
        }
        for plane in sums {
            sum += plane.sum
            self.count += plane.count
        }
    }

    /// The entropy of a voxel's foreground probability; nil if the probability is too small to count.
    private static func entropy(
        at voxel: Int, of values: UnsafeBufferPointer<Float>, _ rule: VoxelRule, _ margin: Float
    ) -> Double? {
        if isBackground(at: voxel, of: values, rule, margin) { return nil }
        let value = Double(rule.probability(of: 0, at: voxel, in: values))
        let foreground = rule.channels == 1 ? value : 1 - value
        guard foreground > least else { return nil }
        guard foreground < 1 else { return 0 }
        return -foreground * log(foreground) - (1 - foreground) * log(1 - foreground)
    }

    /// Whether the background's logit exceeds all others by more than the margin. Such a voxel does not count. No
    /// exponentials are computed for it, because the sum over n foreground classes is at most n times the largest
    /// exponential.
    private static func isBackground(
        at voxel: Int, of values: UnsafeBufferPointer<Float>, _ rule: VoxelRule, _ margin: Float
    ) -> Bool {
        guard rule.isLogits, rule.channels > 1 else { return false }
        let base = voxel * rule.channels
        var largest = values[base + 1]
        for channel in 2..<rule.channels { largest = max(largest, values[base + channel]) }
        return values[base] - largest > margin
    }
}
