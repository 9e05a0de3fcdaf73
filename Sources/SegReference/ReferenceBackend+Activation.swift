import Foundation
public import SegBackend

extension ReferenceBackend {
    /// y = act(x).
    public func activate(_ x: BufferView, _ activation: Activation, slope: BufferView?, into y: BufferView) throws {
        let slopes = Slopes(slope)
        let (count, x, y) = (x.count, x.doubles, y.doubles)
        for i in 0..<count { y[i] = value(activation, x[i], slope: slopes[i]) }
    }

    /// gx = upstream · act′(x), and PReLU's slope gradient Σ upstream · x over x ≤ 0.
    public func activateBackward(
        _ x: BufferView, upstream: BufferView, _ activation: Activation, slope: BufferView?, into gx: BufferView,
        slopeGradient: BufferView?, accumulate: Bool
    ) throws {
        let slopes = Slopes(slope)
        let (count, x, dy, gx) = (x.count, x.doubles, upstream.doubles, gx.doubles)
        // The slope's gradient comes first, because gx may share the memory of x or upstream.
        if let slopeGradient, activation == .prelu {
            let (period, gradient) = (slopeGradient.count, slopeGradient.doubles)
            for i in 0..<count where !(x[i] > 0) { gradient[i % period] += dy[i] * x[i] }
        }
        for i in 0..<count {
            let gradient = dy[i] * derivative(activation, x[i], slope: slopes[i])
            gx[i] = accumulate ? gx[i] + gradient : gradient
        }
    }

    private func value(_ activation: Activation, _ x: Double, slope: Double) -> Double {
        switch activation {
        case .identity: x
        // NaN stays NaN.
        case .relu: x < 0 ? 0 : x
        case .leakyReLU(let slope): x > 0 ? x : Double(slope) * x
        case .prelu: x > 0 ? x : slope * x
        case .elu(let alpha): x > 0 ? x : Double(alpha) * expm1(x)
        case .gelu: x * normalCDF(x)
        case .sigmoid: 1 / (1 + exp(-x))
        case .silu(let alpha): x / (1 + exp(-Double(alpha) * x))
        }
    }

    private func derivative(_ activation: Activation, _ x: Double, slope: Double) -> Double {
        switch activation {
        case .identity: return 1
        case .relu: return x > 0 ? 1 : 0
        case .leakyReLU(let slope): return x > 0 ? 1 : Double(slope)
        case .prelu: return x > 0 ? 1 : slope
        case .elu(let alpha): return x > 0 ? 1 : Double(alpha) * exp(x)
        case .gelu: return normalCDF(x) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
        case .sigmoid:
            let y = 1 / (1 + exp(-x))
            return y * (1 - y)
        case .silu(let alpha):
            let y = 1 / (1 + exp(-Double(alpha) * x))
            return y + Double(alpha) * x * y * (1 - y)
        }
    }

    /// Returns the normal distribution's Φ; erfc is precise even if Φ is small.
    private func normalCDF(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }
}

/// PReLU's slopes by element: one for all, or one per channel.
private struct Slopes {
    private let values: UnsafeMutablePointer<Double>?
    private let count: Int

    init(_ view: BufferView?) {
        values = view?.doubles
        count = view?.count ?? 1
    }

    subscript(element: Int) -> Double { values.map { $0[element % count] } ?? 0 }
}
