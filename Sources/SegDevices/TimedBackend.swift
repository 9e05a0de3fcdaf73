import Dispatch
internal import SegBackend
internal import Synchronization

/// A wrapper of a backend that waits for each op and times it: a profile for devices without their own clock.
final class TimedBackend: InterceptingBackend, ProfilingBackend {
    private struct State {
        var commands: [DeviceCommand] = []
        var total = DeviceWork(flops: 0, bytes: 0, commands: 0)
    }

    private let base: any Backend
    private let state = Mutex(State())

    init(_ base: any Backend) { self.base = base }

    var name: String { base.name }
    var details: String { base.details }
    var scalar: DType { base.scalar }
    var usesHostMemory: Bool { base.usesHostMemory }
    var memory: MemoryUsage { base.memory }
    var work: DeviceWork { state.withLock { $0.total } }

    var memoryLimit: Int? {
        get { base.memoryLimit }
        set { base.memoryLimit = newValue }
    }

    func allocate(byteCount: Int) throws -> any DeviceBuffer { try base.allocate(byteCount: byteCount) }

    func synchronize() throws { try base.synchronize() }

    func resetMemoryPeak() { base.resetMemoryPeak() }

    func takeCommands() throws -> [DeviceCommand] {
        state.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Measures a product of 1536³ and a copy of 128 MiB with the backend's own ops: the speed that the backend
    /// reaches, not the machine's maximum.
    func measurePeaks() throws -> DevicePeaks {
        let size = 1536
        let a = try base.allocate([1, size, size], .f32)
        let b = try base.allocate([1, size, size], .f32)
        let c = try base.allocate([1, size, size], .f32)
        for view in [a, b] { try base.fill(view, with: 1) }
        let params = MatmulParams(transposeA: false, transposeB: false, alpha: 1, beta: 0)
        let product = try best { try base.matmul(a, b, bias: nil, params, into: c) }
        let count = 1 << 25
        let (x, y) = (try base.allocate([count], .f32), try base.allocate([count], .f32))
        try base.fill(x, with: 1)
        let copy = try best {
            try base.copyRegion(x, at: [0], into: y, at: [0], extent: [count], accumulate: false)
        }
        return DevicePeaks(flops: 2 * Double(size * size * size) / product, bytes: Double(8 * count) / copy)
    }

    private func best(_ body: () throws -> Void) throws -> Double {
        try (0..<4).map { _ in
            let start = DispatchTime.now().uptimeNanoseconds
            try body()
            try base.synchronize()
            return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        }.min() ?? .infinity
    }

    /// Runs an op, waits for it, and records it.
    func intercept(_ call: OpCall, _ run: (any Backend) throws -> Void) throws {
        let start = DispatchTime.now().uptimeNanoseconds
        try run(base)
        try base.synchronize()
        let end = DispatchTime.now().uptimeNanoseconds
        let work = call.work
        state.withLock { state in
            state.total = state.total + work
            state.commands.append(DeviceCommand(name: call.name, detail: "", start: start, end: end, work: work))
        }
    }
}
