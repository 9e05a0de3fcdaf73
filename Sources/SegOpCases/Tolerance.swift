/// The maximum differences between 32-bit and 64-bit results. No other file contains such numbers.
public enum Tolerance: String, Hashable, Sendable, CaseIterable {
    /// Every element must be equal: labels, indices, copies.
    case exact
    /// One op.
    case op
    /// A convolution by Winograd's F(4, 5), whose eight points amplify rounding for every choice of the points.
    case winograd
    /// A sum of more than 100 000 terms.
    case longReduction
    /// A convolution whose weights are stored as half, 11 bits of mantissa.
    case halfWeights
    /// A product of factors of 11 bits: TF32.
    case tf32Factors
    /// A product of factors of 8 bits: bf16.
    case bf16Factors
    /// A gradient that is zero in exact arithmetic, from inputs of order 1; limits the largest absolute error.
    case zeroGradient
    /// 64-bit arithmetic against 64-bit arithmetic.
    case double
    /// A gradient against central differences, both in 64 bits.
    case centralDifference
    /// The output of a network.
    case networkOutput
    /// The gradient of a network's parameter.
    case parameterGradient
    /// The loss over the first optimiser steps.
    case trainingLoss
    /// The loss of each of many optimiser steps.
    case longTrainingLoss
    /// A metric of a prediction.
    case metric

    /// The number of terms above which a sum is a long reduction.
    public static let longReductionTerms = 100_000

    /// The tolerance of a sum with a number of terms.
    public static func reduction(terms: Int) -> Tolerance { terms > longReductionTerms ? .longReduction : .op }

    /// The maximum error.
    public var limit: Double {
        switch self {
        case .exact: 0
        case .op: 1e-5
        case .winograd: 2e-5
        case .longReduction: 5e-5
        case .halfWeights, .tf32Factors: 1e-3
        case .bf16Factors: 8e-3
        case .zeroGradient: 1e-5
        case .double: 1e-11
        case .centralDifference: 1e-7
        case .networkOutput: 1e-4
        case .parameterGradient: 1e-3
        case .trainingLoss: 1e-4
        case .longTrainingLoss: 1e-3
        case .metric: 1e-6
        }
    }

    /// Whether the limit applies to the largest absolute error instead of the relative L2 error.
    public var isAbsolute: Bool { self == .zeroGradient || self == .exact }
}

/// The error of a result relative to the expected values.
public struct ResultError: Hashable, Sendable {
    /// ‖a − b‖ / ‖b‖; 0 if a and b are both zero.
    public let relative: Double
    /// The largest |a − b|.
    public let largest: Double

    /// Compares a result with the expected values; counts must be equal.
    public init(_ result: [Double], expected: [Double]) {
        precondition(result.count == expected.count, "\(result.count) values against \(expected.count)")
        var (distance, norm, largest) = (0.0, 0.0, 0.0)
        for (a, b) in zip(result, expected) {
            let difference = a == b ? 0 : a - b
            distance += difference * difference
            norm += b * b
            // After a NaN, the result stays NaN.
            largest = largest.isNaN || abs(difference) <= largest ? largest : abs(difference)
        }
        self.relative = distance == 0 ? 0 : (distance / norm).squareRoot()
        self.largest = largest
    }

    /// Whether the error is within a tolerance; NaN never is.
    public func isWithin(_ tolerance: Tolerance) -> Bool {
        (tolerance.isAbsolute ? largest : relative) <= tolerance.limit
    }
}
