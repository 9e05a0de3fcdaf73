internal import SegCore

extension SpatialLeg {
    /// Restores values to some rows of the first grid from values on the last grid.
    ///
    /// Values outside the kept box are 0. The spaced grid is sampled with the interpolation and padding of the
    /// resampling (trilinear and border by default), and its axes are permuted back to the first grid's. Memory is
    /// needed only for the given rows.
    ///
    /// - Parameters:
    ///   - prediction: `[D, H, W, channels]` of `lastSize`, channels interleaved.
    ///   - channels: The number of channels.
    ///   - rows: The range of rows along the first grid's axis 0.
    /// - Returns: `[rows, size.h, size.w, channels]`.
    public func restore(_ prediction: [Float], channels: Int, rows: Range<Int>) -> [Float] {
        precondition(prediction.count == lastSize.count * channels, "the prediction does not have the last grid's size")
        precondition(rows.lowerBound >= 0 && rows.upperBound <= firstSize.d, "rows \(rows) exceed \(firstSize)")
        let count = rows.count * firstSize.h * firstSize.w * channels
        return [Float](unsafeUninitializedCapacity: count) { output, initialised in
            nonisolated(unsafe) let output = output
            output.initialize(repeating: 0)
            prediction.withUnsafeBufferPointer { input in
                if resampling?.isSeparable ?? true {
                    restoreSeparably(input, channels, rows, output)
                } else {
                    restoreObliquely(input, channels, rows, output)
                }
            }
            initialised = count
        }
    }

    /// Restores a label map to some rows of the first grid from the last grid, by nearest voxels; 0 outside the kept
    /// box.
    public func restoreLabels<Label: BinaryInteger & Sendable>(_ labels: [Label], rows: Range<Int>) -> [Label] {
        precondition(labels.count == lastSize.count, "the labels do not have the last grid's size")
        precondition(rows.lowerBound >= 0 && rows.upperBound <= firstSize.d, "rows \(rows) exceed \(firstSize)")
        let reverse = resampling?.reversed
        let tables = reverse?.isSeparable ?? true ? nearestTables() : nil
        let oblique = tables == nil ? reverse.map(ObliqueCoordinates.init) : nil
        let toOriented = permutation.inverse.indexMap(from: orientedSize)
        var output = [Label](repeating: 0, count: rows.count * firstSize.h * firstSize.w)
        output.withUnsafeMutableBufferPointer { output in
            nonisolated(unsafe) let output = output
            concurrently(rows.count) { part in
                for row in part {
                    for j in 0..<firstSize.h {
                        let start = (row * firstSize.h + j) * firstSize.w
                        for k in 0..<firstSize.w {
                            let i = rows.lowerBound + row
                            let source: Int
                            if let tables {
                                let parts = (tables[0][i], tables[1][j], tables[2][k])
                                source = min(parts.0, parts.1, parts.2) < 0 ? -1 : parts.0 + parts.1 + parts.2
                            } else {
                                source = nearestOffset(i, j, k, oblique, toOriented)
                            }
                            if source >= 0 { output[start + k] = labels[source] }
                        }
                    }
                }
            }
        }
        return output
    }
}

/// The two voxels of the last grid between which an index of the first grid lies along one axis, as offsets into the last
/// grid's values, and their weights. A voxel outside the kept box has weight 0.
struct OffsetTap: Sendable {
    var low = 0
    var high = 0
    var lowWeight: Float = 0
    var highWeight: Float = 0

    /// The planes of the last grid that contain the voxels with a weight; nil if both weights are 0. For a tap along
    /// the last grid's axis 0, whose planes have `count` values each.
    func planes(_ count: Int) -> ClosedRange<Int>? {
        switch (lowWeight != 0, highWeight != 0) {
        case (true, true): min(low, high) / count...max(low, high) / count
        case (true, false): low / count...low / count
        case (false, true): high / count...high / count
        case (false, false): nil
        }
    }

