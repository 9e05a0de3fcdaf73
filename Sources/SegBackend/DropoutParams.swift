/// A dropout that every backend repeats bit for bit, forward and backward, from counters alone.
///
/// The element e (linear index in the tensor; with `channelwise`, n · C + c) is dropped when the Philox word of
/// counter (e / 4 low, e / 4 high, layer, pass), key `seed`, lane e mod 4, is below `threshold`. What is kept is
/// multiplied by 1 / (1 − p), as PyTorch does. Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
public struct DropoutParams: Hashable, Sendable {
    /// Probability that an element is zeroed, 0 ≤ p < 1.
    public var probability: Float
    /// Key of the generator.
    public var seed: UInt64
    /// Which dropout of the network this is.
    public var layer: UInt32
    /// Training step, or number of the Monte-Carlo sample.
    public var pass: UInt32
    /// Drop whole channels of a sample, `torch.nn.Dropout3d`.
    public var channelwise: Bool

    /// Makes dropout parameters; the probability must be in 0 ..< 1.
    public init(probability: Float, seed: UInt64, layer: UInt32, pass: UInt32, channelwise: Bool) {
        precondition(probability >= 0 && probability < 1, "dropout probability \(probability) is not in 0 ..< 1")
        self.probability = probability
        self.seed = seed
        self.layer = layer
        self.pass = pass
        self.channelwise = channelwise
    }

    /// An element is dropped when its random word is below this.
    public var threshold: UInt32 { UInt32(Double(probability) * 4_294_967_296) }

    /// What kept elements are multiplied with.
    public var scale: Float { 1 / (1 - probability) }

    /// Whether the element of a linear index is kept.
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
