internal import SegBackend
public import SegTensor

/// Gradients of parameters, added up over several passes and shortened where they are too long.
public struct GradientSum {
    private let parameters: [Parameter]
    private var sums: [Tensor?]
    private var passes = 0

    /// Makes an empty sum.
    public init(parameters: [Parameter]) {
        self.parameters = parameters
        sums = parameters.map { _ in nil }
    }

    /// Adds the gradients of a pass.
    /// - Throws: `BackendError` from the backend.
    public mutating func add(_ gradients: Gradients) throws {
        passes += 1
        for (index, parameter) in parameters.enumerated() {
            guard let gradient = gradients[parameter.leaf] else { continue }
            guard passes > 1 else {
                sums[index] = gradient
                continue
            }
            // What came of the walk may be the gradient of another parameter too, so the first sum is a new array.
            let sum = try sums[index].map { passes == 2 ? try scale($0.detached, by: 1) : $0 }
            if let sum { try sum.backend.binary(.add, sum.view, gradient.view, into: sum.view) }
            sums[index] = sum ?? gradient
        }
    }

    /// The gradient of each parameter; nil where the loss does not depend on it.
    public var gradients: [Tensor?] { sums }

    /// Multiplies every gradient.
    /// - Throws: `BackendError` from the backend.
    public mutating func multiply(by factor: Float) throws {
        for index in sums.indices { sums[index] = try sums[index].map { try scale($0.detached, by: factor) } }
    }

    /// Shortens the gradients, seen as one vector, to at most a length, `torch.nn.utils.clip_grad_norm_`.
    /// - Returns: The length before.
    /// - Throws: `BackendError` from the backend.
    @discardableResult
    public mutating func clip(toNorm limit: Double) throws -> Double {
        let norm = try GradientSum.squares(sums.compactMap { $0 }).reduce(0, +).squareRoot()
        let factor = limit / (norm + 1e-6)
        if factor < 1 { try multiply(by: Float(factor)) }
        return norm
    }

    /// Σ x² of each tensor, with one transfer for all.
    static func squares(_ tensors: [Tensor]) throws -> [Double] {
        guard let backend = tensors.first?.backend else { return [] }
        let sums = try backend.allocate([tensors.count], backend.scalar)
        for (index, tensor) in tensors.enumerated() {
            let square = try backend.allocate(tensor.shape, tensor.view.dtype)
            try backend.binary(.multiply, tensor.view, tensor.view, into: square)
            try backend.reduce(
                .sum, square, outer: 1, inner: 1, into: sums.slice(index..<index + 1), accumulate: false)
        }
        return try Tensor(sums, on: backend).doubles()
    }
}
