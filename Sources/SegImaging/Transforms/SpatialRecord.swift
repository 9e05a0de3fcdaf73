public import SegCore

/// A record of the changes of a scan's grid up to the network, kept to restore predictions to the scan.
///
/// Steps may have any order. Steps in MONAI's usual order (`Orientation`, `Spacing`, then crops and pads in any number)
/// form one leg, which is restored in a single pass. A step that does not fit this order starts a new leg.
public struct SpatialRecord: Hashable, Sendable {
    /// The legs, first to last; the last grid of a leg is the first grid of the next.
    public private(set) var legs: [SpatialLeg]

    /// Creates a record without any change of the grid.
    public init(scanSize: Triple, scanAffine: Affine) {
        legs = [SpatialLeg(size: scanSize, affine: scanAffine)]
    }

    /// The size of the scan as read.
    public var scanSize: Triple { legs[0].firstSize }
    /// The affine of the scan as read, from voxel index to RAS+ mm.
    public var scanAffine: Affine { legs[0].firstAffine }
    /// The size of the network's input volume.
    public var networkSize: Triple { legs[legs.count - 1].lastSize }
    /// The affine of the network's input volume from voxel index to RAS+ mm.
    public var networkAffine: Affine { legs[legs.count - 1].lastAffine }

    /// The number of voxels of the largest grid between two legs; 0 if there is only one leg.
    package var largestBetween: Int { legs.dropFirst().map(\.firstSize.count).max() ?? 0 }

    mutating func orient(by permutation: AxisPermutation, to image: ScanImage) {
        guard permutation != .identity else { return }
        extend { $0.orient(by: permutation, to: image) }
    }

    mutating func resample(by map: GridMap?, to image: ScanImage) {
        guard let map else { return }
        extend { $0.resample(by: map, to: image) }
    }

    /// Records that the network's volume is cropped or padded to a box of itself.
    mutating func cut(_ box: Box3) { legs[legs.count - 1].cut(box) }

    /// Adds a step to the last leg, or to a new leg if the last leg cannot take the step.
    private mutating func extend(_ step: (inout SpatialLeg) -> Bool) {
        guard !step(&legs[legs.count - 1]) else { return }
        var leg = SpatialLeg(size: networkSize, affine: networkAffine)
        let isTaken = step(&leg)
        precondition(isTaken, "a new leg accepts any step")
        legs.append(leg)
    }
}

extension SpatialRecord {
    /// A label map of the scan's grid transformed by the same steps, by nearest voxels; padding is 0.
    func follow(_ labels: Volume) -> Volume { legs.reduce(labels) { $1.follow($0) } }

    /// Restores a prediction to the scan's grid, a group of rows (slab) at a time, MONAI's `Invertd(nearest_interp=False)`.
    ///
    /// Values outside the network's input are 0.
    /// - Parameters:
    ///   - prediction: `[D, H, W, channels]` of `networkSize`, channels interleaved.
    ///   - channels: The number of channels.
    ///   - voxels: The maximum number of voxels of a slab; slabs are whole rows along the scan's axis 0.
    ///   - body: Called with `[rows, size.h, size.w, channels]`, slabs in order.
    public func restore(_ prediction: [Float], channels: Int, slab voxels: Int, _ body: ([Float]) -> Void) {
        let near = legs.dropFirst().reversed().reduce(prediction) { values, leg in
            leg.restore(values, channels: channels, rows: 0..<leg.firstSize.d)
        }
        let count = max(1, voxels / (scanSize.h * scanSize.w))
        for start in stride(from: 0, to: scanSize.d, by: count) {
            body(legs[0].restore(near, channels: channels, rows: start..<min(start + count, scanSize.d)))
        }
    }

    /// Restores rows along the scan's axis 0 from a prediction of the whole of the network's grid.
    /// - Returns: `[rows, size.h, size.w, channels]`.
    package func restore(_ prediction: [Float], channels: Int, rows: Range<Int>) -> [Float] {
        let near = legs.dropFirst().reversed().reduce(prediction) { values, leg in
            leg.restore(values, channels: channels, rows: 0..<leg.firstSize.d)
        }
        return legs[0].restore(near, channels: channels, rows: rows)
    }

    /// Restores a whole prediction to the scan's grid.
    /// - Returns: `[scanSize.d, scanSize.h, scanSize.w, channels]`.
    public func restore(_ prediction: [Float], channels: Int) -> [Float] {
        var whole: [Float] = []
        restore(prediction, channels: channels, slab: scanSize.count) { whole = $0 }
        return whole
    }

    /// Restores a label map to the scan's grid by nearest voxels, MONAI's `Invertd(nearest_interp=True)`; 0 outside the
    /// network's input.
    public func restoreLabels<Label: BinaryInteger & Sendable>(_ labels: [Label]) -> [Label] {
        legs.reversed().reduce(labels) { values, leg in leg.restoreLabels(values, rows: 0..<leg.firstSize.d) }
    }
}