    /// The same voxels with offsets counted from value `start`; a voxel of weight 0 gets offset 0, which always exists.
    func shifted(by start: Int) -> OffsetTap {
        var tap = self
        (tap.low, tap.high) = (lowWeight == 0 ? 0 : low - start, highWeight == 0 ? 0 : high - start)
        return tap
    }
}

extension SpatialLeg {
    /// The voxel strides of the last grid.
    private var strides: [Int] { [lastSize.h * lastSize.w, lastSize.w, 1] }

    /// For each axis of the first grid: the axis of the last grid that is parallel to it, and for each index the
    /// coordinate in the spaced grid, nil outside the first box.
    private func spacedCoordinates(_ interpolation: Interpolation) -> [(axis: Int, values: [Double?])] {
        let reverse = resampling?.reversed
        return (0..<3).map { firstAxis in
            let axis = permutation.source.firstIndex(of: firstAxis) ?? firstAxis
            let inBox = reverse?.coordinates(along: axis, interpolation) ?? (0..<orientedSize[axis]).map(Double.init)
            let start = firstBox?.start[axis] ?? 0
            let oriented = (0..<orientedSize[axis]).map { inBox.indices.contains($0 - start) ? inBox[$0 - start] : nil }
            return (axis, permutation.flipped[axis] ? oriented.reversed() : oriented)
        }
    }

    /// The index of an oriented voxel relative to the first box; nil outside the box.
    private func inFirstBox(_ voxel: (x: Double, y: Double, z: Double)) -> (Int, Int, Int)? {
        var place = [Int(voxel.x), Int(voxel.y), Int(voxel.z)]
        if let firstBox {
            for axis in 0..<3 {
                guard firstBox.contains(place[axis], along: axis) else { return nil }
                place[axis] -= firstBox.start[axis]
            }
        }
        return (place[0], place[1], place[2])
    }

    private func nearestTables() -> [[Int]] {
        spacedCoordinates(.nearest).map { axis, values in
            values.map { value in
                guard let value else { return -1 }
                let index = Int(value.rounded(.toNearestOrEven))
                return kept.contains(index, along: axis) ? (index - lastBox.start[axis]) * strides[axis] : -1
            }
        }
    }

    private func nearestOffset(
        _ i: Int, _ j: Int, _ k: Int, _ source: ObliqueCoordinates?, _ toOriented: Affine
    ) -> Int {
        guard let source, let voxel = inFirstBox(toOriented(Double(i), Double(j), Double(k))) else { return -1 }
        let point = source(voxel.0, voxel.1, voxel.2)
        var offset = 0
        for (axis, value) in [point.x, point.y, point.z].enumerated() {
            let index = Int(value.rounded(.toNearestOrEven))
            guard kept.contains(index, along: axis) else { return -1 }
            offset += (index - lastBox.start[axis]) * strides[axis]
        }
        return offset
    }

    /// The neighbours of a coordinate of the spaced grid along an axis, as offsets into the last grid with `channels`
    /// floats per voxel.
    private func tap(_ coordinate: Double?, axis: Int, channels: Int) -> OffsetTap {
        guard let coordinate else { return OffsetTap() }
        // With nearest-voxel interpolation only one neighbour has a weight.
        let isNearest = resampling?.sampling.interpolation == .nearest
        let linear = LinearTap(isNearest ? coordinate.rounded(.toNearestOrEven) : coordinate, extent: spacedSize[axis])
        var tap = OffsetTap()
        let step = strides[axis] * channels
        if kept.contains(linear.low, along: axis) {
            (tap.low, tap.lowWeight) = ((linear.low - lastBox.start[axis]) * step, Float(linear.lowWeight))
        }
        if kept.contains(linear.high, along: axis) {
            (tap.high, tap.highWeight) = ((linear.high - lastBox.start[axis]) * step, Float(linear.highWeight))
        }
        return tap
    }

