/// A dropout that every backend computes with the same bits, forward and backward, from counters alone.
///
/// The element e (the linear index in the tensor; with `channelwise`, n · C + c) is dropped if its random word is below
/// `threshold`. That word is lane e mod 4 of Philox for the counter (e / 4 low, e / 4 high, layer, pass) and the key
/// `seed`. Kept elements are multiplied by 1 / (1 − p), as in PyTorch. Salmon et al. 2011, "Parallel random numbers: as
/// easy as 1, 2, 3".
public struct DropoutParams: Hashable, Sendable {
    /// The probability that an element is zeroed, 0 ≤ p < 1.
    public var probability: Float
    /// The key of the random number generator.
    public var seed: UInt64
    /// The number of this dropout within the network.
    public var layer: UInt32
    /// The training step, or the number of the Monte-Carlo sample.
    public var pass: UInt32
    /// Whether whole channels of a sample are dropped, `torch.nn.Dropout3d`.
    public var channelwise: Bool

    /// Creates dropout parameters; the probability must be in 0 ..< 1.
    public init(probability: Float, seed: UInt64, layer: UInt32, pass: UInt32, channelwise: Bool) {
        precondition(probability >= 0 && probability < 1, "dropout probability \(probability) is not in 0 ..< 1")
        self.probability = probability
        self.seed = seed
        self.layer = layer
        self.pass = pass
        self.channelwise = channelwise
    }

    /// An element is dropped if its random word is below this number.
    public var threshold: UInt32 { UInt32(Double(probability) * 4_294_967_296) }

    /// The factor of kept elements.
    public var scale: Float { 1 / (1 - probability) }

    /// Whether the element with a linear index is kept.
    public func keeps(_ element: Int) -> Bool {
        let block = UInt64(element / 4)
        let words = Philox4x32.words(
            counter: (UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32), layer, pass),
            key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
        let word =
            switch element % 4 {
            case 0: words.0
            case 1: words.1
            case 2: words.2
            default: words.3
            }
        return word >= threshold
    }
}
