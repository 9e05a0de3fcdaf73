internal import Foundation
internal import SegBackend

/// The initial values of a parameter.
public enum InitialValue: Sendable {
    /// The same value everywhere.
    case constant(Float)
    /// Uniform in ±bound.
    case uniform(bound: Float)
    /// PyTorch's default for a convolution's or linear layer's weight and bias: uniform in ±1/√fanIn.
    case fan(in: Int)
    /// Normal with mean 0. MONAI's `trunc_normal_(std=0.02)` is the same, because it cuts at ±2, a hundred deviations away.
    case normal(sd: Float)

    /// Normal for layers before a leaky ReLU, `torch.nn.init.kaiming_normal_(a=slope)`. He et al. 2015.
    public static func kaimingNormal(fanIn: Int, slope: Float) -> InitialValue {
        .normal(sd: (2 / ((1 + slope * slope) * Float(max(fanIn, 1)))).squareRoot())
    }
}

/// Deterministic initial values: the n-th parameter of a network is the same on every backend.
struct InitialValues {
    private let seed: UInt64
    private var stream: UInt32 = 0

    init(seed: UInt64) { self.seed = seed }

    mutating func values(_ initial: InitialValue, count: Int) -> [Float] {
        stream += 1
        switch initial {
        case .constant(let value): return [Float](repeating: value, count: count)
        case .uniform(let bound): return uniform(count, bound: bound)
        case .fan(let fan): return uniform(count, bound: 1 / Float(max(fan, 1)).squareRoot())
        case .normal(let sd): return normal(count, sd: sd)
        }
    }

    /// Draws numbers in ±bound from 24 random bits each.
    private func uniform(_ count: Int, bound: Float) -> [Float] {
        blocks(count) { words, numbers in
            numbers.0 = (2 * unit(words.0) - 1) * bound
            numbers.1 = (2 * unit(words.1) - 1) * bound
            numbers.2 = (2 * unit(words.2) - 1) * bound
            numbers.3 = (2 * unit(words.3) - 1) * bound
        }
    }

    /// Draws normal numbers, two from each pair of uniform numbers. Box and Muller 1958.
    private func normal(_ count: Int, sd: Float) -> [Float] {
        func pair(_ a: UInt32, _ b: UInt32) -> (Float, Float) {
            let radius = sd * (-2 * log(1 - unit(a))).squareRoot()
            let angle = 2 * Float.pi * unit(b)
            return (radius * cos(angle), radius * sin(angle))
        }
        return blocks(count) { words, numbers in
            (numbers.0, numbers.1) = pair(words.0, words.1)
            (numbers.2, numbers.3) = pair(words.2, words.3)
        }
    }

    /// Converts a random word to a number in 0 ..< 1.
    private func unit(_ word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }

    /// Fills an array four numbers at a time, each four from one draw of the generator.
    private func blocks(
        _ count: Int,
        _ make: (_ words: (UInt32, UInt32, UInt32, UInt32), _ numbers: inout (Float, Float, Float, Float)) -> Void
    ) -> [Float] {
        let key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            var numbers: (Float, Float, Float, Float) = (0, 0, 0, 0)
            for block in 0..<(count + 3) / 4 {
                let words = Philox4x32.words(
                    counter: (
                        UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32), stream, 0x1417
                    ),
                    key: key)
                make(words, &numbers)
                let start = 4 * block
                buffer[start] = numbers.0
                if start + 1 < count { buffer[start + 1] = numbers.1 }
                if start + 2 < count { buffer[start + 2] = numbers.2 }
                if start + 3 < count { buffer[start + 3] = numbers.3 }
            }
            initialized = count
        }
    }
}
