import COpenCL
import Foundation
public import SegBackend

/// The number of axes that the box kernel supports. Two neighbouring axes are merged if the box spans the inner axis.
private let boxAxes = 5

extension OpenCLBackend {
    /// Allocates a block of the pool.
    public func allocate(byteCount: Int) throws -> any DeviceBuffer { try pool.take(byteCount: byteCount) }

    /// Copies host memory to a view through a staging block, without waiting for the queue.
    public func upload(_ source: UnsafeRawBufferPointer, to view: BufferView) throws {
        precondition(source.count == view.count * view.dtype.byteCount, "\(source.count) bytes for \(view.shape)")
        guard let base = source.baseAddress, source.count > 0 else { return }
        if let block = staging.take(source.count) {
            block.memory.copyMemory(from: base, byteCount: source.count)
            let event = try enqueueUpload(block.memory, source.count, to: view)
            staging.giveBack(block, after: OpenCLHandle(event))
        } else {
            try uploadByOwnCopy(base, source.count, to: view)
        }
        clFlush(launcher.queue.pointer)
    }

    /// Enqueues the transfer and returns its event, which the caller must release.
    private func enqueueUpload(_ host: UnsafeRawPointer, _ byteCount: Int, to view: BufferView) throws -> OpaquePointer
    {
        var event: OpaquePointer?
        try transfer("upload", view) { timed in
            var status = clEnqueueWriteBuffer(
                launcher.queue.pointer, view.memory, cl_bool(CL_FALSE), view.byteOffset, byteCount, host, 0, nil,
                &event)
            if let timed, let event, status == CL_SUCCESS {
                timed.pointee = event
                status = clRetainEvent(event)
            }
            try OpenCLStatus.check(status, name, "uploading \(byteCount) bytes")
        }
        guard let event else { preconditionFailure("no event and no error") }
        return event
    }

    private func uploadByOwnCopy(_ base: UnsafeRawPointer, _ byteCount: Int, to view: BufferView) throws {
        let copy = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
        copy.copyMemory(from: base, byteCount: byteCount)
        do {
            let event = try enqueueUpload(copy, byteCount, to: view)
            defer { clReleaseEvent(event) }
            let watched = clSetEventCallback(event, CL_COMPLETE, { _, _, copy in copy?.deallocate() }, copy)
            guard watched != CL_SUCCESS else { return }
            clWaitForEvents(1, [event])
        } catch {
            copy.deallocate()
            throw error
        }
        copy.deallocate()
    }

    /// Waits for all commands enqueued before, then copies a view to host memory.
    public func download(_ view: BufferView, into destination: UnsafeMutableRawBufferPointer) throws {
        precondition(
            destination.count == view.count * view.dtype.byteCount, "\(destination.count) bytes for \(view.shape)")
        guard let base = destination.baseAddress, destination.count > 0 else { return }
        let block = staging.take(destination.count)
        defer { if let block { staging.giveBack(block, after: nil) } }
        try transfer("download", view) { event in
            let status = clEnqueueReadBuffer(
                launcher.queue.pointer, view.memory, cl_bool(CL_TRUE), view.byteOffset, destination.count,
                block?.memory ?? base, 0, nil, event)
            try OpenCLStatus.check(status, name, "downloading \(destination.count) bytes")
        }
        if let block { base.copyMemory(from: block.memory, byteCount: destination.count) }
    }

    /// Enqueues a command that copies or fills a view's bytes without a kernel.
    private func transfer(
        _ what: String, _ view: BufferView, _ body: (UnsafeMutablePointer<OpaquePointer?>?) throws -> Void
    ) throws {
        let work = DeviceWork(flops: 0, bytes: view.count * view.dtype.byteCount, commands: 1)
        try launcher.profiler.record(what, "", work, body)
    }

    /// Sets every element to a value.
    public func fill(_ view: BufferView, with value: Double) throws {
        switch view.dtype {
        case .f32: try fill(view, pattern: Float(value))
        case .i32: try fill(view, pattern: Int32(value))
        case .u8: try fill(view, pattern: UInt8(value))
        case .f64: throw BackendError.notSupported(backend: name, op: "fill", reason: "it has no arrays of f64")
        }
    }

    private func fill<T: BitwiseCopyable>(_ view: BufferView, pattern: T) throws {
        guard view.count > 0 else { return }
        let size = MemoryLayout<T>.size
        try transfer("fill", view) { event in
            let status = withUnsafeBytes(of: pattern) {
                clEnqueueFillBuffer(
                    launcher.queue.pointer, view.memory, $0.baseAddress, size, view.byteOffset, view.count * size, 0,
                    nil, event)
            }
            try OpenCLStatus.check(status, name, "filling \(view.shape)")
        }
    }

