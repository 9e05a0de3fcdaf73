import Foundation
public import SegBackend

extension ReferenceBackend {
    /// Allocates a block of its own; nothing is pooled.
    /// - Throws: `BackendError.outOfMemory` if the limit does not allow it.
    public func allocate(byteCount: Int) throws -> any DeviceBuffer {
        try ReferenceBuffer(byteCount: byteCount, ledger: ledger)
    }

    /// Copies host memory of the view's type and count into the view.
    public func upload(_ source: UnsafeRawBufferPointer, to view: BufferView) throws {
        precondition(source.count == view.count * view.dtype.byteCount, "\(source.count) bytes for \(view.shape)")
        if let base = source.baseAddress { memcpy(view.bytes, base, source.count) }
    }

    /// Copies the view to host memory.
    public func download(_ view: BufferView, into destination: UnsafeMutableRawBufferPointer) throws {
        precondition(
            destination.count == view.count * view.dtype.byteCount, "\(destination.count) bytes for \(view.shape)")
        if let base = destination.baseAddress { memcpy(base, view.bytes, destination.count) }
    }

    /// Sets every element.
    public func fill(_ view: BufferView, with value: Double) throws {
        switch view.dtype {
        case .f64: view.doubles.update(repeating: value, count: view.count)
        case .f32: view.pointer(as: Float.self).update(repeating: Float(value), count: view.count)
        case .i32: view.integers.update(repeating: Int32(value), count: view.count)
        case .u8: view.pointer(as: UInt8.self).update(repeating: UInt8(value), count: view.count)
        }
    }

    /// Copies or adds a box between arrays of equal rank and type.
    public func copyRegion(
        _ source: BufferView, at sourceOrigin: [Int], into destination: BufferView, at origin: [Int], extent: [Int],
        accumulate: Bool
    ) throws {
        let box = (source, sourceOrigin, destination, origin, extent)
        switch source.dtype {
        case .f64: copyBox(box, of: Double.self) { accumulate ? $0 + $1 : $1 }
        case .f32: copyBox(box, of: Float.self) { accumulate ? $0 + $1 : $1 }
        case .i32: copyBox(box, of: Int32.self) { accumulate ? $0 + $1 : $1 }
        case .u8: copyBox(box, of: UInt8.self) { accumulate ? $0 + $1 : $1 }
        }
    }

    private typealias Box = (source: BufferView, at: [Int], destination: BufferView, to: [Int], extent: [Int])

    private func copyBox<T>(_ box: Box, of type: T.Type, _ combine: (T, T) -> T) {
        let from = box.source.pointer(as: type)
        let to = box.destination.pointer(as: type)
        func walk(_ axis: Int, _ source: Int, _ destination: Int) {
            guard axis < box.extent.count else {
                to[destination] = combine(to[destination], from[source])
                return
            }
            for i in 0..<box.extent[axis] {
                walk(
                    axis + 1, source * box.source.shape[axis] + box.at[axis] + i,
                    destination * box.destination.shape[axis] + box.to[axis] + i)
            }
        }
        walk(0, 0, 0)
    }

    /// Copies each element to its mirrored position, or adds it there.
    public func flip(_ x: BufferView, axes: [Int], into y: BufferView, accumulate: Bool) throws {
        let (input, output, extents) = (x.doubles, y.doubles, x.shape.dimensions)
        for index in 0..<x.count {
            var (rest, target, stride) = (index, 0, 1)
            for axis in extents.indices.reversed() {
                let place = rest % extents[axis]
                target += stride * (axes.contains(axis) ? extents[axis] - 1 - place : place)
                (rest, stride) = (rest / extents[axis], stride * extents[axis])
            }
            output[target] = accumulate ? output[target] + input[index] : input[index]
        }
    }

    /// Does nothing, because ops run as they are called.
    public func synchronize() throws {}

    /// The bytes that the buffers hold now and held at their peak.
    public var memory: MemoryUsage { ledger.usage }

    /// Starts a new measurement of the peak.
    public func resetMemoryPeak() { ledger.resetPeak() }

    /// The maximum number of bytes that buffers may hold; nil for no limit.
    public var memoryLimit: Int? {
        get { ledger.limit }
        set { ledger.limit = newValue }
    }
}
