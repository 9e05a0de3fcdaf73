import Foundation
internal import SegBackend
internal import Synchronization

/// Memory that keeps its pages: a freed block waits, by size, for the next request of that size.
///
/// Fresh pages cost more than the arithmetic of most ops of these networks, so blocks go back to the system only when
/// those that wait outweigh all that was ever in use at once: the sizes of past scans, which may never come again.
final class BufferPool: Sendable {
    private struct State {
        var free: [Int: [UInt]] = [:]
        var usage = MemoryUsage(live: 0, peak: 0, pooled: 0)
        var limit: Int?
        /// The most that was ever live.
        var highest = 0
    }

    /// Bytes that may always wait.
    private static let smallPool = 64 << 20

    private let state = Mutex(State())

    deinit {
        state.withLock { state in
            for address in state.free.values.joined() { free(UnsafeMutableRawPointer(bitPattern: address)) }
        }
    }

    /// What is held.
    var usage: MemoryUsage { state.withLock { $0.usage } }

    /// The most bytes that may be live; nil for no cap.
    var limit: Int? {
        get { state.withLock { $0.limit } }
        set { state.withLock { $0.limit = newValue } }
    }

    /// Starts a new measurement of the peak.
    func resetPeak() { state.withLock { $0.usage.peak = $0.usage.live } }

    /// Takes a block of at least this size, aligned to a cache line or, when large, to a huge page.
    /// - Throws: `BackendError.outOfMemory`.
    func take(byteCount: Int) throws -> CPUBuffer {
        let size = Self.sizeClass(byteCount)
        let address = try state.withLock { state throws -> UInt in
            let held = state.usage.live
            if let limit = state.limit, held + size > limit {
                throw BackendError.outOfMemory(
                    backend: "cpu", requested: size, held: held, limit: limit, purpose: nil)
            }
            state.usage.live += size
            state.usage.peak = max(state.usage.peak, state.usage.live)
            state.highest = max(state.highest, state.usage.live)
            if let address = state.free[size]?.popLast() {
                state.usage.pooled -= size
                return address
            }
            let most = min(state.limit ?? .max, 2 * state.highest + Self.smallPool)
            if state.usage.live + state.usage.pooled > most { Self.trim(&state) }
            var block = Self.newBlock(size)
            if block == nil {
                Self.trim(&state)
                block = Self.newBlock(size)
            }
            guard let address = block else {
                state.usage.live -= size
                throw BackendError.outOfMemory(
                    backend: "cpu", requested: size, held: held, limit: nil, purpose: nil)
            }
            return address
        }
        return CPUBuffer(pool: self, address: address, byteCount: size)
    }

    /// Takes a block back.
    fileprivate func giveBack(address: UInt, byteCount: Int) {
        state.withLock { state in
            state.usage.live -= byteCount
            state.usage.pooled += byteCount
            state.free[byteCount, default: []].append(address)
        }
    }

    private static func trim(_ state: inout State) {
        for address in state.free.values.joined() { free(UnsafeMutableRawPointer(bitPattern: address)) }
        state.free.removeAll()
        state.usage.pooled = 0
    }

    /// Sizes are rounded up to a sixteenth of their power of two, so that nearly equal requests share blocks.
    private static func sizeClass(_ byteCount: Int) -> Int {
        let step = max(256, (byteCount.leadingZeroBitCount < 60 ? 1 << (59 - byteCount.leadingZeroBitCount) : 1))
        return (byteCount + step - 1) / step * step
    }

    private static func newBlock(_ size: Int) -> UInt? {
        let hugePage = 2 << 20
        var pointer: UnsafeMutableRawPointer?
        guard posix_memalign(&pointer, size >= hugePage ? hugePage : 64, size) == 0 else { return nil }
        #if os(Linux)
            if size >= hugePage { madvise(pointer, size, MADV_HUGEPAGE) }
        #endif
        return UInt(bitPattern: pointer)
    }
}

/// A block of the pool; goes back when the last reference goes.
final class CPUBuffer: DeviceBuffer {
    private let pool: BufferPool
    private let address: UInt
    let byteCount: Int

    fileprivate init(pool: BufferPool, address: UInt, byteCount: Int) {
        self.pool = pool
        self.address = address
        self.byteCount = byteCount
    }

    deinit { pool.giveBack(address: address, byteCount: byteCount) }

    /// The first byte.
    var pointer: UnsafeMutableRawPointer {
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { preconditionFailure("null block") }
        return pointer
    }
}
