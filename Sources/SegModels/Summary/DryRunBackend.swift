internal import SegBackend
internal import Synchronization

/// A backend that computes nothing: it counts a network's ops and memory from shapes alone and allocates no memory.
final class DryRunBackend: InterceptingBackend {
    /// One op of a forward pass.
    struct Record {
        var op: String
        var shape: Shape
        var multiplyAdds: Int
        /// The arrays that the op read and that may be parameters.
        var arrays: [ObjectIdentifier]
    }

    private struct State {
        var usage = MemoryUsage(live: 0, peak: 0, pooled: 0)
        var records: [Record] = []
        var limit: Int?
    }

    private final class Block: DeviceBuffer {
        let byteCount: Int
        private let backend: DryRunBackend

        init(_ byteCount: Int, _ backend: DryRunBackend) {
            self.byteCount = byteCount
            self.backend = backend
            backend.state.withLock {
                $0.usage.live = $0.usage.live.addingSaturated(byteCount)
                $0.usage.peak = max($0.usage.peak, $0.usage.live)
            }
        }

        deinit { backend.state.withLock { $0.usage.live -= byteCount } }
    }

    let name = "dry run"
    let details = "counts, computes nothing"
    let scalar: DType
    let usesHostMemory = false
    private let state = Mutex(State())

    /// Creates a backend that counts arrays of a floating-point type.
    init(scalar: DType) { self.scalar = scalar }

    /// The ops recorded so far.
    var records: [Record] { state.withLock { $0.records } }

    var memory: MemoryUsage { state.withLock { $0.usage } }

    var memoryLimit: Int? {
        get { state.withLock { $0.limit } }
        set { state.withLock { $0.limit = newValue } }
    }

    func resetMemoryPeak() { state.withLock { $0.usage.peak = $0.usage.live } }

    func allocate(byteCount: Int) throws -> any DeviceBuffer { Block(byteCount, self) }

    func synchronize() throws {}

    /// Records an op that is a layer. All other ops, such as copies and the backward pass, count as memory only.
    func intercept(_ call: OpCall, _ run: (any Backend) throws -> Void) throws {
        guard let layer = call.layer, let y = call.writes.first else { return }
        let record = Record(
            op: layer, shape: y.shape, multiplyAdds: call.multiplyAdds,
            arrays: call.reads.map { $0.identity })
        state.withLock { $0.records.append(record) }
    }
}
