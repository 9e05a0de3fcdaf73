public import SegBackend

/// The oracle: every op as plain loops in Double on one thread, written to be read rather than to be fast.
///
/// The other backends are held against it, and gradients are checked on it by central differences. Fused
/// normalisation is the protocol's composed default.
public final class ReferenceBackend: Backend {
    let ledger = MemoryLedger()
    /// Whether factors of convolutions and matrix products have 8 bits.
    let roundsToBF16: Bool

    /// Makes a reference backend with no cap on its memory.
    public convenience init() { self.init(roundsToBF16: false) }

    /// Makes a reference backend that rounds the factors of convolutions and matrix products to bfloat16, or none.
    public init(roundsToBF16: Bool) { self.roundsToBF16 = roundsToBF16 }

    /// `reference`.
    public var name: String { "reference" }

    /// What it is, in one line.
    public var details: String { "plain loops in 64-bit float on one thread; for checking, not for speed" }

    /// 64-bit float.
    public var scalar: DType { .f64 }
}
