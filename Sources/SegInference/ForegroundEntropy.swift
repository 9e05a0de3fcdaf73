internal import Foundation
internal import SegCore

/// The mean entropy of the foreground probability over the voxels that may be foreground, in nats.
struct ForegroundEntropy {
    private let rule: VoxelRule
    private let planeVoxels: Int
    /// How far the background's output has to lie above all others for a foreground probability below 0.04.
    private let margin: Float
    private var sum = 0.0
    private var count = 0

    /// Begins without voxels.
    init(_ rule: VoxelRule, planeVoxels: Int) {
        (self.rule, self.planeVoxels) = (rule, planeVoxels)
        margin = log(25 * Float(max(rule.channels - 1, 1)))
    }

    /// The least foreground probability that counts.
    private static let least = 0.05

    /// The mean; nil where no voxel counts, or where probabilities are of each channel by itself.
    var mean: Double? { count > 0 ? sum / Double(count) : nil }

    /// Takes in planes, `[planes, h, w, channels]`. Each is summed by itself, so that the sum does not depend on how many
    /// come together.
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

    /// The entropy of a voxel's foreground probability; nil where that is too small to count.
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

    /// Whether all other outputs lie so far below the background's that no exponentials are needed: their sum is at most their
    /// number times the largest.
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
