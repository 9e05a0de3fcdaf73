internal import Synchronization

/// Memory that a backend owns; returned to the backend's pool when the last reference is released.
public protocol DeviceBuffer: AnyObject, Sendable {
    /// The number of usable bytes.
    var byteCount: Int { get }
}

/// A contiguous array in a backend's memory: a buffer, the offset of the first element, a shape and an element type.
public struct BufferView: Sendable {
    private let memory: any DeviceBuffer
    private let contents: Contents
    /// The offset of the first element, counted in elements.
    public let offset: Int
    /// The shape.
    public let shape: Shape
    /// The element type.
    public let dtype: DType

    /// Creates a view; its elements must lie inside the buffer.
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
    /// The program stops if an op has overwritten the elements of this view. The caller of that op allowed this and
    /// thereby promised that the view is not read again; a gradient computed from other elements would be wrong without
    /// an error.
    public var buffer: any DeviceBuffer {
        precondition(
            !contents.areOverwritten.load(ordering: .relaxed),
            "an array of \(shape) is read after an op overwrote it, but consumesInput promised that it is not read again"
        )
        return memory
    }

    /// The identity of the memory; it can be read also after the elements were overwritten.
    public var identity: ObjectIdentifier { ObjectIdentifier(memory) }

    /// A view of the new elements of this memory. From now on, no view of the earlier elements may be read.
    public func overwritten() -> BufferView {
        contents.areOverwritten.store(true, ordering: .relaxed)
        return BufferView(memory, Contents(), offset, shape, dtype)
    }

    /// The number of elements.
    public var count: Int { shape.count }

    /// The same elements with another shape of equal count.
    public func reshaped(_ shape: Shape) -> BufferView {
        precondition(shape.count == count, "\(self.shape) cannot be seen as \(shape)")
        return BufferView(memory, contents, offset, shape, dtype)
    }

    /// The elements with indices `range` on the first axis, without a copy.
    public func slice(_ range: Range<Int>) -> BufferView {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "slice \(range) of \(shape)")
        let inner = shape.dimensions.dropFirst()
        return BufferView(
            memory, contents, offset + range.lowerBound * inner.reduce(1, *), Shape([range.count] + inner), dtype)
    }
}

/// A flag, shared by all views of the same elements, that says whether the elements were overwritten.
private final class Contents: Sendable {
    let areOverwritten = Atomic<Bool>(false)
}
