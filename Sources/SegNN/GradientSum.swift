internal import SegBackend
public import SegTensor

/// The gradients of parameters, summed over several passes; `clip` limits their norm.
///
/// The order of the additions depends only on the number of passes and is a tree. Therefore the result has the same
/// bits if the passes are divided among 2, 4, 8 … processes. `passes` is an odd number n times a power of 2. Each n
/// consecutive passes form a block, whose passes are added in sequence; then blocks are added in pairs, then pairs of
/// blocks, and so on.
public struct GradientSum {
    private let parameters: [Parameter]
    private let passes: Int
    /// Sums of consecutive passes; later ones contain fewer passes.
    private var parts: [Part] = []

    /// Creates an empty sum.
    /// - Parameter passes: The number of passes that will be added.
    public init(parameters: [Parameter], passes: Int) {
        precondition(passes > 0, "a sum of \(passes) passes")
        self.parameters = parameters
        self.passes = passes
    }

    /// Adds the gradients of a pass.
    /// - Throws: `BackendError` from the backend.
    public mutating func add(_ gradients: Gradients) throws {
        var part = Part(sums: parameters.map { gradients[$0.leaf].map { Sum(values: $0, isOwn: false) } }, passes: 1)
        let block = passes >> passes.trailingZeroBitCount
        while let last = parts.last, last.passes < block || last.passes == part.passes {
            parts.removeLast()
            part = try last.adding(part)
        }
        parts.append(part)
    }

    /// The gradient of each parameter; nil if the loss does not depend on it.
    public var gradients: [Tensor?] { whole.sums.map { $0?.values } }

    /// Multiplies every gradient.
    /// - Throws: `BackendError` from the backend.
    public mutating func multiply(by factor: Float) throws {
        let sums = try whole.sums.map { sum in
            try sum.map { Sum(values: try scale($0.values.detached, by: factor), isOwn: true) }
        }
        parts = [Part(sums: sums, passes: passes)]
    }

    /// Clips the gradients, taken as one vector, to a maximum norm; `torch.nn.utils.clip_grad_norm_`.
    /// - Returns: The norm before clipping.
    /// - Throws: `BackendError` from the backend.
    @discardableResult
    public mutating func clip(toNorm limit: Double) throws -> Double {
        let norm = try GradientSum.squares(gradients.compactMap { $0 }).reduce(0, +).squareRoot()
        let factor = limit / (norm + 1e-6)
        if factor < 1 { try multiply(by: Float(factor)) }
        return norm
    }

    /// Replaces the sum by other gradients, such as the sum over several processes.
    /// - Throws: The errors of `change`.
    public mutating func replace(_ change: ([Tensor?]) throws -> [Tensor?]) rethrows {
        let sums = try change(gradients).map { $0.map { Sum(values: $0, isOwn: true) } }
        parts = [Part(sums: sums, passes: passes)]
    }

    /// The sum of all passes.
    private var whole: Part {
        precondition(parts.count == 1 && parts[0].passes == passes, "a sum of \(passes) passes is not whole")
        return parts[0]
    }

    /// Computes Σ x² of each tensor, with one transfer for all.
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

/// The gradient of one parameter, summed over some passes.
private struct Sum {
    let values: Tensor
    /// Whether more may be added in place. A gradient from a backward pass may share its memory with the gradient of
    /// another parameter.
    let isOwn: Bool

    func adding(_ other: Sum) throws -> Sum {
        let backend = values.backend
        let view = isOwn ? values.view : try backend.allocate(values.shape, values.view.dtype)
        try backend.binary(.add, values.view, other.values.view, into: view)
        return Sum(values: Tensor(view, on: backend), isOwn: true)
    }
}

/// The gradients of all parameters, summed over consecutive passes.
private struct Part {
    let sums: [Sum?]
    let passes: Int

    func adding(_ later: Part) throws -> Part {
        let sums = try zip(sums, later.sums).map { sum, other in
            guard let sum, let other else { return sum ?? other }
            return try sum.adding(other)
        }
        return Part(sums: sums, passes: passes + later.passes)
    }
}
