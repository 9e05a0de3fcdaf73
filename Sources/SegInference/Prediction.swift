internal import SegCore
public import SegImaging

/// Class probabilities on the network's grid, and the way back to the scan's.
public struct Prediction: Sendable {
    /// `[D, H, W, channels]` on the network's grid.
    public let probabilities: [Float]
    /// One for each class, background included; or a single one, the probability of class 1 against the background.
    public let channels: Int
    /// What was done to the scan's grid.
    public let record: SpatialRecord

    /// Wraps probabilities of the volume that a record leads to.
    public init(probabilities: [Float], channels: Int, record: SpatialRecord) {
        precondition(
            probabilities.count == record.networkSize.count * channels,
            "the probabilities are not of the record's volume")
        self.probabilities = probabilities
        self.channels = channels
        self.record = record
    }

    /// Number of classes, background included.
    public var classes: Int { max(2, channels) }

    /// Voxels of the scan that are restored at a time, by whole rows: the only ones whose probabilities of all classes
    /// are in memory. What a slab costs beside its voxels is small against so many.
    static let slab = 1 << 21

    /// The most probable class of every voxel of the scan, in its own orientation and spacing.
    ///
    /// Probabilities are brought back trilinearly and compared slab by slab; outside the network's box it is 0. A single
    /// channel is class 1 from a probability of 0.5 on, as MONAI's `AsDiscrete(threshold=0.5)`.
    /// - Parameter threshold: The probability from which on a single channel is class 1.
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
        addClasses(of: probabilities, threshold, to: &classes)
        return classes
    }

    /// For each channel, at every voxel of the scan, 1 where its probability reaches a threshold and 0 elsewhere.
    ///
    /// Probabilities are brought back trilinearly, slab by slab; outside the network's box they are 0.
    func regions(threshold: Float) -> [[UInt8]] {
        var regions = emptyRegions(of: record.scanSize.count)
        forEachSlab { addRegions(of: $0, threshold, to: &regions) }
        return regions
    }

    /// The same at every voxel of the network's grid.
    func networkRegions(threshold: Float) -> [[UInt8]] {
        var regions = emptyRegions(of: record.networkSize.count)
        addRegions(of: probabilities, threshold, to: &regions)
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
                regions[channel].append(values[place] >= threshold ? 1 : 0)
            }
        }
    }

    private func addClasses(of values: [Float], _ threshold: Float, to mask: inout [UInt8]) {
        values.withUnsafeBufferPointer { values in
            for voxel in 0..<values.count / channels {
                mask.append(UInt8(OutputClass.of(values, voxel: voxel, channels: channels, threshold: threshold)))
            }
        }
    }

    /// The probability of one class, or of one region by its channel, at every voxel of the scan; that of a foreground
    /// class or of a region is 0 outside the network's box.
    public func probability(of label: Int) -> [Float] {
        precondition(label >= 0 && label < classes, "class \(label) of \(classes)")
        var map: [Float] = []
        map.reserveCapacity(record.scanSize.count)
        forEachSlab { values in
            if channels == 1 {
                map += label == 1 ? values : values.map { 1 - $0 }
            } else {
                for voxel in 0..<values.count / channels { map.append(values[voxel * channels + label]) }
            }
        }
        return map
    }

    private func forEachSlab(_ body: ([Float]) -> Void) {
        record.restore(probabilities, channels: channels, slab: Self.slab, body)
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
