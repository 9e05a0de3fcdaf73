internal import SegBackend
internal import SegModels
internal import SegTensor
internal import SegWeights

/// Between PyTorch's `[N, C, …]` and our `[N, …, C]`.
enum Layout {
    /// A channels-first array as a channels-last tensor.
    static func tensor(_ stored: StoredTensor, on backend: any Backend) throws -> Tensor {
        let shape = Shape(moved(stored.shape, from: 1, to: stored.shape.count - 1))
        return try Tensor(channelsLast(stored.floats(), shape: stored.shape), shape: shape, on: backend)
    }

    /// A channels-last tensor's values in channels-first order.
    static func channelsFirst(_ tensor: Tensor) throws -> [Double] {
        let shape = tensor.shape
        return transposed(
            try tensor.doubles(), outer: shape[0], rows: shape.positions, columns: shape.channels)
    }

    /// Channels-first values in channels-last order.
    static func channelsLast(_ values: [Float], shape: [Int]) -> [Float] {
        transposed(values, outer: shape[0], rows: shape[1], columns: shape[2...].reduce(1, *))
    }

    private static func moved(_ shape: [Int], from: Int, to: Int) -> [Int] {
        var shape = shape
        shape.insert(shape.remove(at: from), at: to)
        return shape
    }

    /// `[outer, rows, columns]` → `[outer, columns, rows]`.
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
