internal import SegBackend
public import SegNN
public import SegTensor

/// Activation, dropout and normalisation in the order of `ordering`, `monai.networks.blocks.ADN`; "NDA" is one fused pass.
public struct ADN {
    private enum Step {
        case norm(Norm)
        case dropout(probability: Float, layer: UInt32)
        case activation(Activation, slope: Parameter?)
    }

    private let steps: [Step]

    /// Registers the layers that have parameters: `N`, the norm, and `A`, the activation.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ store: ParameterStore, channels: Int, _ options: BlockOptions) throws {
        steps = try options.ordering.compactMap { letter in
            switch letter {
            case "N":
                guard let norm = options.norm else { return nil }
                return .norm(
                    try Norm(
                        store.scope("N"), channels: channels, norm.params, affine: norm.affine, momentum: norm.momentum)
                )
            case "D":
                guard options.dropout > 0 else { return nil }
                return .dropout(probability: options.dropout, layer: store.nextDropoutLayer())
            default:
                guard let option = options.activation else { return nil }
                guard option.activation == .prelu else { return .activation(option.activation, slope: nil) }
                return .activation(
                    .prelu,
                    slope: try store.scope("A").parameter("weight", [option.slopeCount], .constant(option.slopeInitial))
                )
            }
        }
    }

    /// Applies the steps, then adds `residual`. A norm and the dropout and activation right after it run as one pass.
    ///
    /// **Shapes**: x, residual and result `[N, D, H, W, channels]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, residual: Tensor?, in context: ForwardContext) throws -> Tensor {
        var y = x
        var residual = residual
        var index = 0
        while index < steps.count {
            switch steps[index] {
            case .norm(let norm):
                var followers = NormFollowers()
                index += takeFollowers(after: index, into: &followers, context)
                if index == steps.count - 1 {
                    followers.residualAfter = residual
                    residual = nil
                }
                y = try norm(y, followers: followers, in: context)
            case .dropout(let probability, let layer):
                if context.dropsOut { y = try dropout(y, context.dropout(probability, layer)) }
            case .activation(let activation, let slope):
                y = try activate(y, activation, slope: slope?.tensor(in: context))
            }
            index += 1
        }
        return try residual.map { try add(y, $0) } ?? y
    }

    /// Moves the dropout and the activation right after a norm into its followers; returns the number of moved steps.
    private func takeFollowers(after norm: Int, into followers: inout NormFollowers, _ context: ForwardContext) -> Int {
        var taken = 0
        if norm + 1 < steps.count, case .dropout(let probability, let layer) = steps[norm + 1] {
            followers.dropout = context.dropsOut ? context.dropout(probability, layer) : nil
            taken = 1
        }
        if norm + taken + 1 < steps.count, case .activation(let activation, let slope) = steps[norm + taken + 1] {
            followers.activation = activation
            followers.slope = slope?.tensor(in: context)
            taken += 1
        }
        return taken
    }
}
