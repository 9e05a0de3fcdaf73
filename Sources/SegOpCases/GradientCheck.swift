package import SegBackend

/// The pairs of arrays and gradients of a case, so that central differences can check them.
///
/// The gradients are the derivatives of Σ upstream · y.
struct Differentiation {
    struct Pair {
        let input: BufferView
        let gradient: BufferView
        /// The values to which the gradient is added; zeros if it overwrites.
        let start: [Double]
    }

    let y: BufferView
    let upstream: BufferView
    let pairs: [Pair]
    let rule: DifferenceRule
}

/// A finite-difference rule: a derivative as a weighted sum of values near a point.
package struct DifferenceRule: Sendable {
    let terms: [(offset: Double, weight: Double)]

    /// Second order with a small step, so that hardly any element crosses a kink.
    package static let narrow = DifferenceRule(terms: [(1e-5, 0.5e5), (-1e-5, -0.5e5)])

    /// Fourth order with a large step: for a single smooth number whose gradient is small relative to it.
    package static let wide: DifferenceRule = {
        let step = 5e-3
        return DifferenceRule(
            terms: [(1, 8), (-1, -8), (2, -1), (-2, 1)].map { (step * $0, $1 / (12 * step)) })
    }()
}

/// A gradient compared with central differences.
public struct GradientError: Sendable {
    /// The gradient's name among the outputs.
    public let output: String
    /// The error over the elements that were checked.
    public let error: ResultError
}

extension OpArrays {
    /// Declares that an execution computes y and, from the upstream gradient of y, the gradients of inputs.
    package func differentiate(
        _ y: BufferView, upstream: BufferView, _ pairs: [(input: BufferView?, gradient: BufferView?)],
        by rule: DifferenceRule = .narrow
    ) throws {
        let pairs = try pairs.compactMap { input, gradient -> Differentiation.Pair? in
            guard let input, let gradient else { return nil }
            // An array that is NaN will be overwritten.
            let start = try read(gradient).map { $0.isNaN ? 0 : $0 }
            return Differentiation.Pair(input: input, gradient: gradient, start: start)
        }
        differentiation = Differentiation(y: y, upstream: upstream, pairs: pairs, rule: rule)
    }

    func gradientErrors(elements: Int, execute: () throws -> Void) throws -> [GradientError] {
        guard let differentiation else { return [] }
        let upstream = try read(differentiation.upstream)
        try execute()
        // The gradients are read before the next execution, which would add to them again.
        let gradients = try differentiation.pairs.map { try read($0.gradient) }
        return try zip(differentiation.pairs, gradients).map { pair, gradient in
            let values = try read(pair.input)
            let count = min(elements, values.count)
            // The elements are spread over the array, including the first and the last.
            let chosen = (0..<count).map { count == 1 ? 0 : $0 * (values.count - 1) / (count - 1) }
            let differences = try chosen.map { element in
                // The differences are computed element by element, because the difference of two large sums would lose
                // its digits.
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

    /// Compares the case's gradients with central differences at some elements of each input.
    ///
    /// Only for a backend that computes in 64 bits. The result is empty if the case has no gradients.
    /// - Throws: The errors of the backend.
    public func gradientErrors(elements: Int) throws -> [GradientError] {
        try arrays.gradientErrors(elements: elements, execute: execute)
    }
}
