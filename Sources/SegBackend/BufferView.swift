/// Memory that a backend owns; returned to the backend's pool when the last reference goes.
public protocol DeviceBuffer: AnyObject, Sendable {
    /// Bytes that may be used.
    var byteCount: Int { get }
}

/// A contiguous array of a backend's memory: a buffer, where it starts, its shape and its element type.
public struct BufferView: Sendable {
    /// The memory.
    public let buffer: any DeviceBuffer
    /// First element, counted in elements.
    public let offset: Int
    /// Extents.
    public let shape: Shape
    /// Element type.
    public let dtype: DType

    /// Makes a view; the elements must lie inside the buffer.
    public init(buffer: any DeviceBuffer, offset: Int, shape: Shape, dtype: DType) {
        precondition(
            (offset + shape.count) * dtype.byteCount <= buffer.byteCount, "a view of \(shape) lies outside its buffer")
        self.buffer = buffer
        self.offset = offset
        self.shape = shape
        self.dtype = dtype
    }

    /// Number of elements.
    public var count: Int { shape.count }

    /// The same elements under another shape of equal count.
    public func reshaped(_ shape: Shape) -> BufferView {
        precondition(shape.count == count, "\(self.shape) cannot be seen as \(shape)")
        return BufferView(buffer: buffer, offset: offset, shape: shape, dtype: dtype)
    }

    /// The entries `range` of the first axis, without copying.
    public func slice(_ range: Range<Int>) -> BufferView {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "slice \(range) of \(shape)")
        let inner = shape.dimensions.dropFirst()
        return BufferView(
            buffer: buffer, offset: offset + range.lowerBound * inner.reduce(1, *),
            shape: Shape([range.count] + inner), dtype: dtype)
    }
}
