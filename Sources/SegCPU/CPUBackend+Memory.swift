import CSegCPU
import Foundation
public import SegBackend

extension CPUBackend {
    /// Allocates a block of the pool.
    public func allocate(byteCount: Int) throws -> any DeviceBuffer { try pool.take(byteCount: byteCount) }

    /// Copies host memory to a view.
    public func upload(_ source: UnsafeRawBufferPointer, to view: BufferView) throws {
        precondition(source.count == view.count * view.dtype.byteCount, "\(source.count) bytes for \(view.shape)")
        if let base = source.baseAddress { memcpy(view.bytes, base, source.count) }
    }

    /// Copies a view to host memory.
    public func download(_ view: BufferView, into destination: UnsafeMutableRawBufferPointer) throws {
        precondition(
            destination.count == view.count * view.dtype.byteCount, "\(destination.count) bytes for \(view.shape)")
        if let base = destination.baseAddress { memcpy(base, view.bytes, destination.count) }
    }

    /// Sets every element to a value.
    public func fill(_ view: BufferView, with value: Double) throws {
        switch view.dtype {
        case .f32: fill(view.floats, view.count, Float(value))
        case .i32: fill(view.integers, view.count, Int32(value))
        case .u8: memset(view.bytes, Int32(value), view.count)
        case .f64: throw BackendError.notSupported(backend: name, op: "fill", reason: "it has no arrays of f64")
        }
    }

    private func fill<T: BitwiseCopyable & Sendable>(_ pointer: UnsafeMutablePointer<T>, _ count: Int, _ value: T) {
        nonisolated(unsafe) let pointer = pointer
        threads.forRanges(count, grain: 1 << 16) { range in
            (pointer + range.lowerBound).update(repeating: value, count: range.count)
        }
    }

    /// Copies or adds a box row by row; rows are processed in parallel.
    public func copyRegion(
        _ source: BufferView, at sourceOrigin: [Int], into destination: BufferView, at origin: [Int], extent: [Int],
        accumulate: Bool
    ) throws {
        let rank = extent.count
        precondition(
            source.shape.rank == rank && destination.shape.rank == rank, "copyRegion needs arrays of equal rank")
        guard extent.allSatisfy({ $0 > 0 }) else { return }
        let from = RegionWalk(shape: source.shape, origin: sourceOrigin, extent: extent)
        let to = RegionWalk(shape: destination.shape, origin: origin, extent: extent)
        let run = extent[rank - 1]
        let size = source.dtype.byteCount
        nonisolated(unsafe) let (input, output) = (source.bytes, destination.bytes)
        let (fromStep, toStep) = (from.innerStep * size, to.innerStep * size)
        let inner = from.innerRows
        // A copy that fits in the second-level cache stays there for the op that reads it next.
        let pastCaches: Int32 = from.rows * run * size >= 4 << 20 ? 1 : 0
        threads.forRanges(from.rows, grain: max(1, (1 << 15) / run)) { rows in
            // A run of rows that have equal distances on both sides.
            var row = rows.lowerBound
            while row < rows.upperBound {
                let count = min(rows.upperBound - row, inner - row % inner)
                let (a, b) = (input + from.offset(of: row) * size, output + to.offset(of: row) * size)
                if accumulate {
                    kernels.add_rows(a, fromStep, b, toStep, count, run)
                } else {
                    kernels.copy_rows(a, fromStep, b, toStep, count, run * size, pastCaches)
                }
                row += count
            }
        }
    }

    /// Copies or adds runs of elements to their mirrored positions, in parallel; the elements within a run keep their
    /// order.
    public func flip(_ x: BufferView, axes: [Int], into y: BufferView, accumulate: Bool) throws {
        let extents = x.shape.dimensions
        let outer = extents.prefix((axes.max() ?? extents.count - 2) + 1)
        let run = extents.dropFirst(outer.count).reduce(1, *)
        guard x.count > 0 else { return }
        nonisolated(unsafe) let (input, output) = (x.floats, y.floats)
        threads.forRanges(x.count / run, grain: max(1, (1 << 14) / run)) { rows in
            for row in rows {
                var (rest, source, stride) = (row, 0, 1)
                for axis in outer.indices.reversed() {
                    let place = rest % outer[axis]
                    source += stride * (axes.contains(axis) ? outer[axis] - 1 - place : place)
                    (rest, stride) = (rest / outer[axis], stride * outer[axis])
                }
                let (from, to) = (input + source * run, output + row * run)
                if accumulate {
                    for element in 0..<run { to[element] += from[element] }
                } else {
                    to.update(from: from, count: run)
                }
            }
        }
    }

    /// Returns immediately, because every op has finished when its function returns.
    public func synchronize() throws {}

    /// The bytes that the pool holds.
    public var memory: MemoryUsage { pool.usage }

    /// Starts a new measurement of the memory peak.
    public func resetMemoryPeak() { pool.resetPeak() }

    /// The maximum number of bytes that tensors may hold; nil for no limit.
    public var memoryLimit: Int? {
        get { pool.limit }
        set { pool.limit = newValue }
    }
}

/// The rows (runs along the last axis) of a box inside an array.
private struct RegionWalk {
    let rows: Int
    /// The number of elements from a row to the next, and the number of rows with this distance.
    let innerStep: Int
    let innerRows: Int
    private let extent: [Int]
    private let strides: [Int]
    private let start: Int

    init(shape: Shape, origin: [Int], extent: [Int]) {
        var strides = [Int](repeating: 1, count: shape.rank)
        for axis in (0..<shape.rank).reversed().dropFirst() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        self.start = zip(origin, strides).map { $0 * $1 }.reduce(0, +)
        self.extent = extent
        self.strides = strides
        self.rows = extent.dropLast().reduce(1, *)
        innerStep = shape.rank > 1 ? strides[shape.rank - 2] : 0
        innerRows = shape.rank > 1 ? extent[shape.rank - 2] : 1
    }

    /// The offset of the first element of a row in the array.
    func offset(of row: Int) -> Int {
        var rest = row
        var offset = start
        for axis in (0..<extent.count).reversed().dropFirst() {
            offset += rest % extent[axis] * strides[axis]
            rest /= extent[axis]
        }
        return offset
    }
}
