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

    /// The number of classes, background included.
    public var classes: Int { plan.classes(channels: channels) }

    /// The number of voxels of the scan that are restored at a time, in whole rows; only their values of all channels are in
    /// memory. With so many voxels, the fixed cost of a slab is small.
    static func slab(channels: Int) -> Int { (1 << 24) / channels }

    /// The most probable class of every voxel of the scan, in its own orientation and spacing.
    ///
    /// Probabilities are resampled trilinearly and compared slab by slab; outside the network's box the class is 0. A single
    /// channel is class 1 if its probability is at least 0.5, as in MONAI's `AsDiscrete(threshold=0.5)`.
    /// - Parameter threshold: The smallest probability at which a single channel is class 1.
    public func mask(threshold: Float = 0.5) -> [UInt8] {
        var mask: [UInt8] = []
        mask.reserveCapacity(record.scanSize.count)
        forEachSlab { addClasses(of: $0, threshold, to: &mask) }
        precondition(mask.count == record.scanSize.count, "slabs do not cover the scan")
        return mask
    }

    /// The most probable class of every voxel of the network's grid.
    func classes(threshold: Float) -> [UInt8] {
        var classes: [UInt8] = []
        classes.reserveCapacity(record.networkSize.count)
        addClasses(of: values, threshold, to: &classes)
        return classes
    }

    /// One map per channel on the scan's grid: 1 where the probability reaches a threshold, and 0 elsewhere.
    ///
    /// Probabilities are resampled trilinearly, slab by slab; outside the network's box they are 0.
    func regions(threshold: Float) -> [[UInt8]] {
        var regions = emptyRegions(of: record.scanSize.count)
        forEachSlab { addRegions(of: $0, threshold, to: &regions) }
        return regions
    }

    /// One map per channel on the network's grid: 1 where the probability reaches a threshold, and 0 elsewhere.
    func networkRegions(threshold: Float) -> [[UInt8]] {
        var regions = emptyRegions(of: record.networkSize.count)
        addRegions(of: values, threshold, to: &regions)
        return regions
    }

    private func emptyRegions(of count: Int) -> [[UInt8]] {
        (0..<channels).map { _ in
            var region: [UInt8] = []
            region.reserveCapacity(count)
            return region
        }
    }

    private func addRegions(of values: [Float], _ threshold: Float, to regions: inout [[UInt8]]) {
        for channel in 0..<channels {
            for place in stride(from: channel, to: values.count, by: channels) {
                regions[channel].append(isInside(values[place], threshold) ? 1 : 0)
            }
        }
    }

    private func addClasses(of values: [Float], _ threshold: Float, to mask: inout [UInt8]) {
        let count = values.count / channels
        let classes = [UInt8](unsafeUninitializedCapacity: count) { output, initialised in
            nonisolated(unsafe) let output = output
            values.withUnsafeBufferPointer { values in
                nonisolated(unsafe) let values = values
                concurrently(count) { part in
                    for voxel in part { output[voxel] = self.class(at: voxel, of: values, threshold) }
                }
            }
            initialised = count
        }
        mask += classes
    }

    private func `class`(at voxel: Int, of values: UnsafeBufferPointer<Float>, _ threshold: Float) -> UInt8 {
        guard !plan.painting.isEmpty || (isLogits && channels == 1) else {
            return UInt8(OutputClass.of(values, voxel: voxel, channels: channels, threshold: threshold))
        }
        guard !plan.painting.isEmpty else { return isInside(values[voxel], threshold) ? 1 : 0 }
        var painted: UInt8 = 0
        for paint in plan.painting where isInside(values[voxel * channels + paint.channel], threshold) {
            painted = paint.label
        }
        return painted
    }

    /// Whether a probability reaches the threshold; for a logit, whether its sigmoid is above the threshold, as in
    /// nnU-Net.
    private func isInside(_ value: Float, _ threshold: Float) -> Bool {
        isLogits ? 1 / (1 + exp(-value)) > threshold : value >= threshold
    }

    /// The probability of one class, or of one region by its channel, at every voxel of the scan. Outside the network's
    /// box, the probability of a foreground class or of a region is 0.
    public func probability(of label: Int) -> [Float] {
        precondition(label >= 0 && label < classes, "class \(label) of \(classes)")
        var map: [Float] = []
        map.reserveCapacity(record.scanSize.count)
        // A painted class has its region's probability; a class that no region is painted as occurs nowhere.
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
        let isShare = plan.areShares(channels: channels) && channels > 1
        forEachSlab { values in
            values.withUnsafeBufferPointer { values in
                for voxel in 0..<values.count / channels {
                    map.append(probability(of: channel, at: voxel, in: values, isShare: isShare))
                }
            }
        }
        // Outside the network's box every logit is 0, which would not be a probability of 0.
        let ones = [Float](repeating: 1, count: record.networkSize.count)
        let outside: Float = isShare && channel == 0 ? 1 : 0
        for (voxel, seen) in record.restore(ones, channels: 1).enumerated() where seen == 0 { map[voxel] = outside }
        return map
    }

    /// The probability of a channel, from the outputs at a voxel.
    func probability(
        of channel: Int, at voxel: Int, in values: UnsafeBufferPointer<Float>, isShare: Bool
    ) -> Float {
        let outputs = UnsafeBufferPointer(rebasing: values[voxel * channels..<(voxel + 1) * channels])
        guard isLogits else { return outputs[channel] }
        guard isShare else { return 1 / (1 + exp(-outputs[channel])) }
        let largest = outputs.max() ?? 0
        return exp(outputs[channel] - largest) / outputs.reduce(0) { $0 + exp($1 - largest) }
    }

    private func forEachSlab(_ body: ([Float]) -> Void) {
        record.restore(values, channels: channels, slab: Self.slab(channels: channels), body)
    }
}

/// The class of a voxel, from the network's outputs.
package enum OutputClass {
    /// The channel of the largest output, or the lowest of equal ones; a single channel is class 1 if it reaches the threshold.
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
