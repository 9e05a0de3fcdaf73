public import SegBackend
public import SegTensor

/// How a network is run: an argument of every forward pass, never a state of its layers.
public struct ForwardContext: Sendable {
    /// What is switched on.
    public enum Mode: Sendable {
        /// Dropout on, batch statistics, gradients recorded; PyTorch's `train()`.
        case training
        /// Dropout off, running statistics, nothing recorded; PyTorch's `eval()` under `no_grad()`.
        case inference
        /// As inference, but with dropout on: one sample of Monte-Carlo dropout. Gal and Ghahramani 2016.
        case monteCarlo
    }

    /// What is switched on.
    public var mode: Mode
    /// Key of the random numbers.
    public var seed: UInt64
    /// Training step or Monte-Carlo sample: another pass draws other random numbers.
    public var pass: UInt32
    /// Whether dropout is on: as the mode says, unless switched off to compare with a run without it.
    public var dropsOut: Bool
    /// Whether blocks forget what their gradients need and compute it again: less memory, more time, the same bits.
    public var recomputes = false
    /// Keeps back what batch norms measure; nil where their running statistics move at once.
    public var statistics: BatchStatistics?
    /// Which of the two runs of a recomputed block this is.
    private var run = Run.only

    /// A run of a block.
    private enum Run {
        /// The only one.
        case only
        /// For the value; nothing is recorded.
        case first
        /// For the gradients; batch norm's running statistics have moved already.
        case second
    }

    /// Makes a context.
    public init(mode: Mode, seed: UInt64, pass: UInt32) {
        self.mode = mode
        self.seed = seed
        self.pass = pass
        dropsOut = mode != .inference
    }

    /// Plain inference; there is nothing random in it.
    public static let inference = ForwardContext(mode: .inference, seed: 0, pass: 0)
}

extension ForwardContext {
    /// Whether gradients are recorded.
    public var records: Bool { mode == .training && run != .first }

    /// Whether batch norm's running statistics move.
    var updatesStatistics: Bool { mode == .training && run != .second }

    /// Runs a block of a network; where activations are recomputed, only its inputs are kept for the gradient.
    /// - Parameters:
    ///   - inputs: Handed over, so that a block can let go of them before it ends.
    ///   - block: Reads no tensor with a history but the inputs it is given, parameters excepted.
    /// - Throws: What the block throws.
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

    /// The dropout of a layer in this pass.
    public func dropout(_ probability: Float, _ layer: UInt32) -> DropoutParams {
        DropoutParams(probability: probability, seed: seed, layer: layer, pass: pass, channelwise: false)
    }
}
