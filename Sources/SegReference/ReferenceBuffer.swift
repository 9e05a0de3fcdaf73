import Foundation
import SegBackend
import Synchronization

/// A block of memory that its backend's ledger counts from its allocation to its release.
final class ReferenceBuffer: DeviceBuffer {
    nonisolated(unsafe) let pointer: UnsafeMutableRawPointer
    let byteCount: Int
    private let ledger: MemoryLedger

    /// Allocates a block whose bits are all 1 (NaN as floats), so that reading unwritten memory is noticed.
    init(byteCount: Int, ledger: MemoryLedger) throws {
        try ledger.add(byteCount)
        self.pointer = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
        self.byteCount = byteCount
        self.ledger = ledger
        memset(pointer, 0xFF, byteCount)
    }

    deinit {
        pointer.deallocate()
        ledger.remove(byteCount)
    }
}

/// Counts the bytes that a backend's buffers hold.
final class MemoryLedger: Sendable {
    private struct State {
        var usage = MemoryUsage(live: 0, peak: 0, pooled: 0)
        var limit: Int?
    }

    private let state = Mutex(State())

    var usage: MemoryUsage { state.withLock { $0.usage } }

    var limit: Int? {
        get { state.withLock { $0.limit } }
        set { state.withLock { $0.limit = newValue } }
    }

    func resetPeak() { state.withLock { $0.usage.peak = $0.usage.live } }

    func add(_ byteCount: Int) throws {
        try state.withLock { state in
            let held = state.usage.live
            if let limit = state.limit, held + byteCount > limit {
                throw BackendError.outOfMemory(
                    backend: "reference", requested: byteCount, held: held, limit: limit, purpose: nil)
            }
            state.usage.live += byteCount
            state.usage.peak = max(state.usage.peak, state.usage.live)
        }
    }

    func remove(_ byteCount: Int) { state.withLock { $0.usage.live -= byteCount } }
}

extension BufferView {
    /// The elements as 64-bit floats.
    var doubles: UnsafeMutablePointer<Double> { pointer(as: Double.self) }

    /// The elements as 32-bit integers.
    var integers: UnsafeMutablePointer<Int32> { pointer(as: Int32.self) }

    /// The first byte of the view.
    var bytes: UnsafeMutableRawPointer {
        guard let buffer = buffer as? ReferenceBuffer else { preconditionFailure("a buffer of another backend") }
        return buffer.pointer + offset * dtype.byteCount
    }

    /// Returns the elements as a type of the same size.
    func pointer<T>(as type: T.Type) -> UnsafeMutablePointer<T> {
        precondition(MemoryLayout<T>.size == dtype.byteCount, "\(dtype) elements are not \(type)")
        return bytes.assumingMemoryBound(to: type)
    }
}
