internal import Foundation
internal import SegCore
public import SegImaging

/// What a network says of a scan on the network's grid, and the way back to the scan's.
public struct Prediction: Sendable {
    /// Probabilities, or where `isLogits` the network's own output, `[D, H, W, channels]` on the network's grid.
    public let values: [Float]
    /// One for each class, background included; or a single one, that of class 1 against the background.
    public let channels: Int
    /// What was done to the scan's grid.
    public let record: SpatialRecord
    /// Whether probabilities are still to be made of the values.
    let isLogits: Bool
    private let plan: MaskPlan

    /// Wraps probabilities of the volume that a record leads to.
    public init(probabilities: [Float], channels: Int, record: SpatialRecord) {
        self.init(probabilities, channels: channels, record: record, plan: MaskPlan(), isLogits: false)
    }

    /// Wraps values of the volume that a record leads to.
    /// - Parameter plan: What the channels mean.
    init(_ values: [Float], channels: Int, record: SpatialRecord, plan: MaskPlan, isLogits: Bool) {
        precondition(
            values.count == record.networkSize.count * channels, "the values are not of the record's volume")
        self.values = values
        self.channels = channels
        self.record = record
        self.plan = plan
        self.isLogits = isLogits
    }

    /// Whether the probabilities of all of several channels sum to 1.
    var areShares: Bool { channels > 1 && plan.areShares(channels: channels) }

    /// Number of classes, background included.
    public var classes: Int { plan.classes(channels: channels) }

    /// Voxels of the scan that are restored at a time, by whole rows: the only ones whose values of all channels are in
    /// memory. What a slab costs beside its voxels is small against so many.
    static func slab(channels: Int) -> Int { (1 << 24) / channels }

    /// The most probable class of every voxel of the scan, in its own orientation and spacing.
    ///
    /// Probabilities are brought back trilinearly and compared slab by slab; outside the network's box it is 0. A single
    /// channel is class 1 from a probability of 0.5 on, as MONAI's `AsDiscrete(threshold=0.5)`.
    /// - Parameter threshold: The probability from which on a single channel is class 1.
    public func mask(threshold: Float = 0.5) -> [UInt8] {
        var plan = plan
        plan.restoration = isLogits ? .logits : .trilinear
        (plan.isRegions, plan.before, plan.after) = (false, [], [])
        return finished(by: plan, threshold: threshold).maps[0]
    }

    /// What a plan makes of the prediction.
    func finished(by plan: MaskPlan) -> MaskStream.Finished { finished(by: plan, threshold: Float(plan.threshold)) }

    private func finished(by plan: MaskPlan, threshold: Float) -> MaskStream.Finished {
        var stream = MaskStream(
            VoxelRule(plan: plan, channels: channels, isLogits: isLogits, threshold: threshold), record)
        stream.add(values)
        return stream.finish()
    }

    /// The probability of one class, or of one region by its channel, at every voxel of the scan; that of a foreground
    /// class or of a region is 0 outside the network's box.
    public func probability(of label: Int) -> [Float] {
        precondition(label >= 0 && label < classes, "class \(label) of \(classes)")
        var map: [Float] = []
        map.reserveCapacity(record.scanSize.count)
        // A class that is painted is a region's; one that no region is painted with occurs nowhere.
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
        // Outside of the network's box every output is 0, which as a probability would not be.
        let ones = [Float](repeating: 1, count: record.networkSize.count)
        let outside: Float = areShares && channel == 0 ? 1 : 0
        for (voxel, seen) in record.restore(ones, channels: 1).enumerated() where seen == 0 { map[voxel] = outside }
        return map
    }

    private func forEachSlab(_ body: ([Float]) -> Void) {
        record.restore(values, channels: channels, slab: Self.slab(channels: channels), body)
    }
}
