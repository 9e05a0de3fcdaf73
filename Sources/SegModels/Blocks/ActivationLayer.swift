internal import SegBackend
internal import SegNN
internal import SegTensor

/// An activation with PReLU's slopes where it has some.
struct ActivationLayer {
    private let activation: Activation
    private let slope: Parameter?

    /// Registers `weight` for PReLU.
    init(_ store: ParameterStore, _ option: BlockOptions.ActivationOption) throws {
        activation = option.activation
        slope =
            option.activation == .prelu
            ? try store.parameter("weight", [option.slopeCount], .constant(option.slopeInitial)) : nil
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try activate(x, activation, slope: slope?.tensor(in: context))
    }

    /// What has a normalisation apply this activation in its own pass.
    func followers(in context: ForwardContext) -> NormFollowers {
        var followers = NormFollowers()
        followers.activation = activation
        followers.slope = slope?.tensor(in: context)
        return followers
    }
}

extension Norm {
    /// Registers a normalisation as MONAI's `norm` argument asks for it.
    init(_ store: ParameterStore, channels: Int, _ option: BlockOptions.NormOption) throws {
        try self.init(
            store, channels: channels, option.params, affine: option.affine, momentum: option.momentum)
    }

    /// Normalises, then activates, in one pass.
    func callAsFunction(_ x: Tensor, then activation: ActivationLayer, in context: ForwardContext) throws -> Tensor {
        try self(x, followers: activation.followers(in: context), in: context)
    }
}