    /// Copies a box, or adds it to the destination, with one work-item per element.
    public func copyRegion(
        _ source: BufferView, at sourceOrigin: [Int], into destination: BufferView, at origin: [Int], extent: [Int],
        accumulate: Bool
    ) throws {
        precondition(
            source.shape.rank == extent.count && destination.shape.rank == extent.count,
            "copyRegion needs arrays of equal rank")
        guard extent.allSatisfy({ $0 > 0 }) else { return }
        let box = RegionBox(
            source.shape.dimensions, sourceOrigin, destination.shape.dimensions, origin, extent: extent)
        guard box.extent.count <= boxAxes else {
            throw BackendError.notSupported(
                backend: name, op: "copyRegion",
                reason: "the box has \(extent.count) axes, but at most \(boxAxes) are supported")
        }
        let missing = [Int](repeating: 1, count: boxAxes - box.extent.count)
        let (size, from, to) = (missing + box.extent, missing + box.source, missing + box.destination)
        let kernel =
            switch source.dtype {
            case .f32: "copy_region_f32"
            case .i32: "copy_region_i32"
            case .u8: "copy_region_u8"
            case .f64:
                throw BackendError.notSupported(backend: name, op: "copyRegion", reason: "it has no arrays of f64")
            }
        let count = size.reduce(1, *)
        let start = BufferView(
            buffer: source.buffer, offset: source.offset + box.sourceStart, shape: [1], dtype: source.dtype)
        let end = BufferView(
            buffer: destination.buffer, offset: destination.offset + box.destinationStart, shape: [1],
            dtype: destination.dtype)
        try launcher.run(
            Kernel("memory/copy_region", kernel), LaunchGrid(covering: count),
            [
                .view(start), .view(end), .long(count),
                .int4(size[1], size[2], size[3], size[4]),
            ] + from.map { .long($0) } + to.map { .long($0) } + [.flag(accumulate)],
            LaunchCost(multiplyAdds: 0, bytes: 2 * count * source.dtype.byteCount))
    }

    /// Copies or adds a box whose source is read backwards along some axes, with one item per element.
    public func flip(_ x: BufferView, axes: [Int], into y: BufferView, accumulate: Bool) throws {
        let extents = x.shape.dimensions
        guard extents.count <= boxAxes else {
            throw BackendError.notSupported(
                backend: name, op: "flip",
                reason: "the array has \(extents.count) axes, but at most \(boxAxes) are supported")
        }
        guard x.count > 0 else { return }
        let strides = RegionBox.strides(extents)
        // The kernel's sums wrap around, so a step back is a stride of 2⁶⁴ minus the step.
        let from = extents.indices.map { axes.contains($0) ? -strides[$0] : strides[$0] }
        let first = axes.reduce(0) { $0 + (extents[$1] - 1) * strides[$1] }
        let missing = boxAxes - extents.count
        func padded(_ numbers: [Int]) -> [Int] { [Int](repeating: 1, count: missing) + numbers }
        let size = padded(extents)
        let start = BufferView(buffer: x.buffer, offset: x.offset + first, shape: [1], dtype: x.dtype)
        let end = BufferView(buffer: y.buffer, offset: y.offset, shape: [1], dtype: y.dtype)
        try launcher.run(
            Kernel("memory/copy_region", "copy_region_f32"), LaunchGrid(covering: x.count),
            [.view(start), .view(end), .long(x.count), .int4(size[1], size[2], size[3], size[4])]
                + padded(from).map { .long($0) } + padded(strides).map { .long($0) } + [.flag(accumulate)],
            LaunchCost(multiplyAdds: 0, bytes: 2 * x.count * x.dtype.byteCount))
    }

    /// Waits for all enqueued commands.
    public func synchronize() throws {
        try OpenCLStatus.check(clFinish(launcher.queue.pointer), name, "waiting for the queue")
    }

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

extension BufferView {
    fileprivate var byteOffset: Int { offset * dtype.byteCount }
}

/// A box in two arrays, as sizes and strides. Neighbouring axes are merged if the box spans the whole inner axis.
struct RegionBox {
    private(set) var extent: [Int]
    private(set) var source: [Int]
    private(set) var destination: [Int]
    let sourceStart: Int
    let destinationStart: Int

    init(_ from: [Int], _ fromOrigin: [Int], _ to: [Int], _ toOrigin: [Int], extent: [Int]) {
        let (fromStrides, toStrides) = (Self.strides(from), Self.strides(to))
        sourceStart = zip(fromOrigin, fromStrides).map(*).reduce(0, +)
        destinationStart = zip(toOrigin, toStrides).map(*).reduce(0, +)
        (self.extent, source, destination) = ([], [], [])
        for axis in extent.indices {
            if let last = self.extent.indices.last, source[last] == fromStrides[axis] * extent[axis],
                destination[last] == toStrides[axis] * extent[axis]
            {
                self.extent[last] *= extent[axis]
                (source[last], destination[last]) = (fromStrides[axis], toStrides[axis])
            } else {
                self.extent.append(extent[axis])
                source.append(fromStrides[axis])
                destination.append(toStrides[axis])
            }
        }
    }

    static func strides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        return strides
    }
}
