internal import Foundation
internal import SegCore
public import SegImaging

/// The output of a network for a scan on the network's grid, and the way back to the scan's grid.
public struct Prediction: Sendable {
    /// The probabilities, or the logits if `isLogits`, `[D, H, W, channels]` on the network's grid.
    public let values: [Float]
    /// The number of channels: one per class, background included, or a single one for class 1 against the background.
    public let channels: Int
    /// The record of the changes to the scan's grid.
    public let record: SpatialRecord
    /// Whether the values are logits, not probabilities.
    let isLogits: Bool
    private let plan: MaskPlan

    /// Creates a prediction from probabilities on the network's grid of a record.
    public init(probabilities: [Float], channels: Int, record: SpatialRecord) {
        self.init(probabilities, channels: channels, record: record, plan: MaskPlan(), isLogits: false)
    }

    /// Creates a prediction from values on the network's grid of a record.
    /// - Parameter plan: The plan that gives the meaning of the channels.
    init(_ values: [Float], channels: Int, record: SpatialRecord, plan: MaskPlan, isLogits: Bool) {
        precondition(
            values.count == record.networkSize.count * channels, "the values are not of the record's volume")
        self.values = values
        self.channels = channels
        self.record = record
        self.plan = plan
        self.isLogits = isLogits
    }

    /// Whether there are several channels whose probabilities sum to 1.
    var areShares: Bool { channels > 1 && plan.areShares(channels: channels) }

    /// The number of classes, background included.
    public var classes: Int { plan.classes(channels: channels) }

    /// The number of voxels of the scan that are restored at a time, in whole planes along axis 0. The values of all channels
    /// are in memory only for these voxels. With so many voxels, the fixed cost of a slab is small.
    static func slab(channels: Int) -> Int { (1 << 24) / channels }

    /// The most probable class of every voxel of the scan, in its own orientation and spacing.
    ///
    /// Probabilities are resampled trilinearly and compared slab by slab; outside the network's box the class is 0. A single
    /// channel is class 1 if its probability is at least 0.5, as in MONAI's `AsDiscrete(threshold=0.5)`.
    /// - Parameter threshold: The smallest probability at which a single channel is class 1.
    public func mask(threshold: Float = 0.5) -> [UInt8] {
        var plan = plan
        plan.restoration = isLogits ? .logits : .trilinear
        (plan.isRegions, plan.before, plan.after) = (false, [], [])
        return finished(by: plan, threshold: threshold).maps[0]
    }

    /// The mask that a plan makes from the prediction.
    func finished(by plan: MaskPlan) -> MaskStream.Finished { finished(by: plan, threshold: Float(plan.threshold)) }

    private func finished(by plan: MaskPlan, threshold: Float) -> MaskStream.Finished {
        var stream = MaskStream(
            VoxelRule(plan: plan, channels: channels, isLogits: isLogits, threshold: threshold), record)
        stream.add(values)
        return stream.finish()
    }

    /// The probability of class `label`, or of the region with channel `label`, at every voxel of the scan.
    ///
    /// Outside the network's box, the probability of a foreground class or of a region is 0.
    public func probability(of label: Int) -> [Float] {
        precondition(label >= 0 && label < classes, "class \(label) of \(classes)")
        var map: [Float] = []
        map.reserveCapacity(record.scanSize.count)
        // A painted class has the probability of its region. A class that no region is painted with never occurs.
        let channel = plan.painting.isEmpty ? label : plan.painting.last { Int($0.label) == label }?.channel
        guard let channel else { return [Float](repeating: 0, count: record.scanSize.count) }
        guard !isLogits else { return probabilityOfLogits(channel) }
        forEachSlab { values in
            if channels == 1 {
                map += label == 1 ? values : values.map { 1 - $0 }
            } else {
                for voxel in 0..<values.count / channels { map.append(values[voxel * channels + channel]) }
            }
        }
        return map
    }

    private func probabilityOfLogits(_ channel: Int) -> [Float] {
        var map: [Float] = []
        map.reserveCapacity(record.scanSize.count)
        let rule = VoxelRule(plan: plan, channels: channels, isLogits: true, threshold: 0)
        forEachSlab { values in
            values.withUnsafeBufferPointer { values in
                for voxel in 0..<values.count / channels {
                    map.append(rule.probability(of: channel, at: voxel, in: values))
                }
            }
        }
        // Outside the network's box every logit is 0, which would not be a probability of 0.
        let ones = [Float](repeating: 1, count: record.networkSize.count)
        let outside: Float = areShares && channel == 0 ? 1 : 0
        for (voxel, seen) in record.restore(ones, channels: 1).enumerated() where seen == 0 { map[voxel] = outside }
        return map
    }

    private func forEachSlab(_ body: ([Float]) -> Void) {
        record.restore(values, channels: channels, slab: Self.slab(channels: channels), body)
    }
}
