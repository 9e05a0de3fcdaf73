internal import SegBackend
internal import Synchronization

/// A backend that computes nothing: it counts what a network asks for, by shapes alone, at no cost in memory.
final class TallyBackend: Backend {
    /// One op of a forward pass.
    struct Record {
        var op: String
        var shape: Shape
        var multiplyAdds: Int
        /// Arrays the op took that may be parameters.
        var arrays: [ObjectIdentifier]
    }

    fileprivate struct State {
        var usage = MemoryUsage(live: 0, peak: 0, pooled: 0)
        var records: [Record] = []
        var limit: Int?
    }

    private final class Block: DeviceBuffer {
        let byteCount: Int
        private let backend: TallyBackend

        init(_ byteCount: Int, _ backend: TallyBackend) {
            self.byteCount = byteCount
            self.backend = backend
            backend.state.withLock {
                $0.usage.live = $0.usage.live.addingSaturated(byteCount)
                $0.usage.peak = max($0.usage.peak, $0.usage.live)
            }
        }

        deinit { backend.state.withLock { $0.usage.live -= byteCount } }
    }

    let name = "tally"
    let details = "counts, computes nothing"
    let scalar: DType
    fileprivate let state = Mutex(State())

    /// Counts arrays of a floating-point type.
    init(scalar: DType) { self.scalar = scalar }

    /// What was asked for so far.
    var records: [Record] { state.withLock { $0.records } }

    var memory: MemoryUsage { state.withLock { $0.usage } }

    var memoryLimit: Int? {
        get { state.withLock { $0.limit } }
        set { state.withLock { $0.limit = newValue } }
    }

    func resetMemoryPeak() { state.withLock { $0.usage.peak = $0.usage.live } }

    func allocate(byteCount: Int) throws -> any DeviceBuffer { Block(byteCount, self) }

    fileprivate func count(_ op: String, _ y: BufferView, multiplyAdds: Int, _ arrays: BufferView?...) {
        let record = Record(
            op: op, shape: y.shape, multiplyAdds: multiplyAdds,
            arrays: arrays.compactMap { $0.map { ObjectIdentifier($0.buffer) } })
        state.withLock { $0.records.append(record) }
    }
}

// What a forward pass is made of.
extension TallyBackend {
    func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        count(
            "conv \(params.kernel)", y, multiplyAdds: y.shape.rows.multipliedSaturated(by: weight.count), weight, bias)
    }

    func convTranspose3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        count(
            "transposed conv \(params.kernel)", y, multiplyAdds: x.shape.rows.multipliedSaturated(by: weight.count),
            weight, bias)
    }

    func matmul(
        _ a: BufferView, _ b: BufferView, bias: BufferView?, _ params: MatmulParams, into c: BufferView
    ) throws {
        let inner = params.transposeA ? a.shape[a.shape.rank - 2] : a.shape.channels
        count("linear", c, multiplyAdds: c.count.multipliedSaturated(by: inner), a, b, bias)
    }

    func attention(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView
    ) throws {
        count("attention", y, multiplyAdds: q.count.multipliedSaturated(by: 2 * k.shape[1]))
    }

    func normActivate(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView
    ) throws {
        let kind =
            switch params.kind {
            case .batch: "batch norm"
            case .instance: "instance norm"
            case .group: "group norm"
            case .layer: "layer norm"
            }
        let steps = [
            kind, epilogue.dropout.map { _ in "dropout" }, epilogue.residualBefore.map { _ in "add" },
            epilogue.activation == .identity ? nil : epilogue.activation.name,
            epilogue.residualAfter.map { _ in "add" },
        ]
        count(steps.compactMap { $0 }.joined(separator: ", "), y, multiplyAdds: 0, weight, bias, epilogue.slope, mean)
    }

    func normalize(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, into y: BufferView
    ) throws {
        try normActivate(
            x, mean: mean, variance: variance, weight: weight, bias: bias, params,
            NormEpilogue(
                dropout: nil, activation: .identity, slope: nil, residualBefore: nil, residualAfter: nil), into: y)
    }

    func activate(_ x: BufferView, _ activation: Activation, slope: BufferView?, into y: BufferView) throws {
        count(activation.name, y, multiplyAdds: 0, slope)
    }

    func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        count(op.rawValue, y, multiplyAdds: 0, a, b)
    }

    func unary(_ op: UnaryOp, _ x: BufferView, into y: BufferView) throws {
        count(op.rawValue, y, multiplyAdds: 0, x)
    }

    func dropout(_ x: BufferView, _ params: DropoutParams, into y: BufferView, accumulate: Bool) throws {
        count("dropout", y, multiplyAdds: 0)
    }

    func softmax(_ x: BufferView, into y: BufferView) throws { count("softmax", y, multiplyAdds: 0) }

    func maxPool3d(_ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView) throws {
        count("max pool \(params.kernel)", y, multiplyAdds: 0)
    }

    func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        count("resample", y, multiplyAdds: 0)
    }
}

// Counts of a network that nobody could run stop at the largest number there is.
extension Int {
    func addingSaturated(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    fileprivate func multipliedSaturated(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}

extension Activation {
    fileprivate var name: String { entry.words }
}
