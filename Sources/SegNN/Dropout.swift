public import SegBackend
public import SegTensor

/// A dropout layer with its number in the network, `torch.nn.Dropout` or, channelwise, `torch.nn.Dropout3d`.
public struct Dropout {
    /// The unit that is zeroed as a whole.
    public enum Unit: Sendable {
        /// Single elements.
        case element
        /// A channel of a sample.
        case channel
        /// A sample: stochastic depth, MONAI's `DropPath`. Huang et al. 2016.
        case sample
    }

    /// The probability that a unit is zeroed.
    public let probability: Float
    private let unit: Unit
    private let layer: UInt32

    /// Creates a dropout with the network's next dropout number; nil if the probability is 0.
    public init?(_ store: ParameterStore, _ probability: Float, _ unit: Unit) {
        guard probability > 0 else { return nil }
        self.probability = probability
        self.unit = unit
        layer = store.nextDropoutLayer()
    }

    /// Returns the parameters for an op that includes dropout; nil if dropout is off.
    public func params(in context: ForwardContext) -> DropoutParams? {
        guard context.dropsOut else { return nil }
        var params = context.dropout(probability, layer)
        params.channelwise = unit != .element
        return params
    }

    /// Applies dropout if it is on.
    /// - Throws: `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        guard let params = params(in: context) else { return x }
        guard unit == .sample else { return try dropout(x, params) }
        let batch = x.shape.batch
        return try reshape(dropout(reshape(x, [batch, x.shape.count / batch, 1]), params), x.shape)
    }
}

extension Optional where Wrapped == Dropout {
    /// Applies dropout if there is one and it is on.
    /// - Throws: `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try map { try $0(x, in: context) } ?? x
    }
}
