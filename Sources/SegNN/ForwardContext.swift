public import SegBackend
public import SegTensor

/// The mode and the random numbers of a forward pass. They are an argument of every pass, never a state of the layers.
public struct ForwardContext: Sendable {
    /// The mode of a forward pass.
    public enum Mode: Sendable {
        /// Dropout on, batch statistics, gradients recorded; PyTorch's `train()`.
        case training
        /// Dropout off, running statistics, nothing recorded; PyTorch's `eval()` under `no_grad()`.
        case inference
        /// As inference, but with dropout on: one sample of Monte-Carlo dropout (Gal and Ghahramani 2016).
        case monteCarlo
    }

    /// The mode of the forward pass.
    public var mode: Mode
    /// The key of the random numbers.
    public var seed: UInt64
    /// The number of the training step or Monte-Carlo sample; another pass draws other random numbers.
    public var pass: UInt32
    /// Whether dropout is on. The mode sets the initial value; false compares with a run without dropout.
    public var dropsOut: Bool
    /// Whether blocks discard their intermediate results and compute them again for the gradients, as in
    /// `torch.utils.checkpoint`: less memory, more time, the same bits.
    public var recomputes = false
    /// The collection that keeps batch norm statistics for later; nil if each pass updates the running statistics itself.
    public var statistics: BatchStatistics?
    /// The current run of a recomputed block.
    private var run = Run.only

    /// A run of a block.
    private enum Run {
        /// The only run.
        case only
        /// The run that computes the value; nothing is recorded.
        case first
        /// The run that computes the gradients; batch norm's running statistics have already been updated.
        case second
    }

    /// Creates a context.
    public init(mode: Mode, seed: UInt64, pass: UInt32) {
        self.mode = mode
        self.seed = seed
        self.pass = pass
        dropsOut = mode != .inference
    }

    /// Plain inference, without anything random.
    public static let inference = ForwardContext(mode: .inference, seed: 0, pass: 0)
}

extension ForwardContext {
    /// Whether gradients are recorded.
    public var records: Bool { mode == .training && run != .first }

    /// Whether batch norm's running statistics are updated.
    var updatesStatistics: Bool { mode == .training && run != .second }

    /// Runs a block of a network; if activations are recomputed, only its inputs are kept for the gradient.
    /// - Parameters:
    ///   - inputs: The inputs, handed over so that the block can release them before it ends.
    ///   - block: The block. It must not read tensors with a history other than its inputs and parameters.
    /// - Throws: The errors of the block.
    public func recomputing(
        _ inputs: consuming [Tensor],
        _ block: @escaping (_ inputs: consuming [Tensor], _ context: ForwardContext) throws -> Tensor
    ) throws -> Tensor {
        guard recomputes, records else { return try block(inputs, self) }
        var (first, second) = (self, self)
        first.run = .first
        second.run = .second
        second.recomputes = false
        return try recomputed(inputs) { [first, second] inputs, isRecording in
            try block(inputs, isRecording ? second : first)
        }
    }

    /// Returns the dropout parameters of a layer in this pass.
    public func dropout(_ probability: Float, _ layer: UInt32) -> DropoutParams {
        DropoutParams(probability: probability, seed: seed, layer: layer, pass: pass, channelwise: false)
    }
}
