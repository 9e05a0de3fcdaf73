import Foundation

/// Softmax of one vector; the maximum is subtracted first, so nothing overflows.
enum Softmax {
    /// Writes eˣ / Σ eˣ to y, which may be x, and returns log Σ eˣ.
    @discardableResult
    static func write(
        _ x: UnsafeMutablePointer<Double>, _ count: Int, into y: UnsafeMutablePointer<Double>
    ) -> Double {
        let largest = (0..<count).reduce(-Double.infinity) { max($0, x[$1]) }
        var sum = 0.0
        for i in 0..<count {
            y[i] = exp(x[i] - largest)
            sum += y[i]
        }
        for i in 0..<count { y[i] /= sum }
        return largest + log(sum)
    }
}
