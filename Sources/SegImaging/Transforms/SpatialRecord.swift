public import SegCore

/// What was done to a scan's grid on the way to the network, kept to bring predictions back.
///
/// Steps may come in any order. Those that follow MONAI's usual one (`Orientation`, `Spacing`, then crops and pads in
/// any number) are one leg, which is restored in a single pass; a step that comes out of this order begins another.
public struct SpatialRecord: Hashable, Sendable {
    /// The legs, first to last; the grid that one ends with is the grid that the next begins with.
    public private(set) var legs: [SpatialLeg]

    /// A record of a grid to which nothing was done yet.
    public init(scanSize: Triple, scanAffine: Affine) {
        legs = [SpatialLeg(size: scanSize, affine: scanAffine)]
    }

    /// Extents of the scan as read.
    public var scanSize: Triple { legs[0].firstSize }
    /// The scan as read: voxel index → RAS+ mm.
    public var scanAffine: Affine { legs[0].firstAffine }
    /// Extents of the volume that the network sees.
    public var networkSize: Triple { legs[legs.count - 1].lastSize }
    /// Network voxel index → RAS+ mm.
    public var networkAffine: Affine { legs[legs.count - 1].lastAffine }

    /// Voxels of the largest grid between two legs; 0 where there is none.
    package var largestBetween: Int { legs.dropFirst().map(\.firstSize.count).max() ?? 0 }

    mutating func orient(by permutation: AxisPermutation, to image: ScanImage) {
        guard permutation != .identity else { return }
        extend { $0.orient(by: permutation, to: image) }
    }

    mutating func resample(by map: GridMap?, to image: ScanImage) {
        guard let map else { return }
        extend { $0.resample(by: map, to: image) }
    }

    /// Notes that the network's volume is now a box of what it was.
    mutating func cut(_ box: Box3) { legs[legs.count - 1].cut(box) }

    /// Adds a step to the last leg, or to a new one where the last cannot take it.
    private mutating func extend(_ step: (inout SpatialLeg) -> Bool) {
        guard !step(&legs[legs.count - 1]) else { return }
        var leg = SpatialLeg(size: networkSize, affine: networkAffine)
        let isTaken = step(&leg)
        precondition(isTaken, "a leg to which nothing was done takes any step")
        legs.append(leg)
    }
}

extension SpatialRecord {
    /// A label map of the scan's grid taken the same way, by nearest voxels; padding is 0.
    func follow(_ labels: Volume) -> Volume { legs.reduce(labels) { $1.follow($0) } }

    /// Brings what the network gave back to the scan, a slab of rows at a time, MONAI's `Invertd(nearest_interp=False)`.
    ///
    /// Outside what the network saw values are 0.
    /// - Parameters:
    ///   - prediction: `[D, H, W, channels]` of `networkSize`, channels interleaved.
    ///   - channels: Number of channels.
    ///   - voxels: The most voxels of a slab, by whole rows along the scan's axis 0.
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

    /// Brings what the network gave back to rows along the scan's axis 0.
    /// - Returns: `[rows, size.h, size.w, channels]`.
    package func restore(_ prediction: [Float], channels: Int, rows: Range<Int>) -> [Float] {
        let near = legs.dropFirst().reversed().reduce(prediction) { values, leg in
            leg.restore(values, channels: channels, rows: 0..<leg.firstSize.d)
        }
        return legs[0].restore(near, channels: channels, rows: rows)
    }

    /// Brings what the network gave back to the scan, whole.
    /// - Returns: `[scanSize.d, scanSize.h, scanSize.w, channels]`.
    public func restore(_ prediction: [Float], channels: Int) -> [Float] {
        var whole: [Float] = []
        restore(prediction, channels: channels, slab: scanSize.count) { whole = $0 }
        return whole
    }

    /// A label map of the scan, from the network's, by nearest voxels, MONAI's `Invertd(nearest_interp=True)`; 0 outside
    /// what the network saw.
    public func restoreLabels<Label: BinaryInteger & Sendable>(_ labels: [Label]) -> [Label] {
        legs.reversed().reduce(labels) { values, leg in leg.restoreLabels(values, rows: 0..<leg.firstSize.d) }
    }
}
