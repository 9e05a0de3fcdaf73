internal import Synchronization

/// Memory that a backend owns; returned to the backend's pool when the last reference goes.
public protocol DeviceBuffer: AnyObject, Sendable {
    /// Bytes that may be used.
    var byteCount: Int { get }
}

/// A contiguous array of a backend's memory: a buffer, where it starts, its shape and its element type.
public struct BufferView: Sendable {
    private let memory: any DeviceBuffer
    private let contents: Contents
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
        self.init(buffer, Contents(), offset, shape, dtype)
    }

    private init(_ memory: any DeviceBuffer, _ contents: Contents, _ offset: Int, _ shape: Shape, _ dtype: DType) {
        (self.memory, self.contents) = (memory, contents)
        (self.offset, self.shape, self.dtype) = (offset, shape, dtype)
    }

    /// The memory.
    ///
    /// A view whose elements an op was allowed to overwrite must not be read again. Whoever reads it broke the promise
    /// that allowed it, and the program stops: a gradient made of other elements would be wrong without a word.
    public var buffer: any DeviceBuffer {
        precondition(
            !contents.areOverwritten.load(ordering: .relaxed),
            "an array of \(shape) is read after an op that was told nobody would read it (consumesInput) overwrote it")
        return memory
    }

    /// Tells one memory from another, also after its elements were overwritten.
    public var identity: ObjectIdentifier { ObjectIdentifier(memory) }

    /// The new elements of this memory. From now on, no view of the earlier elements may be read.
    public func overwritten() -> BufferView {
        contents.areOverwritten.store(true, ordering: .relaxed)
        return BufferView(memory, Contents(), offset, shape, dtype)
    }

    /// Number of elements.
    public var count: Int { shape.count }

    /// The same elements under another shape of equal count.
    public func reshaped(_ shape: Shape) -> BufferView {
        precondition(shape.count == count, "\(self.shape) cannot be seen as \(shape)")
        return BufferView(memory, contents, offset, shape, dtype)
    }

    /// The entries `range` of the first axis, without copying.
    public func slice(_ range: Range<Int>) -> BufferView {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "slice \(range) of \(shape)")
        let inner = shape.dimensions.dropFirst()
        return BufferView(
            memory, contents, offset + range.lowerBound * inner.reduce(1, *), Shape([range.count] + inner), dtype)
    }
}

/// Whether elements are still in their memory; shared by all views of them.
private final class Contents: Sendable {
    let areOverwritten = Atomic<Bool>(false)
}
