public import SegBackend

/// An immutable array on a backend, with its gradient node if it is tracked.
///
/// Arrays are contiguous; activations are channels-last, `[N, D, H, W, C]`. A tensor is written in place only by
/// optimisers, and by ops that consume an input without a history; that input must not be read afterwards.
public struct Tensor {
    /// The backend that holds the tensor and computes with it.
    public let backend: any Backend
    /// The elements.
    public let view: BufferView
    let node: GradientNode?
    /// Recomputes the elements for an op that would keep them for its gradient; nil if they must be kept.
    let remake: (() throws -> BufferView)?

    /// Creates a tensor without a history from elements of a backend.
    public init(_ view: BufferView, on backend: any Backend) {
        self.init(view, on: backend, node: nil)
    }

    init(
        _ view: BufferView, on backend: any Backend, node: GradientNode?, remake: (() throws -> BufferView)? = nil
    ) {
        self.view = view
        self.backend = backend
        self.node = node
        self.remake = remake
    }

    /// The shape.
    public var shape: Shape { view.shape }

    /// Whether ops on this tensor are recorded for gradients, `requires_grad`.
    public var isTracked: Bool { node != nil }

    /// The same values, without a history, `detach()`.
    public var detached: Tensor { Tensor(view, on: backend) }

    /// Creates a tensor without a history that ops recompute, instead of keeping it, if they need it for their gradients.
    /// - Parameter make: Computes the same values each time, from tensors without a history.
    /// - Throws: The errors of `make`.
    public static func remade(_ make: @escaping () throws -> Tensor) throws -> Tensor {
        let value = try make().detached
        return Tensor(value.view, on: value.backend, node: nil, remake: { try make().view })
    }

    /// Returns the same values as a leaf of the gradient graph, `requires_grad_()`; `gradients` will contain its gradient.
    public func tracked() -> Tensor {
        Tensor(view, on: backend, node: GradientNode(op: "leaf", parents: [], backward: nil))
    }
}

extension Tensor {
    /// Copies values to a backend, in the type that the backend computes in.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ values: [Float], shape: Shape, on backend: any Backend) throws {
        switch backend.scalar {
        case .f64: try self.init(copying: values.map(Double.init), shape: shape, as: .f64, on: backend)
        default: try self.init(copying: values, shape: shape, as: .f32, on: backend)
        }
        OpRecording.add("constant", .constant(values), of: [], result: view)
    }

    /// Copies values to a backend, in the type that the backend computes in.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ values: [Double], shape: Shape, on backend: any Backend) throws {
        switch backend.scalar {
        case .f64: try self.init(copying: values, shape: shape, as: .f64, on: backend)
        default: try self.init(copying: values.map(Float.init), shape: shape, as: .f32, on: backend)
        }
        OpRecording.add("constant", .constant(values.map(Float.init)), of: [], result: view)
    }

    /// Copies class labels or indices to a backend, as i32.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(labels: [Int32], shape: Shape, on backend: any Backend) throws {
        try self.init(copying: labels, shape: shape, as: .i32, on: backend)
    }

    private init<T>(copying values: [T], shape: Shape, as dtype: DType, on backend: any Backend) throws {
        try require(
            values.count == shape.count, "Tensor",
            "\(shape) has \(shape.count) elements, but \(values.count) were given")
        let view = try backend.allocate(shape, dtype)
        try values.withUnsafeBytes { try backend.upload($0, to: view) }
        self.init(view, on: backend)
    }

    /// Creates a tensor that repeats one value, in the type that the backend computes in.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(repeating value: Double, shape: Shape, on backend: any Backend) throws {
        let view = try backend.allocate(shape, backend.scalar)
        try backend.fill(view, with: value)
        self.init(view, on: backend)
    }

    /// Waits for the values and copies them to the host.
    /// - Throws: `BackendError` if the transfer fails.
    public func floats() throws -> [Float] {
        switch view.dtype {
        case .f32: return try download(filling: Float(0))
        case .f64: return try download(filling: Double(0)).map(Float.init)
        case .i32: return try download(filling: Int32(0)).map(Float.init)
        case .u8: return try download(filling: UInt8(0)).map(Float.init)
        }
    }

    /// Waits for labels and copies them to the host.
    /// - Throws: `TensorError` if the tensor does not hold 32-bit integers; `BackendError` if the transfer fails.
    public func integers() throws -> [Int32] {
        try require(view.dtype == .i32, "integers", "the tensor holds \(view.dtype)")
        return try download(filling: Int32(0))
    }

    /// Waits for the values and copies them to the host in Double.
    /// - Throws: `BackendError` if the transfer fails.
    public func doubles() throws -> [Double] {
        guard view.dtype == .f64 else { return try floats().map(Double.init) }
        return try download(filling: Double(0))
    }

    /// Returns the value of a tensor with one element, `item()`.
    /// - Throws: `TensorError` if there is not exactly one element; `BackendError` if the transfer fails.
    public func item() throws -> Double {
        try require(shape.count == 1, "item", "\(shape) does not hold one element")
        return try doubles()[0]
    }

    private func download<T>(filling zero: T) throws -> [T] {
        var values = [T](repeating: zero, count: shape.count)
        try values.withUnsafeMutableBytes { try backend.download(view, into: $0) }
        return values
    }
}
