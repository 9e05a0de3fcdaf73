internal import SegBackend
internal import SegNN
internal import SegTensor

/// An activation, with slopes if it is PReLU.
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

    /// Applies the activation.
    /// - Parameter consumesInput: Whether nothing else reads x; see `NormFollowers`.
    func callAsFunction(_ x: Tensor, consumesInput: Bool = true, in context: ForwardContext) throws -> Tensor {
        try activate(x, activation, slope: slope?.tensor(in: context), consumesInput: consumesInput)
    }

    /// The followers that let a norm apply this activation in its own pass; nothing else may read the norm's input.
    func followers(in context: ForwardContext) -> NormFollowers {
        var followers = NormFollowers.consumingInput
        followers.activation = activation
        followers.slope = slope?.tensor(in: context)
        return followers
    }
}

extension NormFollowers {
    /// No followers, for a norm whose input nothing else reads.
    static var consumingInput: NormFollowers {
        var followers = NormFollowers()
        followers.consumesInput = true
        return followers
    }
}

extension Norm {
    /// Registers the normalisation that MONAI's `norm` argument describes.
    init(_ store: ParameterStore, channels: Int, _ option: BlockOptions.NormOption) throws {
        try self.init(
            store, channels: channels, option.params, affine: option.affine, momentum: option.momentum)
    }

    /// Normalises, then activates, in one pass.
    /// - Parameter consumesInput: Whether nothing else reads x; see `NormFollowers`.
    func callAsFunction(
        _ x: Tensor, then activation: ActivationLayer, consumesInput: Bool = true, in context: ForwardContext
    ) throws -> Tensor {
        var followers = activation.followers(in: context)
        followers.consumesInput = consumesInput
        return try self(x, followers: followers, in: context)
    }
}
