public import SegBackend

/// The reference for all backends: every op as plain loops in Double on one thread, written for clarity, not for speed.
///
/// The other backends are compared with this backend, and gradients are checked on it by central differences. Fused
/// normalisation is the protocol's default, composed of other ops.
public final class ReferenceBackend: Backend {
    let ledger = MemoryLedger()
    /// Whether factors of convolutions and matrix products are rounded to bfloat16, 8 bits of mantissa.
    let roundsToBF16: Bool

    /// Creates a reference backend without a memory limit.
    public convenience init() { self.init(roundsToBF16: false) }

    /// Creates a reference backend, which rounds the factors of convolutions and matrix products to bfloat16 if `roundsToBF16`.
    public init(roundsToBF16: Bool) { self.roundsToBF16 = roundsToBF16 }

    /// The name, `reference`.
    public var name: String { "reference" }

    /// A description in one line.
    public var details: String { "plain loops in 64-bit float on one thread; for checking, not for speed" }

    /// 64-bit float.
    public var scalar: DType { .f64 }

    /// Always true.
    public var usesHostMemory: Bool { true }
}
