import Foundation
internal import SegBackend
internal import Synchronization

/// A pool that divides one range of addresses into blocks and keeps the pages of freed blocks.
///
/// New pages cost more time than the arithmetic of most ops of these networks. A freed block is therefore kept, joined
/// with free neighbours, and a request takes the lowest free block that is large enough. The memory of a network then
/// lies close together, and the next scan reuses the memory of the previous one. Knuth, The Art of Computer
/// Programming, 2.5: first fit, with neighbouring free blocks merged.
final class BufferPool: Sendable {
    private struct State {
        /// The free blocks below the top, in ascending order of address; no two touch.
        var free: [Range<Int>] = []
        /// The number of bytes, from the start of the range, that have been handed out at any time.
        var top = 0
        /// The number of bytes, from the start of the range, that may be read and written.
        var opened = 0
        var usage = MemoryUsage(live: 0, peak: 0, pooled: 0)
        var limit: Int?
    }

    /// The range of addresses; it uses no memory until its pages are touched.
    private let range: (base: UInt, size: Int)
    private let state = Mutex(State())

    init() { range = Self.reserve() }

    deinit { if range.size > 0 { munmap(UnsafeMutableRawPointer(bitPattern: range.base), range.size) } }

    /// The bytes that are in use.
    var usage: MemoryUsage { state.withLock { $0.usage } }

    /// The maximum number of bytes that may be live; nil for no limit.
    var limit: Int? {
        get { state.withLock { $0.limit } }
        set { state.withLock { $0.limit = newValue } }
    }

    /// Starts a new measurement of the memory peak.
    func resetPeak() { state.withLock { $0.usage.peak = $0.usage.live } }

    /// Allocates a block of at least this size, aligned to a cache line.
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

    /// Removes `size` bytes from the lowest free block that is large enough; returns their start.
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

    /// Raises the top by `size` bytes, less the size of a free block that ends at the top; nil if the system refuses
    /// memory.
    private func newBlock(_ state: inout State, _ size: Int) -> Int? {
        let last = state.free.last.flatMap { $0.upperBound == state.top ? $0 : nil }
        let start = last?.lowerBound ?? state.top
        guard size <= range.size - start, open(&state, upTo: start + size) else { return nil }
        if last != nil { state.free.removeLast() }
        state.top = start + size
        if let limit = state.limit, state.top > limit { releasePages(of: state.free) }
        return start
    }

    /// Adds a block to the free blocks.
    fileprivate func giveBack(address: UInt, byteCount: Int) {
        let start = Int(address - range.base)
        state.withLock { state in
            state.usage.live -= byteCount
            state.usage.pooled += byteCount
            // The first free block after this block.
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

    /// Rounds up to whole cache lines; from 64 KiB on, to whole pages, because the share that is lost is then small.
    private static func rounded(_ byteCount: Int) -> Int {
        let unit = byteCount < 1 << 16 ? 64 : 4096
        return (max(byteCount, 1) + unit - 1) / unit * unit
    }
}

extension BufferPool {
    /// The number of bytes by which more memory is made accessible: whole huge pages.
    private static let step = 64 << 20

    /// Reserves addresses for twice the machine's memory, so that gaps never use them up, or for as much as the system
    /// allows.
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

    /// Makes the range readable and writable up to an end; false if the system does not have enough memory.
    private func open(_ state: inout State, upTo end: Int) -> Bool {
        guard end > state.opened else { return true }
        let opened = min((end + Self.step - 1) / Self.step * Self.step, range.size)
        let start = UnsafeMutableRawPointer(bitPattern: range.base + UInt(state.opened))
        guard mprotect(start, opened - state.opened, PROT_READ | PROT_WRITE) == 0 else { return false }
        state.opened = opened
        return true
    }

    /// Returns the pages of free blocks to the system, which zeroes them when they are touched again.
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

/// A block of the pool; it returns to the pool when the last reference is released.
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
