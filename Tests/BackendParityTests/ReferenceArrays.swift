import SegBackend
import SegReference

/// A reference backend whose arrays are read and written as Doubles.
struct ReferenceArrays {
    let backend = ReferenceBackend()

    /// An array with these values.
    func array(_ shape: Shape, _ values: [Double]) throws -> BufferView {
        let view = try backend.allocate(shape, .f64)
        try values.withUnsafeBytes { try backend.upload($0, to: view) }
        return view
    }

    /// An array of integers.
    func integers(_ shape: Shape, _ values: [Double]) throws -> BufferView {
        let view = try backend.allocate(shape, .i32)
        try values.map { Int32($0) }.withUnsafeBytes { try backend.upload($0, to: view) }
        return view
    }

    /// An array of NaN, to be overwritten.
    func empty(_ shape: Shape) throws -> BufferView {
        try array(shape, [Double](repeating: .nan, count: shape.count))
    }

    /// An array of zeros, to be added to.
    func zeros(_ shape: Shape) throws -> BufferView {
        try array(shape, [Double](repeating: 0, count: shape.count))
    }

    /// The values of an array.
    func values(_ view: BufferView) throws -> [Double] {
        var values = [Double](repeating: 0, count: view.count)
        guard view.dtype == .i32 else {
            try values.withUnsafeMutableBytes { try backend.download(view, into: $0) }
            return values
        }
        var integers = [Int32](repeating: 0, count: view.count)
        try integers.withUnsafeMutableBytes { try backend.download(view, into: $0) }
        return integers.map(Double.init)
    }
}
