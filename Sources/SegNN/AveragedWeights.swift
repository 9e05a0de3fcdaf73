internal import SegBackend
public import SegTensor

/// An exponential moving average of a network's parameters. The averages can replace the parameters.
///
/// The first update copies the parameters; each further one computes `average = decay · average + (1 − decay) · parameter`.
/// `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn(decay)`. As in PyTorch, buffers, such as the statistics
/// of batch norms, are not averaged.
public final class AveragedWeights {
    private let parameters: [Parameter]
    private let averages: [Tensor]
    private let decay: Float
    /// The share of the parameter in an update, rounded once.
    private let rest: Float
    private var isInPlace = false

    /// Creates averages that are equal to the parameters at first.
    /// - Parameter decay: The share of the average that an update keeps, from 0 to below 1.
    /// - Throws: `BackendError` if there is too little memory.
    public init(of parameters: [Parameter], decay: Double) throws {
        self.parameters = parameters
        (self.decay, rest) = (Float(decay), Float(1 - decay))
        averages = try parameters.map { try Self.copy(of: $0.leaf) }
    }

    /// The averages by the names of their parameters; a checkpoint reads them, and a resumed run overwrites them in place.
    public var values: [(name: String, values: Tensor)] { zip(parameters, averages).map { ($0.name, $1) } }

    /// Updates the averages with the parameters after a step.
    /// - Parameter isFirst: Whether this is the first step, after which the averages are the parameters.
    /// - Throws: `BackendError` from the backend.
    public func update(isFirst: Bool) throws {
        for (parameter, average) in zip(parameters, averages) {
            try average.backend.scale(
                parameter.leaf.view, by: isFirst ? 1 : rest, into: average.view, times: isFirst ? 0 : decay)
        }
    }

    /// Makes the averages equal to the parameters, after other parameters were loaded.
    /// - Throws: `BackendError` from the backend.
    public func restart() throws { try update(isFirst: true) }

    /// Replaces the parameters by the averages while `body` runs, and restores the parameters afterwards, bit for bit. If
    /// the averages are in place already, only runs `body`.
    /// - Throws: The errors of `body`; `BackendError` from the backend.
    public func inPlace<Result>(_ body: () throws -> Result) throws -> Result {
        guard !isInPlace else { return try body() }
        try exchange()
        isInPlace = true
        let result = Swift.Result { try body() }
        isInPlace = false
        try exchange()
        return try result.get()
    }

    private func exchange() throws {
        for (parameter, average) in zip(parameters, averages) {
            let (leaf, backend) = (parameter.leaf, average.backend)
            let kept = try Self.copy(of: leaf)
            try backend.scale(average.view, by: 1, into: leaf.view, times: 0)
            try backend.scale(kept.view, by: 1, into: average.view, times: 0)
        }
    }

    private static func copy(of tensor: Tensor) throws -> Tensor {
        let copy = try Tensor(repeating: 0, shape: tensor.shape, on: tensor.backend)
        try tensor.backend.scale(tensor.view, by: 1, into: copy.view, times: 0)
        return copy
    }
}
