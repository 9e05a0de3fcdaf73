internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// A network that gives every voxel of a patch a logit for each class.
public protocol Network {
    /// Its parameters and buffers, under MONAI's names.
    var store: ParameterStore { get }
    /// Channels of the input, such as 1 for CT.
    var inputChannels: Int { get }
    /// Classes, background included.
    var outputChannels: Int { get }
    /// An input's extents must be multiples of these.
    var sizeDivisor: Triple { get }
    /// The only extents an input may have, where parameters are made for them (UNETR's `img_size`); nil for any.
    var requiredSize: Triple? { get }
    /// The largest probability among its dropouts; 0 where it has none.
    var dropoutProbability: Float { get }

    /// **Shapes**: x `[N, D, H, W, inputChannels]`, result `[N, D, H, W, outputChannels]`.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor

    /// What the layers before the first dropout make of x: the same in every pass of Monte-Carlo dropout.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor]

    /// The rest of a forward pass: `self(fromDropout: beforeDropout(x), …)` is `self(x, …)`, bit for bit.
    /// - Throws: `TensorError` where `kept` does not fit; `BackendError` from the backend.
    func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor

    /// What a loss is taken of: the output and, in training with deep supervision, coarser outputs.
    ///
    /// **Shapes**: as `callAsFunction`, the output first, then the supervising heads from fine to coarse. These are
    /// resized to the output, or keep their own extents, as MONAI gives them.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor]
}

extension Network {
    /// Any extents that `sizeDivisor` allows.
    public var requiredSize: Triple? { nil }

    /// The input itself, for a network that drops out early or whose first layers are not worth keeping.
    public func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] { [x] }

    /// The whole pass, on the input that was kept.
    public func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        try self(kept[0], in: context)
    }

    /// The output alone: most networks have no deep supervision.
    public func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        [try self(x, in: context)]
    }

    /// Refuses an input whose channels or extents the network does not take.
    /// - Parameter name: What the network is called.
    /// - Throws: `TensorError` that says what it takes.
    public func checkInput(_ x: Tensor, _ name: String) throws {
        let size = x.shape.rank == 5 ? x.shape.size : Triple(0)
        if let requiredSize, size != requiredSize || x.shape.channels != inputChannels {
            let expected = Shape(batch: 1, size: requiredSize, channels: inputChannels)
            throw TensorError(
                op: name,
                "input \(x.shape) should be \(expected) or a batch of these: this network was made for windows of "
                    + "\(requiredSize) (img_size) only; set roi_size to it")
        }
        guard size.count > 0, size.zip(sizeDivisor, %) == Triple(0), x.shape.channels == inputChannels else {
            throw TensorError(
                op: name,
                "input \(x.shape) should be [N, D, H, W, \(inputChannels)] with D, H, W multiples of \(sizeDivisor)")
        }
    }
}
