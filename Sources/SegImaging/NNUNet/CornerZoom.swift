public import SegCore

/// Resamples a grid to another number of voxels; its first and last voxels keep their positions. TotalSegmentator does
/// the same with `scipy.ndimage.zoom(order=, mode="nearest")`.
public enum CornerZoom {
    /// A volume resampled to cubic voxels, with linear interpolation; values are truncated to integers.
    ///
    /// The new affine has the requested edges, even if the number of voxels along an axis was rounded.
    /// - Parameters:
    ///   - edge: The edge of a voxel in mm along all axes.
    ///   - name: The volume's file, for errors.
    /// - Returns: The volume itself if it has these edges.
    /// - Throws: `DataError` if the grid is larger than `Limits`.
    public static func volume(_ volume: Volume, edge: Double, name: String) throws(DataError) -> Volume {
        let edges = volume.affine.edgesInSingle
        guard edges != [edge, edge, edge] else { return volume }
        let size = Triple(
            (0..<3).map { axis in
                let count = (Double(volume.size[axis]) * (edges[axis] / edge)).rounded(.toNearestOrEven)
                return Int(min(max(count, 1), Double(Int32.max)))
            })
        try PreprocessingStep.checkExtents(size, name: name)
        var affine = volume.affine
        for axis in 0..<3 {
            for row in 0..<3 { affine[row, axis] /= edges[axis] / edge }
        }
        let axes = (0..<3).map { axis in taps(from: volume.size[axis], to: size[axis]) }
        let voxels = [Float](unsafeUninitializedCapacity: size.count) { output, count in
            nonisolated(unsafe) let output = output
            volume.voxels.withUnsafeBufferPointer { input in
                nonisolated(unsafe) let input = input
                concurrently(size.d) { part in
                    for i in part { interpolate(input, volume.size, axes, row: i, size, into: output) }
                }
            }
            count = size.count
        }
        return Volume(voxels: voxels, size: size, affine: affine)
    }

    private struct Tap: Sendable {
        let low: Int
        let high: Int
        let lowWeight: Double
        let highWeight: Double
    }

    private static func taps(from source: Int, to count: Int) -> [Tap] {
        let step = count > 1 ? Double(source - 1) / Double(count - 1) : 1
        return (0..<count).map { index in
            let place = min(max(Double(index) * step, 0), Double(source - 1))
            let floor = place.rounded(.down)
            let low = Int(floor)
            return Tap(
                low: low, high: min(low + 1, source - 1), lowWeight: 1 - (place - floor), highWeight: place - floor)
        }
    }

    /// Adds SciPy's terms in SciPy's order. The sum is truncated to an integer: if the exact sum is an integer, the
    /// last bit of the rounded sum decides the result.
    private static func interpolate(
        _ input: UnsafeBufferPointer<Float>, _ old: Triple, _ axes: [[Tap]], row i: Int, _ new: Triple,
        into output: UnsafeMutableBufferPointer<Float>
    ) {
        let a = axes[0][i]
        for j in 0..<new.h {
            let b = axes[1][j]
            let start = (i * new.h + j) * new.w
            for k in 0..<new.w {
                let c = axes[2][k]
                var sum = 0.0
                for (first, u) in [(a.low, a.lowWeight), (a.high, a.highWeight)] {
                    for (second, v) in [(b.low, b.lowWeight), (b.high, b.highWeight)] {
                        let base = (first * old.h + second) * old.w
                        sum += Double(input[base + c.low]) * u * v * c.lowWeight
                        sum += Double(input[base + c.high]) * u * v * c.highWeight
                    }
                }
                output[start + k] = Float(sum.rounded(.towardZero))
            }
        }
    }

    /// A label map on a grid of another size, by nearest voxels; halves round up.
    public static func labels(_ labels: [UInt8], from old: Triple, to new: Triple) -> [UInt8] {
        precondition(labels.count == old.count, "the label map is not \(old) voxels")
        let places = (0..<3).map { axis in
            let step = new[axis] > 1 ? Double(old[axis] - 1) / Double(new[axis] - 1) : 1
            return (0..<new[axis]).map { index in
                Int((min(Double(index) * step, Double(old[axis] - 1)) + 0.5).rounded(.down))
            }
        }
        var result: [UInt8] = []
        result.reserveCapacity(new.count)
        for i in places[0] {
            for j in places[1] {
                let row = (i * old.h + j) * old.w
                for k in places[2] { result.append(labels[row + k]) }
            }
        }
        return result
    }
}

extension Affine {
    /// The edges of a voxel in mm, rounded to 32 bits as a header stores them.
    public var edgesInSingle: [Double] {
        (0..<3).map { axis in
            Double(Float((0..<3).reduce(0.0) { $0 + self[$1, axis] * self[$1, axis] }.squareRoot()))
        }
    }
}
