internal import SegBackend
internal import SegModels
internal import SegTensor
internal import SegWeights

/// The conversion between PyTorch's `[N, C, …]` and MedSeg's `[N, …, C]`.
enum Layout {
    /// Converts a channels-first array to a channels-last tensor.
    static func tensor(_ stored: StoredTensor, on backend: any Backend) throws -> Tensor {
        let shape = Shape(moved(stored.shape, from: 1, to: stored.shape.count - 1))
        return try Tensor(channelsLast(stored.floats(), shape: stored.shape), shape: shape, on: backend)
    }

    /// Returns a channels-last tensor's values in channels-first order.
    static func channelsFirst(_ tensor: Tensor) throws -> [Double] {
        let shape = tensor.shape
        return transposed(
            try tensor.doubles(), outer: shape[0], rows: shape.positions, columns: shape.channels)
    }

    /// Returns channels-first values in channels-last order.
    static func channelsLast(_ values: [Float], shape: [Int]) -> [Float] {
        transposed(values, outer: shape[0], rows: shape[1], columns: shape[2...].reduce(1, *))
    }

    private static func moved(_ shape: [Int], from: Int, to: Int) -> [Int] {
        var shape = shape
        shape.insert(shape.remove(at: from), at: to)
        return shape
    }

    /// Transposes `[outer, rows, columns]` to `[outer, columns, rows]`.
    static func transposed<T>(_ values: [T], outer: Int, rows: Int, columns: Int) -> [T] {
        var result: [T] = []
        result.reserveCapacity(values.count)
        for o in 0..<outer {
            let base = o * rows * columns
            for column in 0..<columns {
                for row in 0..<rows { result.append(values[base + row * columns + column]) }
            }
        }
        return result
    }
}
