internal import SegCore
internal import SegImaging

/// Makes a mask from a network's output, plane by plane along axis 0 of the network's grid. Labels are kept; the values of
/// the channels are dropped as soon as no further voxel of the mask needs them.
///
/// If the resampling to the scan's grid needs the whole of the network's grid, all values are collected first.
struct MaskStream {
    private let rule: VoxelRule
    private let record: SpatialRecord
    private var restorer: PlaneRestorer?
    /// The maps, one after the other, on the scan's grid; on the network's grid if the plan makes classes there.
    private var mask: [UInt8]
    private var gathered: [Float] = []
    private var written = 0
    private var entropy: ForegroundEntropy

    /// A mask with its grid and uncertainty score.
    struct Finished {
        /// One map of class numbers, or a map of 0 and 1 for each region.
        var maps: [[UInt8]]
        let size: Triple
        /// Voxel index → RAS+ mm.
        let affine: Affine
        /// See `Segmentation.uncertaintyScore`.
        let uncertaintyScore: Double?
    }

    private var isOnScan: Bool { [.trilinear, .logits].contains(rule.plan.restoration) }
    private var grid: Triple { isOnScan ? record.scanSize : record.networkSize }

    /// Creates a stream before the first plane.
    init(_ rule: VoxelRule, _ record: SpatialRecord) {
        self.rule = rule
        self.record = record
        entropy = ForegroundEntropy(rule, planeVoxels: record.networkSize.h * record.networkSize.w)
        mask = []
        if isOnScan { restorer = PlaneRestorer(record, channels: rule.channels) }
        mask = [UInt8](repeating: 0, count: rule.maps * grid.count)
    }

    /// Whether the values on the whole of the network's grid must be collected before the mask can be made.
    static func gathers(_ plan: MaskPlan, _ record: SpatialRecord) -> Bool {
        [.trilinear, .logits].contains(plan.restoration) && PlaneRestorer(record, channels: 1) == nil
    }

    /// Adds the next planes of the network's grid, `[planes, h, w, channels]`.
    mutating func add(_ planes: [Float]) {
        planes.withUnsafeBufferPointer { planes in
            entropy.add(planes)
            if !isOnScan {
                append(planes)
            } else if var restorer {
                // Without a second reference, the memory of the restorer is not copied on write.
                self.restorer = nil
                let (rule, size) = (rule, grid.count)
                mask.withUnsafeMutableBufferPointer { mask in
                    nonisolated(unsafe) let mask = mask
                    restorer.add(planes) { line in
                        rule.write(line.values, to: mask, mapSize: size) { line.start + line.columns[$0] }
                    }
                }
                self.restorer = restorer
            } else {
                gathered += planes
            }
        }
    }

    /// Writes the labels of the next voxels, in the order of the mask's grid.
    private mutating func append(_ values: UnsafeBufferPointer<Float>) {
        nonisolated(unsafe) let values = values
        let (rule, size, start) = (rule, grid.count, written)
        let count = values.count / rule.channels
        mask.withUnsafeMutableBufferPointer { mask in
            nonisolated(unsafe) let mask = mask
            concurrently(count) { part in
                let range = part.lowerBound * rule.channels..<part.upperBound * rule.channels
                rule.write(UnsafeBufferPointer(rebasing: values[range]), to: mask, mapSize: size) {
                    start + part.lowerBound + $0
                }
            }
        }
        written += count
    }

    /// The mask after the remaining steps of the plan; to be called after the last plane.
    consuming func finish() -> Finished {
        if isOnScan, restorer == nil {
            let values = gathered
            gathered = []
            record.restore(values, channels: rule.channels, slab: Prediction.slab(channels: rule.channels)) { slab in
                slab.withUnsafeBufferPointer { append($0) }
            }
        }
        let (plan, count) = (rule.plan, grid.count)
        var maps = rule.maps == 1 ? [mask] : (0..<rule.maps).map { Array(mask[$0 * count..<($0 + 1) * count]) }
        mask = []
        if !isOnScan {
            for step in plan.before { step.apply(to: &maps, size: record.networkSize) }
            if plan.restoration == .nearest { maps = maps.map { record.restoreLabels($0) } }
        }
        let isOnNetwork = plan.restoration == .none
        let size = isOnNetwork ? record.networkSize : record.scanSize
        for step in plan.after { step.apply(to: &maps, size: size) }
        return Finished(
            maps: maps, size: size, affine: isOnNetwork ? record.networkAffine : record.scanAffine,
            uncertaintyScore: entropy.mean)
    }
}
