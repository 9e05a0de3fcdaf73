import Foundation
internal import SegBackend
internal import Synchronization

/// Memory that keeps its pages, cut from one range of addresses.
///
/// Fresh pages cost more than the arithmetic of most ops of these networks, so a freed block waits, joined with its free
/// neighbours, and a request takes the lowest that holds it. So what a network uses lies close together, and blocks of
/// one scan's sizes serve the next one's. Knuth, The Art of Computer Programming, 2.5: first fit, boundaries merged.
final class BufferPool: Sendable {
    private struct State {
        /// Free blocks below the top, by address; no two touch.
        var free: [Range<Int>] = []
        /// Bytes from the start of the range that were ever given out.
        var top = 0
        /// Bytes from the start of the range that may be read and written.
        var opened = 0
        var usage = MemoryUsage(live: 0, peak: 0, pooled: 0)
        var limit: Int?
    }

    /// The range of addresses: no memory until it is touched.
    private let range: (base: UInt, size: Int)
    private let state = Mutex(State())

    init() { range = Self.reserve() }

    deinit { if range.size > 0 { munmap(UnsafeMutableRawPointer(bitPattern: range.base), range.size) } }

    /// What is held.
    var usage: MemoryUsage { state.withLock { $0.usage } }

    /// The most bytes that may be live; nil for no cap.
    var limit: Int? {
        get { state.withLock { $0.limit } }
        set { state.withLock { $0.limit = newValue } }
    }

    /// Starts a new measurement of the peak.
    func resetPeak() { state.withLock { $0.usage.peak = $0.usage.live } }

    /// Takes a block of at least this size, aligned to a cache line.
    /// - Throws: `BackendError.outOfMemory`.
    func take(byteCount: Int) throws -> CPUBuffer {
        let size = Self.rounded(byteCount)
        let start = try state.withLock { state in
            let held = state.usage.live
            func shortage(_ limit: Int?) -> BackendError {
                .outOfMemory(backend: "cpu", requested: size, held: held, limit: limit, purpose: nil)
            }
            if let limit = state.limit, held + size > limit { throw shortage(limit) }
            guard let start = Self.freeBlock(&state, size) ?? newBlock(&state, size) else { throw shortage(nil) }
            state.usage.live += size
            state.usage.peak = max(state.usage.peak, state.usage.live)
            state.usage.pooled = state.top - state.usage.live
            return start
        }
        return CPUBuffer(pool: self, address: range.base + UInt(start), byteCount: size)
    }

    /// Takes the start of the lowest free block that holds `size` bytes.
    private static func freeBlock(_ state: inout State, _ size: Int) -> Int? {
        guard let place = state.free.firstIndex(where: { $0.count >= size }) else { return nil }
        let block = state.free[place]
        if block.count == size {
            state.free.remove(at: place)
        } else {
            state.free[place] = block.lowerBound + size..<block.upperBound
        }
        return block.lowerBound
    }

    /// Raises the top by what `size` bytes need beyond a free block that ends there; nil where the system refuses.
    private func newBlock(_ state: inout State, _ size: Int) -> Int? {
        let last = state.free.last.flatMap { $0.upperBound == state.top ? $0 : nil }
        let start = last?.lowerBound ?? state.top
        guard size <= range.size - start, open(&state, upTo: start + size) else { return nil }
        if last != nil { state.free.removeLast() }
        state.top = start + size
        if let limit = state.limit, state.top > limit { releasePages(of: state.free) }
        return start
    }

    /// Takes a block back.
    fileprivate func giveBack(address: UInt, byteCount: Int) {
        let start = Int(address - range.base)
        state.withLock { state in
            state.usage.live -= byteCount
            state.usage.pooled += byteCount
            // The first free block behind it.
            var (low, high) = (0, state.free.count)
            while low < high {
                let middle = (low + high) / 2
                if state.free[middle].lowerBound < start { low = middle + 1 } else { high = middle }
            }
            var block = start..<start + byteCount
            if low < state.free.count, state.free[low].lowerBound == block.upperBound {
                block = block.lowerBound..<state.free.remove(at: low).upperBound
            }
            if low > 0, state.free[low - 1].upperBound == block.lowerBound {
                state.free[low - 1] = state.free[low - 1].lowerBound..<block.upperBound
            } else {
                state.free.insert(block, at: low)
            }
        }
    }

    /// Whole cache lines, and pages where it matters little.
    private static func rounded(_ byteCount: Int) -> Int {
        let unit = byteCount < 1 << 16 ? 64 : 4096
        return (max(byteCount, 1) + unit - 1) / unit * unit
    }
}

extension BufferPool {
    /// Memory is asked for in steps of this many bytes, whole huge pages.
    private static let step = 64 << 20

    /// Reserves twice the machine's memory, so that gaps never run it out of addresses, or what the system grants.
    private static func reserve() -> (base: UInt, size: Int) {
        var size = (2 * Int(clamping: ProcessInfo.processInfo.physicalMemory) / step + 1) * step
        while size >= step {
            let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
            if let range = mmap(nil, size, PROT_NONE, flags, -1, 0), range != MAP_FAILED {
                #if os(Linux)
                    madvise(range, size, MADV_HUGEPAGE)
                #endif
                return (UInt(bitPattern: range), size)
            }
            size = size / 2 / step * step
        }
        return (0, 0)
    }

    /// Makes the range readable and writable up to an end; false where the system has not the memory.
    private func open(_ state: inout State, upTo end: Int) -> Bool {
        guard end > state.opened else { return true }
        let opened = min((end + Self.step - 1) / Self.step * Self.step, range.size)
        let start = UnsafeMutableRawPointer(bitPattern: range.base + UInt(state.opened))
        guard mprotect(start, opened - state.opened, PROT_READ | PROT_WRITE) == 0 else { return false }
        state.opened = opened
        return true
    }

    /// Gives the pages of free blocks back to the system, which has them zeroed when they are touched again.
    private func releasePages(of blocks: [Range<Int>]) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        for block in blocks {
            let (start, end) = ((block.lowerBound + page - 1) / page * page, block.upperBound / page * page)
            if start < end {
                madvise(UnsafeMutableRawPointer(bitPattern: range.base + UInt(start)), end - start, MADV_DONTNEED)
            }
        }
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
