internal import Foundation

/// One axis of a cubic B-spline interpolation, as in `scipy.ndimage.zoom(order=3, mode="nearest", grid_mode=True)`. The
/// axis's samples, padded with 12 copies of each edge sample, are filtered to coefficients, which are then evaluated
/// between samples.
///
/// Unser et al. 1991, "Fast B-spline transforms for continuous image representation and interpolation".
struct CubicLine {
    /// The number of samples of the result.
    let count: Int
    private let source: Int
    /// For each new sample: the index of the first of its four coefficients, and the four weights.
    private let taps: [(first: Int, weights: (Double, Double, Double, Double))]

    private static let padding = 12
    /// The pole of the filter.
    private static let pole = 3.0.squareRoot() - 2

    /// Creates an axis of `count` samples from an axis of `source` samples.
    init(from source: Int, to count: Int) {
        (self.source, self.count) = (source, count)
        taps = (0..<count).map { index in
            let place = (Double(index) + 0.5) * Double(source) / Double(count) - 0.5 + Double(Self.padding)
            let floor = place.rounded(.down)
            let t = place - floor
            let weights = (
                (1 - t) * (1 - t) * (1 - t) / 6, (3 * t * t * t - 6 * t * t + 4) / 6,
                (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6, t * t * t / 6
            )
            return (Int(floor) - 1, weights)
        }
    }

    /// The number of coefficients of a line.
    private var length: Int { source + 2 * Self.padding }

    /// Interpolates adjacent lines, `[source, width]` to `[count, width]`.
    /// - Parameters:
    ///   - input: The lines; `inputStep` floats from a sample to the next of the same line.
    ///   - scratch: A buffer that the caller keeps between calls.
    func callAsFunction(
        _ input: UnsafePointer<Float>, inputStep: Int, width: Int, into output: UnsafeMutablePointer<Float>,
        outputStep: Int, scratch: inout [Double]
    ) {
        if scratch.count != length * width { scratch = [Double](repeating: 0, count: length * width) }
        scratch.withUnsafeMutableBufferPointer { rows in
            guard let base = rows.baseAddress else { return }
            for row in 0..<length {
                let sample = min(max(row - Self.padding, 0), source - 1)
                let (from, to) = (input + sample * inputStep, base + row * width)
                for column in 0..<width { to[column] = 6 * Double(from[column]) }
            }
            filter(base, width)
            evaluate(base, width, output, outputStep)
        }
    }

    /// Turns samples, multiplied by 6, into coefficients; half-sample symmetric at both ends.
    private func filter(_ c: UnsafeMutablePointer<Double>, _ width: Int) {
        let (n, z) = (length, Self.pole)
        // The 41st power of the pole is below 1e-23; therefore later samples do not change the sum in Double.
        let reach = min(n, 40)
        for column in 0..<width {
            var (sum, power) = (0.0, z)
            for row in 0..<reach {
                sum += power * c[row * width + column]
                power *= z
            }
            c[column] += sum
        }
        for row in 1..<n {
            let (here, before) = (c + row * width, c + (row - 1) * width)
            for column in 0..<width { here[column] += z * before[column] }
        }
        let last = c + (n - 1) * width
        for column in 0..<width { last[column] *= z / (z - 1) }
        for row in (0..<n - 1).reversed() {
            let (here, after) = (c + row * width, c + (row + 1) * width)
            for column in 0..<width { here[column] = z * (after[column] - here[column]) }
        }
    }

    private func evaluate(
        _ c: UnsafeMutablePointer<Double>, _ width: Int, _ output: UnsafeMutablePointer<Float>, _ step: Int
    ) {
        for (row, tap) in taps.enumerated() {
            let (a, w) = (c + tap.first * width, tap.weights)
            let (b, d, e) = (a + width, a + 2 * width, a + 3 * width)
            let target = output + row * step
            for column in 0..<width {
                target[column] = Float(a[column] * w.0 + b[column] * w.1 + d[column] * w.2 + e[column] * w.3)
            }
        }
    }
}
