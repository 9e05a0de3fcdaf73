internal import SegCore

/// Brings values of the network's grid back to the scan's as they come in, planes of the network's axis 0 after each other.
///
/// Only planes that voxels of the scan still wait for are held, and of the scan's grid one line for each thread. Every value
/// is computed as `SpatialRecord.restore` computes it, to the bit.
package struct PlaneRestorer {
    private let leg: SpatialLeg
    private let channels: Int
    /// The scan's axis that the network's axis 0 runs along.
    private let axis: Int
    /// Of each of the scan's axes; those of `axis` count from the network's first plane.
    private let taps: [[OffsetTap]]
    /// The network's planes that each place along `axis` is made of; nil for none.
    private let needs: [ClosedRange<Int>?]
    /// Places along `axis` that are not restored yet.
    private var waiting: [Int]
    /// Planes of the network's grid that are held, and the number of the first.
    private var held: [Float] = []
    private var first = 0
    private var planeCount: Int { leg.lastSize.h * leg.lastSize.w * channels }

    /// Begins a way back; nil where it needs the whole of the network's grid: grids that are askew, or several resamplings.
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

    /// A line of the scan's grid along its last axis, or the part of it that is restored.
    package struct Line {
        /// The line's first voxel in the scan.
        package let start: Int
        /// Places along the line.
        package let columns: [Int]
        /// `[columns, channels]`.
        package let values: UnsafeBufferPointer<Float>
    }

    /// Takes the next planes and restores what depends on none that is still to come.
    /// - Parameters:
    ///   - planes: `[planes, h, w, channels]` of the network's grid.
    ///   - body: Called on several threads at once; each voxel of the scan comes once.
    package mutating func add(_ planes: UnsafeBufferPointer<Float>, _ body: @Sendable (Line) -> Void) {
        precondition(planes.count % planeCount == 0, "these are not whole planes")
        // What comes first, or all at once, is not copied.
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
