public import SegBackend

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
    public var records: Bool { mode == .training }

    /// The dropout of a layer in this pass.
    public func dropout(_ probability: Float, _ layer: UInt32) -> DropoutParams {
        DropoutParams(probability: probability, seed: seed, layer: layer, pass: pass, channelwise: false)
    }
}
