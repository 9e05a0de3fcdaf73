internal import SegCore

/// The exact squared Euclidean distance from every voxel of a box to the nearest marked voxel, in mm².
///
/// Separable lower envelopes of parabolas, linear in the number of voxels (Felzenszwalb and Huttenlocher, Distance
/// Transforms of Sampled Functions, 2012). Equals `scipy.ndimage.distance_transform_edt(~marked, sampling)` squared.
///
/// The last pass is along the slowest axis. It skips blocks of rows without a voxel of `queries`, because only the
/// distances at the queries are needed. Rows are independent and are distributed over the cores. Along the two slower
/// axes, the rows of one cache line are processed together.
struct DistanceTransform {
    let size: [Int]
    let spacing: [Double]

    /// The distances in mm at every voxel set in `queries`, in memory order; infinite if nothing is marked.
    func distances(to marked: [Bool], at queries: [Bool]) -> [Double] {
        let plane = size[1] * size[2]
        let size = size
        let spacing = spacing
        let squared = [Double](unsafeUninitializedCapacity: marked.count) { values, count in
            nonisolated(unsafe) let values = values
            concurrently(size[0]) { planes in
                var rows = EnvelopeRows(length: size[1], spacing: spacing[1])
                for start in planes.lazy.map({ $0 * plane }) {
                    Self.alongAxis2(marked, values, start..<start + plane, length: size[2], step: spacing[2])
                    for k in stride(from: 0, to: size[2], by: EnvelopeRows.width) {
                        rows.transform(values, start + k..<start + min(k + EnvelopeRows.width, size[2]), by: size[2])
                    }
                }
            }
            let blocks = Self.blocksHolding(queries, plane: plane)
            concurrently(blocks.count) { part in
                var rows = EnvelopeRows(length: size[0], spacing: spacing[0])
                for block in blocks[part] { rows.transform(values, block, by: plane) }
            }
            count = marked.count
        }
        var distances: [Double] = []
        for voxel in queries.indices where queries[voxel] { distances.append(squared[voxel].squareRoot()) }
        return distances
    }

    /// Sets the squared distance to the nearest marked voxel of the same row, for whole rows, by a forward and a
    /// backward sweep.
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

    /// The blocks of neighbouring columns along axis 0 that contain a query. A column is given by its index in the
    /// first plane.
    private static func blocksHolding(_ queries: [Bool], plane: Int) -> [Range<Int>] {
        var holds = [Bool](repeating: false, count: plane)
        for start in stride(from: 0, to: queries.count, by: plane) {
            for offset in 0..<plane where queries[start + offset] { holds[offset] = true }
        }
        return stride(from: 0, to: plane, by: EnvelopeRows.width)
            .map { $0..<min($0 + EnvelopeRows.width, plane) }
            .filter { block in holds[block].contains(true) }
    }
}

/// The lower envelopes of neighbouring rows of the same length, with scratch memory.
private struct EnvelopeRows {
    /// The number of rows processed together; their values at one index fill a cache line.
    static let width = 8

    private let length: Int
    private let square: Double
    /// The reciprocals 1 / (2 · spacing² · n) for n voxels, because a division for every voxel would take most of the
    /// time.
    private let inverses: [Double]
    private var heights: [Double]
    private var lowest: [Double]
    /// The vertices of the parabolas of the envelope; `begins` gives the coordinate from which each is the lowest.
    private var vertices: [Int]
    private var begins: [Double]

    init(length: Int, spacing: Double) {
        let square = spacing * spacing
        self.length = length
        self.square = square
        inverses = (0..<length).map { 1 / (2 * square * Double($0)) }
        heights = [Double](repeating: 0, count: length * Self.width)
        lowest = heights
        vertices = [Int](repeating: 0, count: length)
        begins = [Double](repeating: 0, count: length)
    }

    /// Replaces each value f(q) of the rows that begin at `starts` by the minimum over p of f(p) + spacing² (q - p)²,
    /// in place. p and q are indices along a row.
    mutating func transform(_ values: UnsafeMutableBufferPointer<Double>, _ starts: Range<Int>, by step: Int) {
        for q in 0..<length {
            for (row, start) in starts.enumerated() { heights[row * length + q] = values[start + q * step] }
        }
        for row in 0..<starts.count { lower(row * length) }
        for q in 0..<length {
            for (row, start) in starts.enumerated() { values[start + q * step] = lowest[row * length + q] }
        }
    }

    /// Computes the lower envelope of the row whose heights begin at `first`.
    private mutating func lower(_ first: Int) {
        let last = envelope(first)
        var current = 0
        for q in 0..<length {
            while current < last && begins[current + 1] < Double(q) { current += 1 }
            let away = Double(q - vertices[current])
            lowest[first + q] = last < 0 ? .infinity : heights[first + vertices[current]] + square * away * away
        }
    }

    /// Finds the lowest parabolas of the row whose heights begin at `first`; returns the index of the last, -1 if there
    /// is none.
    private mutating func envelope(_ first: Int) -> Int {
        var last = -1
        for q in 0..<length where heights[first + q] < .infinity {
            var begin = -Double.infinity
            while last >= 0 {
                begin = intersection(first, vertices[last], q)
                if begin > begins[last] { break }
                last -= 1
                begin = -.infinity
            }
            last += 1
            vertices[last] = q
            begins[last] = begin
        }
        return last
    }

    /// The coordinate from which the parabola of the later vertex q is below that of the earlier vertex p.
    private func intersection(_ first: Int, _ p: Int, _ q: Int) -> Double {
        (heights[first + q] - heights[first + p]) * inverses[q - p] + Double(p + q) / 2
    }
}
