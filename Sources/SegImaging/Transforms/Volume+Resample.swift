internal import SegCore

/// Two neighbours along an axis and their weights.
struct LinearTap {
    var low: Int
    var high: Int
    var lowWeight: Double
    var highWeight: Double

    /// Creates the neighbours of a coordinate; neighbours outside the axis have weight 0.
    @inline(__always)
    init(_ coordinate: Double, extent: Int) {
        let floor = coordinate.rounded(.down)
        low = Int(floor)
        high = low + 1
        highWeight = coordinate - floor
        lowWeight = 1 - highWeight
        if low < 0 || low >= extent { (low, lowWeight) = (0, 0) }
        if high < 0 || high >= extent { (high, highWeight) = (extent - 1, 0) }
    }
}

extension Volume {
    /// The volume resampled by a map, computed in Double; `affine` is the result's affine.
    func resampled(by map: GridMap, affine: Affine, _ interpolation: Interpolation) -> Volume {
        precondition(map.sourceSize == size, "the map is of another volume")
        let target = map.destinationSize
        let voxels = [Float](unsafeUninitializedCapacity: target.count) { output, count in
            nonisolated(unsafe) let output = output
            self.voxels.withUnsafeBufferPointer { input in
                switch (map.isSeparable, interpolation) {
                case (true, .trilinear): sampleSeparable(input, map, into: output)
                case (true, .nearest): pickSeparable(input, map, into: output)
                case (false, _): sampleObliquely(input, map, interpolation, into: output)
                }
            }
            count = target.count
        }
        return Volume(voxels: voxels, size: target, affine: affine)
    }

    /// Combines four source rows into one, then samples along that row: two multiplications per voxel instead of eight.
    private func sampleSeparable(
        _ input: UnsafeBufferPointer<Float>, _ map: GridMap, into output: UnsafeMutableBufferPointer<Float>
    ) {
        nonisolated(unsafe) let (input, output) = (input, output)
        let (size, target) = (size, map.destinationSize)
        let taps = (0..<3).map { axis in
            map.coordinates(along: axis, .trilinear).map { LinearTap($0, extent: size[axis]) }
        }
        concurrently(target.d) { rows in
            var row = [Double](repeating: 0, count: size.w)
            for i in rows {
                for j in 0..<target.h {
                    let (a, b) = (taps[0][i], taps[1][j])
                    blend(
                        &row, input, [a.low, a.low, a.high, a.high], [b.low, b.high, b.low, b.high], size,
                        [
                            a.lowWeight * b.lowWeight, a.lowWeight * b.highWeight, a.highWeight * b.lowWeight,
                            a.highWeight * b.highWeight,
                        ])
                    let start = (i * target.h + j) * target.w
                    row.withUnsafeBufferPointer { row in
                        taps[2].withUnsafeBufferPointer { taps in
                            for k in 0..<target.w {
                                let tap = taps[k]
                                output[start + k] = Float(row[tap.low] * tap.lowWeight + row[tap.high] * tap.highWeight)
                            }
                        }
                    }
                }
            }
        }
    }

    private func pickSeparable(
        _ input: UnsafeBufferPointer<Float>, _ map: GridMap, into output: UnsafeMutableBufferPointer<Float>
    ) {
        nonisolated(unsafe) let (input, output) = (input, output)
        let (size, target) = (size, map.destinationSize)
        let picks = (0..<3).map { axis in
            map.coordinates(along: axis, .nearest).map { coordinate in
                let index = Int(coordinate.rounded(.toNearestOrEven))
                return index >= 0 && index < size[axis] ? index : -1
            }
        }
        concurrently(target.d) { rows in
            for i in rows {
                for j in 0..<target.h {
                    let isOutside = picks[0][i] < 0 || picks[1][j] < 0
                    let source = (picks[0][i] * size.h + picks[1][j]) * size.w
                    let start = (i * target.h + j) * target.w
                    for k in 0..<target.w {
                        output[start + k] = isOutside || picks[2][k] < 0 ? 0 : input[source + picks[2][k]]
                    }
                }
            }
        }
    }

    /// Samples along axes that are not all parallel to the source's.
    private func sampleObliquely(
        _ input: UnsafeBufferPointer<Float>, _ map: GridMap, _ interpolation: Interpolation,
        into output: UnsafeMutableBufferPointer<Float>
    ) {
        nonisolated(unsafe) let (input, output) = (input, output)
        let (size, target) = (size, map.destinationSize)
        let source = ObliqueCoordinates(map)
        concurrently(target.d) { rows in
            for i in rows {
                for j in 0..<target.h {
                    for k in 0..<target.w {
                        let point = source(i, j, k)
                        output[(i * target.h + j) * target.w + k] =
                            interpolation == .nearest ? nearest(input, size, point) : linear(input, size, point)
                    }
                }
            }
        }
    }
}

/// Sets `row` to the weighted sum of four of the volume's rows along axis 2.
@inline(__always)
private func blend(
    _ row: inout [Double], _ input: UnsafeBufferPointer<Float>, _ i: [Int], _ j: [Int], _ size: Triple,
    _ weights: [Double]
) {
    let starts = (0..<4).map { (i[$0] * size.h + j[$0]) * size.w }
    let (s0, s1, s2, s3) = (starts[0], starts[1], starts[2], starts[3])
    let (w0, w1, w2, w3) = (weights[0], weights[1], weights[2], weights[3])
    row.withUnsafeMutableBufferPointer { row in
        for k in 0..<size.w {
            row[k] =
                Double(input[s0 + k]) * w0 + Double(input[s1 + k]) * w1 + Double(input[s2 + k]) * w2
                + Double(input[s3 + k]) * w3
        }
    }
}

private func nearest(
    _ input: UnsafeBufferPointer<Float>, _ size: Triple, _ point: (x: Double, y: Double, z: Double)
) -> Float {
    let i = Int(point.x.rounded(.toNearestOrEven))
    let j = Int(point.y.rounded(.toNearestOrEven))
    let k = Int(point.z.rounded(.toNearestOrEven))
    guard i >= 0, i < size.d, j >= 0, j < size.h, k >= 0, k < size.w else { return 0 }
    return input[(i * size.h + j) * size.w + k]
}

private func linear(
    _ input: UnsafeBufferPointer<Float>, _ size: Triple, _ point: (x: Double, y: Double, z: Double)
) -> Float {
    let a = LinearTap(point.x, extent: size.d)
    let b = LinearTap(point.y, extent: size.h)
    let c = LinearTap(point.z, extent: size.w)
    func along(_ i: Int, _ j: Int) -> Double {
        let start = (i * size.h + j) * size.w
        return Double(input[start + c.low]) * c.lowWeight + Double(input[start + c.high]) * c.highWeight
    }
    let low = along(a.low, b.low) * b.lowWeight + along(a.low, b.high) * b.highWeight
    let high = along(a.high, b.low) * b.lowWeight + along(a.high, b.high) * b.highWeight
    return Float(low * a.lowWeight + high * a.highWeight)
}