    private func restoreSeparably(
        _ input: UnsafeBufferPointer<Float>, _ channels: Int, _ rows: Range<Int>,
        _ output: UnsafeMutableBufferPointer<Float>
    ) {
        nonisolated(unsafe) let (input, output) = (input, output)
        let taps = taps(channels: channels)
        let (firstJ, firstK) = (firstSize.h, firstSize.w)
        concurrently(rows.count) { part in
            for row in part {
                let a = taps[0][rows.lowerBound + row]
                for j in 0..<firstJ {
                    let b = taps[1][j]
                    let start = (row * firstJ + j) * firstK * channels
                    let target = UnsafeMutableBufferPointer(rebasing: output[start..<start + firstK * channels])
                    Self.restoreLine(input, a, b, taps[2], channels, to: target)
                }
            }
        }
    }

    /// For each axis of the first grid and each index along this axis, its two neighbours in the last grid; only for
    /// separable resamplings.
    func taps(channels: Int) -> [[OffsetTap]] {
        spacedCoordinates(resampling?.sampling.interpolation ?? .trilinear).map { axis, values in
            values.map { tap($0, axis: axis, channels: channels) }
        }
    }

    /// Adds the weighted sum of the four neighbouring lines of the last grid to a line of the first grid.
    static func restoreLine(
        _ input: UnsafeBufferPointer<Float>, _ a: OffsetTap, _ b: OffsetTap, _ taps: [OffsetTap], _ channels: Int,
        to line: UnsafeMutableBufferPointer<Float>
    ) {
        addRow(input, from: a.low + b.low, weight: a.lowWeight * b.lowWeight, taps, channels, to: line)
        addRow(input, from: a.low + b.high, weight: a.lowWeight * b.highWeight, taps, channels, to: line)
        addRow(input, from: a.high + b.low, weight: a.highWeight * b.lowWeight, taps, channels, to: line)
        addRow(input, from: a.high + b.high, weight: a.highWeight * b.highWeight, taps, channels, to: line)
    }

    private func restoreObliquely(
        _ input: UnsafeBufferPointer<Float>, _ channels: Int, _ rows: Range<Int>,
        _ output: UnsafeMutableBufferPointer<Float>
    ) {
        guard let source = (resampling?.reversed).map(ObliqueCoordinates.init) else { return }
        nonisolated(unsafe) let (input, output) = (input, output)
        let toOriented = permutation.inverse.indexMap(from: orientedSize)
        concurrently(rows.count) { part in
            for row in part {
                for j in 0..<firstSize.h {
                    for k in 0..<firstSize.w {
                        let place = toOriented(Double(rows.lowerBound + row), Double(j), Double(k))
                        guard let voxel = inFirstBox(place) else { continue }
                        let point = source(voxel.0, voxel.1, voxel.2)
                        let a = tap(point.x, axis: 0, channels: channels)
                        let b = tap(point.y, axis: 1, channels: channels)
                        let c = tap(point.z, axis: 2, channels: channels)
                        let start = ((row * firstSize.h + j) * firstSize.w + k) * channels
                        let target = UnsafeMutableBufferPointer(rebasing: output[start..<start + channels])
                        Self.restoreLine(input, a, b, [c], channels, to: target)
                    }
                }
            }
        }
    }
}

/// Adds one of the four neighbouring lines, sampled along the first grid's last axis and multiplied by its weight.
@inline(__always)
private func addRow(
    _ input: UnsafeBufferPointer<Float>, from start: Int, weight: Float, _ taps: [OffsetTap], _ channels: Int,
    to output: UnsafeMutableBufferPointer<Float>
) {
    guard weight != 0 else { return }
    taps.withUnsafeBufferPointer { taps in
        for k in 0..<taps.count {
            let tap = taps[k]
            let (low, high) = (weight * tap.lowWeight, weight * tap.highWeight)
            let (first, second) = (start + tap.low, start + tap.high)
            for channel in 0..<channels {
                output[k * channels + channel] += low * input[first + channel] + high * input[second + channel]
            }
        }
    }
}
