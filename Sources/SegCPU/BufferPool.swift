import Foundation
internal import SegBackend
internal import Synchronization

/// Memory that keeps its pages: a freed block waits for the next request that nearly fills it.
///
/// Fresh pages cost more than the arithmetic of most ops of these networks, so blocks go back to the system only when
/// they and those in use outweigh all that was ever in use at once: the sizes of past scans, which may never come again.
final class BufferPool: Sendable {
    private struct State {
        var free: [Int: [UInt]] = [:]
        var usage = MemoryUsage(live: 0, peak: 0, pooled: 0)
        var limit: Int?
        /// The most that was ever live.
        var highest = 0
    }

    /// Bytes that may always wait, beside a quarter of the most that was ever live.
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
        let (address, taken) = try state.withLock { state throws -> (UInt, Int) in
            let held = state.usage.live
            if let limit = state.limit, held + size > limit {
                throw BackendError.outOfMemory(
                    backend: "cpu", requested: size, held: held, limit: limit, purpose: nil)
            }
            if let block = Self.waiting(&state, size) {
                Self.count(&state, block.size)
                return block
            }
            let most = min(state.limit ?? .max, state.highest + state.highest / 4 + Self.smallPool)
            Self.trim(&state, to: most - held - size)
            var block = Self.newBlock(size)
            if block == nil {
                Self.trim(&state, to: 0)
                block = Self.newBlock(size)
            }
            guard let address = block else {
                throw BackendError.outOfMemory(
                    backend: "cpu", requested: size, held: held, limit: nil, purpose: nil)
            }
            Self.count(&state, size)
            return (address, size)
        }
        return CPUBuffer(pool: self, address: address, byteCount: taken)
    }

    private static func count(_ state: inout State, _ size: Int) {
        state.usage.live += size
        state.usage.peak = max(state.usage.peak, state.usage.live)
        state.highest = max(state.highest, state.usage.live)
    }

    /// Takes the smallest block that waits and holds `size` bytes, where it wastes at most half as much again.
    private static func waiting(_ state: inout State, _ size: Int) -> (address: UInt, size: Int)? {
        let most = min(size + size / 2, (state.limit ?? .max) - state.usage.live)
        let fit =
            state.free[size] != nil ? size : state.free.keys.lazy.filter { $0 >= size && $0 <= most }.min()
        guard let fit, let address = state.free[fit]?.popLast() else { return nil }
        if state.free[fit]?.isEmpty == true { state.free[fit] = nil }
        state.usage.pooled -= fit
        return (address, fit)
    }

    /// Takes a block back.
    fileprivate func giveBack(address: UInt, byteCount: Int) {
        state.withLock { state in
            state.usage.live -= byteCount
            state.usage.pooled += byteCount
            state.free[byteCount, default: []].append(address)
        }
    }

    /// Gives blocks that wait back to the system, the largest first, until at most `most` bytes wait.
    private static func trim(_ state: inout State, to most: Int) {
        for size in state.free.keys.sorted(by: >) {
            while state.usage.pooled > max(most, 0), let address = state.free[size]?.popLast() {
                free(UnsafeMutableRawPointer(bitPattern: address))
                state.usage.pooled -= size
            }
            if state.free[size]?.isEmpty == true { state.free[size] = nil }
        }
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
