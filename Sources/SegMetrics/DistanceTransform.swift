/// Exact squared Euclidean distance from every voxel of a box to the nearest marked voxel, in mm².
///
/// Separable lower envelopes of parabolas, linear in the number of voxels (Felzenszwalb and Huttenlocher, Distance
/// Transforms of Sampled Functions, 2012). Equals `scipy.ndimage.distance_transform_edt(~marked, sampling)` squared.
/// Rows along the slowest axis are the last pass; those without a voxel of `queries` are left out, for only the
/// distances at the queries are asked for. Rows are independent of each other and are shared among the cores.
struct DistanceTransform {
    let size: [Int]
    let spacing: [Double]

    /// The distances in mm at every voxel set in `queries`, in memory order; infinite when nothing is marked.
    func distances(to marked: [Bool], at queries: [Bool]) -> [Double] {
        let plane = size[1] * size[2]
        let size = size
        let spacing = spacing
        let squared = [Double](unsafeUninitializedCapacity: marked.count) { values, count in
            nonisolated(unsafe) let values = values
            concurrently(size[0]) { planes in
                var row = EnvelopeRow(longest: size[1], spacing: spacing[1])
                for start in planes.lazy.map({ $0 * plane }) {
                    Self.alongAxis2(marked, values, start..<start + plane, length: size[2], step: spacing[2])
                    for k in 0..<size[2] {
                        row.transform(values, from: start + k, by: size[2], count: size[1])
                    }
                }
            }
            let columns = Self.columnsHolding(queries, plane: plane)
            concurrently(columns.count) { part in
                var row = EnvelopeRow(longest: size[0], spacing: spacing[0])
                for start in columns[part] {
                    row.transform(values, from: start, by: plane, count: size[0])
                }
            }
            count = marked.count
        }
        var distances: [Double] = []
        for voxel in queries.indices where queries[voxel] { distances.append(squared[voxel].squareRoot()) }
        return distances
    }

    /// Squared distance to the nearest marked voxel of the same row, of whole rows: one sweep up, one down.
    private static func alongAxis2(
        _ marked: [Bool], _ values: UnsafeMutableBufferPointer<Double>, _ voxels: Range<Int>, length: Int, step: Double
    ) {
        marked.withUnsafeBufferPointer { marked in
            for start in stride(from: voxels.lowerBound, to: voxels.upperBound, by: length) {
                var steps = Double.infinity
                for k in start..<start + length {
                    steps = marked[k] ? 0 : steps + 1
                    values[k] = steps
                }
                steps = .infinity
                for k in stride(from: start + length - 1, through: start, by: -1) {
                    steps = marked[k] ? 0 : steps + 1
                    let nearest = min(values[k], steps) * step
                    values[k] = nearest * nearest
                }
            }
        }
    }

    /// Offsets in the first plane of the axis-0 columns that hold a query.
    private static func columnsHolding(_ queries: [Bool], plane: Int) -> [Int] {
        var holds = [Bool](repeating: false, count: plane)
        for start in stride(from: 0, to: queries.count, by: plane) {
            for offset in 0..<plane where queries[start + offset] { holds[offset] = true }
        }
        return holds.indices.filter { holds[$0] }
    }
}

/// Scratch of one lower envelope: the parabolas that are part of it and where each begins to be the lowest.
private struct EnvelopeRow {
    private var heights: [Double]
    private var vertices: [Int]
    private var begins: [Double]
    private let square: Double
    /// 1 / (2 · spacing² · n): a division for every voxel would take most of the time.
    private let inverses: [Double]

    init(longest: Int, spacing: Double) {
        let square = spacing * spacing
        self.square = square
        inverses = (0..<longest).map { 1 / (2 * square * Double($0)) }
        heights = [Double](repeating: 0, count: longest)
        vertices = [Int](repeating: 0, count: longest)
        begins = [Double](repeating: 0, count: longest)
    }

    /// Replaces f(q) by min over p of f(p) + spacing² (q - p)² along one strided row, in place.
    mutating func transform(
        _ values: UnsafeMutableBufferPointer<Double>, from start: Int, by step: Int, count: Int
    ) {
        var last = -1
        for q in 0..<count {
            let height = values[start + q * step]
            heights[q] = height
            // A place without any marked voxel has no parabola.
            if height == .infinity { continue }
            var begin = -Double.infinity
            while last >= 0 {
                begin = intersection(vertices[last], q)
                if begin > begins[last] { break }
                last -= 1
                begin = -.infinity
            }
            last += 1
            vertices[last] = q
            begins[last] = begin
        }
        if last < 0 { return }
        var current = 0
        for q in 0..<count {
            while current < last && begins[current + 1] < Double(q) { current += 1 }
            let away = Double(q - vertices[current])
            values[start + q * step] = heights[vertices[current]] + square * away * away
        }
    }

    /// Where the parabola of the later vertex q falls below that of the earlier vertex p.
    private func intersection(_ p: Int, _ q: Int) -> Double {
        (heights[q] - heights[p]) * inverses[q - p] + Double(p + q) / 2
    }
}
