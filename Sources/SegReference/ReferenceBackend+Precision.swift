internal import SegBackend

extension ReferenceBackend {
    /// Returns a factor of a convolution, matrix product or attention unchanged, or a copy rounded to bfloat16.
    func factor(_ view: BufferView) throws -> BufferView {
        guard roundsToBF16 else { return view }
        let rounded = try allocate(view.shape, .f64)
        let (from, to) = (view.doubles, rounded.doubles)
        for i in 0..<view.count { to[i] = Self.bf16(from[i]) }
        return rounded
    }

    /// Rounds to 8 bits of mantissa, halves to even; denormal numbers have fewer bits.
    private static func bf16(_ value: Double) -> Double {
        guard value.isFinite, value != 0 else { return value }
        let step = Double(sign: .plus, exponent: max(Int(value.exponent), -126) - 7, significand: 1)
        return (value / step).rounded(.toNearestOrEven) * step
    }
}
