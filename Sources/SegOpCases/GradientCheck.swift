package import SegBackend

/// Which array is the gradient of which, so that central differences can check it.
///
/// The gradients are those of Σ upstream · y.
struct Differentiation {
    struct Pair {
        let input: BufferView
        let gradient: BufferView
        /// What the gradient is added to; zeros where it is overwritten.
        let start: [Double]
    }

    let y: BufferView
    let upstream: BufferView
    let pairs: [Pair]
    let rule: DifferenceRule
}

/// A derivative as a weighted sum of values beside a point.
package struct DifferenceRule: Sendable {
    let terms: [(offset: Double, weight: Double)]

    /// Second order with a step so small that hardly any element crosses a kink.
    package static let narrow = DifferenceRule(terms: [(1e-5, 0.5e5), (-1e-5, -0.5e5)])

    /// Fourth order with a large step: for one smooth number whose gradient is small beside it.
    package static let wide: DifferenceRule = {
        let step = 5e-3
        return DifferenceRule(
            terms: [(1, 8), (-1, -8), (2, -1), (-2, 1)].map { (step * $0, $1 / (12 * step)) })
    }()
}

/// A gradient held against central differences.
public struct GradientError: Sendable {
    /// The gradient's name among the outputs.
    public let output: String
    /// How far it is off, over the elements that were looked at.
    public let error: ResultError
}

extension OpArrays {
    /// States that an execution computes y and, from its upstream gradient, the gradients of inputs.
    package func differentiate(
        _ y: BufferView, upstream: BufferView, _ pairs: [(input: BufferView?, gradient: BufferView?)],
        by rule: DifferenceRule = .narrow
    ) throws {
        let pairs = try pairs.compactMap { input, gradient -> Differentiation.Pair? in
            guard let input, let gradient else { return nil }
            // An array that will be overwritten starts as NaN.
            let start = try read(gradient).map { $0.isNaN ? 0 : $0 }
            return Differentiation.Pair(input: input, gradient: gradient, start: start)
        }
        differentiation = Differentiation(y: y, upstream: upstream, pairs: pairs, rule: rule)
    }

    func gradientErrors(elements: Int, execute: () throws -> Void) throws -> [GradientError] {
        guard let differentiation else { return [] }
        let upstream = try read(differentiation.upstream)
        try execute()
        // Before anything is executed again, which would add to them once more.
        let gradients = try differentiation.pairs.map { try read($0.gradient) }
        return try zip(differentiation.pairs, gradients).map { pair, gradient in
            let values = try read(pair.input)
            let count = min(elements, values.count)
            // Spread over the array, the first and the last element included.
            let chosen = (0..<count).map { count == 1 ? 0 : $0 * (values.count - 1) / (count - 1) }
            let differences = try chosen.map { element in
                // Differences element by element: those of two large sums would have lost their digits.
                var change = [Double](repeating: 0, count: upstream.count)
                for (offset, weight) in differentiation.rule.terms {
                    var moved = values
                    moved[element] += offset
                    try write(moved, to: pair.input)
                    try execute()
                    for (i, value) in try read(differentiation.y).enumerated() { change[i] += weight * value }
                }
                return zip(upstream, change).reduce(0) { $0 + $1.0 * $1.1 }
            }
            try write(values, to: pair.input)
            return GradientError(
                output: name(of: pair.gradient),
                error: ResultError(chosen.map { gradient[$0] - pair.start[$0] }, expected: differences))
        }
    }
}

extension PreparedOp {
    /// Whether the case computes gradients that central differences can check.
    public var hasGradients: Bool { arrays.differentiation != nil }

    /// Holds the case's gradients against central differences at some elements of each input.
    ///
    /// Only for a backend that computes in 64 bits. Empty for a case that has no gradients.
    /// - Throws: what the backend throws.
    public func gradientErrors(elements: Int) throws -> [GradientError] {
        try arrays.gradientErrors(elements: elements, execute: execute)
    }
}
