public import SegBackend
public import SegTensor

/// A dropout with its number in the network, `torch.nn.Dropout` or, channelwise, `torch.nn.Dropout3d`.
public struct Dropout {
    /// What is zeroed together.
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

    /// Takes the next dropout number of a network; nil where the probability is 0 and there is nothing to do.
    public init?(_ store: ParameterStore, _ probability: Float, _ unit: Unit) {
        guard probability > 0 else { return nil }
        self.probability = probability
        self.unit = unit
        layer = store.nextDropoutLayer()
    }

    /// What an op that drops as a part of its work is given; nil where dropout is off.
    public func params(in context: ForwardContext) -> DropoutParams? {
        guard context.dropsOut else { return nil }
        var params = context.dropout(probability, layer)
        params.channelwise = unit != .element
        return params
    }

    /// Drops, where dropout is on.
    /// - Throws: `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        guard let params = params(in: context) else { return x }
        guard unit == .sample else { return try dropout(x, params) }
        let batch = x.shape.batch
        return try reshape(dropout(reshape(x, [batch, x.shape.count / batch, 1]), params), x.shape)
    }
}

extension Optional where Wrapped == Dropout {
    /// Drops, where there is a dropout and it is on.
    /// - Throws: `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try map { try $0(x, in: context) } ?? x
    }
}
