internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// A network that computes a logit for each class and each voxel of a patch.
public protocol Network {
    /// The network's parameters and buffers, under MONAI's names.
    var store: ParameterStore { get }
    /// The number of input channels, such as 1 for CT.
    var inputChannels: Int { get }
    /// The number of classes, including background.
    var outputChannels: Int { get }
    /// The divisor of an input's size along each axis: the size must be a multiple of it.
    var sizeDivisor: Triple { get }
    /// The only size that an input may have, for networks with parameters of that size (UNETR's `img_size`); nil for any.
    var requiredSize: Triple? { get }
    /// The largest dropout probability of the network; 0 without dropout.
    var dropoutProbability: Float { get }

    /// **Shapes**: x `[N, D, H, W, inputChannels]`, result `[N, D, H, W, outputChannels]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor

    /// Computes the outputs of the layers before the first dropout, which are the same in every pass of Monte-Carlo dropout.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor]

    /// Runs the rest of a forward pass: `self(fromDropout: beforeDropout(x), …)` equals `self(x, …)`, bit for bit.
    /// - Throws: `TensorError` if `kept` does not fit; `BackendError` from the backend.
    func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor

    /// Computes the inputs of a loss: the output and, in training with deep supervision, coarser outputs.
    ///
    /// **Shapes**: as `callAsFunction`, the output first, then the outputs of the supervising heads from fine to
    /// coarse. As in MONAI, these are resized to the output or keep their own size.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor]
}

extension Network {
    /// nil: any size that `sizeDivisor` allows.
    public var requiredSize: Triple? { nil }

    /// Returns the input itself: the default, for a network in which little is computed before the first dropout.
    public func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] { [x] }

    /// Runs the whole forward pass on the kept input.
    public func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        try self(kept[0], in: context)
    }

    /// Computes the output alone, because most networks have no deep supervision.
    public func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        [try self(x, in: context)]
    }

    /// Refuses an input whose channels or size the network does not accept.
    /// - Parameter name: The name of the network, for the error.
    /// - Throws: `TensorError` that gives the expected shape.
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
