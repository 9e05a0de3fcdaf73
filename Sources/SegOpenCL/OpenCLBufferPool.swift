import COpenCL
internal import SegBackend
internal import Synchronization

/// A pool of device memory: a freed block is kept for the next request of the same rounded size.
///
/// The queue runs commands in order, so a block may be reused while commands that read it are still queued.
final class OpenCLBufferPool: Sendable {
    private struct State {
        var free: [Int: [OpenCLHandle]] = [:]
        var usage = MemoryUsage(live: 0, peak: 0, pooled: 0)
        var limit: Int?
    }

    private let context: OpenCLHandle
    private let device: OpenCLDevice
    private let state = Mutex(State())

    init(context: OpenCLHandle, device: OpenCLDevice) {
        self.context = context
        self.device = device
    }

    deinit { state.withLock { Self.trim(&$0) } }

    /// The bytes that are in use.
    var usage: MemoryUsage { state.withLock { $0.usage } }

    /// The maximum number of bytes that may be live; nil for no limit.
    var limit: Int? {
        get { state.withLock { $0.limit } }
        set { state.withLock { $0.limit = newValue } }
    }

    /// Starts a new measurement of the memory peak.
    func resetPeak() { state.withLock { $0.usage.peak = $0.usage.live } }

    /// Allocates a block of at least this size.
    /// - Throws: `BackendError` if the limit, the device's memory or its maximum allocation size does not allow it.
    func take(byteCount: Int) throws -> OpenCLBuffer {
        guard byteCount <= device.largestAllocation else {
            throw BackendError.failed(
                backend: device.name, operation: "allocating \(byteCount >> 10) KiB",
                reason: "the device allows at most \(device.largestAllocation >> 10) KiB in one array; "
                    + "use a smaller batch or window")
        }
        // Rounding up must not exceed the device's limit.
        let size = min(Self.sizeClass(byteCount), device.largestAllocation)
        let handle = try state.withLock { state throws -> OpenCLHandle in
            let held = state.usage.live
            if let limit = state.limit, held + size > limit {
                throw BackendError.outOfMemory(
                    backend: device.name, requested: size, held: held, limit: limit, purpose: nil)
            }
            let handle = try reuse(size, &state) ?? create(size, &state)
            state.usage.live += size
            state.usage.peak = max(state.usage.peak, state.usage.live)
            return handle
        }
        return OpenCLBuffer(pool: self, handle: handle, byteCount: size)
    }

    private func reuse(_ size: Int, _ state: inout State) -> OpenCLHandle? {
        guard let handle = state.free[size]?.popLast() else { return nil }
        state.usage.pooled -= size
        return handle
    }

    /// Allocates memory of the device; if that fails, releases the memory that the pool keeps and tries again.
    private func create(_ size: Int, _ state: inout State) throws -> OpenCLHandle {
        if let limit = state.limit, state.usage.live + state.usage.pooled + size > limit { Self.trim(&state) }
        for _ in 0..<2 {
            var status: Int32 = 0
            let buffer = clCreateBuffer(context.pointer, cl_mem_flags(CL_MEM_READ_WRITE), size, nil, &status)
            if let buffer, status == CL_SUCCESS { return OpenCLHandle(buffer) }
            guard OpenCLStatus(code: status).isOutOfMemory else {
                try OpenCLStatus.check(status, device.name, "allocating \(size >> 10) KiB")
                break
            }
            Self.trim(&state)
        }
        throw BackendError.outOfMemory(
            backend: device.name, requested: size, held: state.usage.live, limit: nil, purpose: nil)
    }

    /// Adds a block to the free blocks.
    fileprivate func giveBack(_ handle: OpenCLHandle, byteCount: Int) {
        state.withLock { state in
            state.usage.live -= byteCount
            state.usage.pooled += byteCount
            state.free[byteCount, default: []].append(handle)
        }
    }

    private static func trim(_ state: inout State) {
        for handle in state.free.values.joined() { clReleaseMemObject(handle.pointer) }
        state.free.removeAll()
        state.usage.pooled = 0
    }

    /// The size rounded up to a multiple of 1/16 of the largest power of two below it, at least 256 bytes, so that nearly
    /// equal requests share blocks.
    private static func sizeClass(_ byteCount: Int) -> Int {
        let step = max(256, 1 << max(0, 59 - byteCount.leadingZeroBitCount))
        return (byteCount + step - 1) / step * step
    }
}

/// A block of the pool; it returns to the pool when the last reference is released.
final class OpenCLBuffer: DeviceBuffer {
    private let pool: OpenCLBufferPool
    let handle: OpenCLHandle
    let byteCount: Int

    fileprivate init(pool: OpenCLBufferPool, handle: OpenCLHandle, byteCount: Int) {
        self.pool = pool
        self.handle = handle
        self.byteCount = byteCount
    }

    deinit { pool.giveBack(handle, byteCount: byteCount) }
}
