internal import SegCore

/// Restores a prediction to the scan's grid while the prediction arrives, plane by plane along axis 0 of the network's grid.
///
/// Memory holds the planes on which the scan's remaining voxels depend, and one line of the scan's grid for each
/// thread. The values equal the values of `SpatialRecord.restore` bit for bit.
package struct PlaneRestorer {
    private let leg: SpatialLeg
    private let channels: Int
    /// The axis of the scan that corresponds to axis 0 of the network's grid.
    private let axis: Int
    /// For each axis of the scan and each index along this axis, the two neighbours, as offsets into the network's
    /// grid.
    private let taps: [[OffsetTap]]
    /// For each index along `axis`, the planes of the network's grid on which the index depends; nil if there are none.
    private let needs: [ClosedRange<Int>?]
    /// The indices along `axis` that are not restored yet.
    private var waiting: [Int]
    /// The planes now in memory, a run of planes of the network's grid.
    private var held: [Float] = []
    /// The index of the run's first plane.
    private var first = 0
    private var planeCount: Int { leg.lastSize.h * leg.lastSize.w * channels }

    /// Creates a restorer; nil if the record has several legs or an oblique resampling, which need the whole prediction.
    package init?(_ record: SpatialRecord, channels: Int) {
        guard record.legs.count == 1, record.legs[0].resampling?.isSeparable ?? true else { return nil }
        leg = record.legs[0]
        self.channels = channels
        axis = leg.permutation.source[0]
        taps = leg.taps(channels: channels)
        let planeCount = leg.lastSize.h * leg.lastSize.w * channels
        needs = taps[axis].map { $0.planes(planeCount) }
        waiting = Array(needs.indices)
    }

    /// A line of the scan's grid along its last axis, or the part of the line that is restored.
    package struct Line {
        /// The index of the line's first voxel in the scan.
        package let start: Int
        /// The indices along the line of the restored voxels.
        package let columns: [Int]
        /// The restored values, `[columns, channels]`.
        package let values: UnsafeBufferPointer<Float>
    }

    /// Adds the next planes and restores the voxels that do not depend on later planes.
    /// - Parameters:
    ///   - planes: `[planes, h, w, channels]` of the network's grid.
    ///   - body: Called with the restored lines, on several threads at the same time. Over all calls, each voxel of the
    ///     scan comes once.
    package mutating func add(_ planes: UnsafeBufferPointer<Float>, _ body: @Sendable (Line) -> Void) {
        precondition(planes.count % planeCount == 0, "only whole planes can be added")
        // If no planes are held, the new planes are restored without a copy.
        guard held.isEmpty else {
            held += planes
            let all = held
            return all.withUnsafeBufferPointer { restore($0, body) }
        }
        restore(planes, body)
    }

    private mutating func restore(_ values: UnsafeBufferPointer<Float>, _ body: @Sendable (Line) -> Void) {
        let (end, needs) = (first + values.count / planeCount, needs)
        let isReady = { (place: Int) in needs[place].map { $0.upperBound < end } ?? true }
        let ready = waiting.filter(isReady)
        waiting.removeAll(where: isReady)
        if !ready.isEmpty { restore(ready, values, body) }
        let needed = waiting.compactMap { needs[$0]?.lowerBound }.min() ?? end
        let drop = min(needed, end) - first
        held = Array(values[(drop * planeCount)...])
        first += drop
    }

    private func restore(
        _ places: [Int], _ values: UnsafeBufferPointer<Float>, _ body: @Sendable (Line) -> Void
    ) {
        nonisolated(unsafe) let values = values
        var taps = taps
        taps[axis] = places.map { taps[axis][$0].shifted(by: first * planeCount) }
        let size = leg.firstSize
        let (rows, columns) = ([axis == 0 ? places : nil, axis == 1 ? places : nil], Array(0..<size.w))
        let lines = (rows[0] ?? Array(0..<size.d), rows[1] ?? Array(0..<size.h), axis == 2 ? places : columns)
        let ofLine = taps
        concurrently(lines.0.count * lines.1.count) { part in
            var line = [Float](repeating: 0, count: lines.2.count * channels)
            for index in part {
                let (i, j) = (index / lines.1.count, index % lines.1.count)
                line.withUnsafeMutableBufferPointer { line in
                    line.update(repeating: 0)
                    SpatialLeg.restoreLine(
                        values, ofLine[0][i], ofLine[1][j], ofLine[2], channels, to: line)
                    body(
                        Line(
                            start: (lines.0[i] * size.h + lines.1[j]) * size.w, columns: lines.2,
                            values: UnsafeBufferPointer(line)))
                }
            }
        }
    }
}
