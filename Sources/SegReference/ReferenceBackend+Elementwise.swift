import Foundation
public import SegBackend

extension ReferenceBackend {
    /// y = a ∘ b, both broadcast to y's shape.
    public func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        let (left, right, result) = (a.doubles, b.doubles, y.doubles)
        let (repeatsA, repeatsB) = (a.count != y.count, b.count != y.count)
        for i in 0..<y.count {
            let at = (
                repeatsA ? a.shape.element(i, of: y.shape) : i, repeatsB ? b.shape.element(i, of: y.shape) : i
            )
            result[i] = value(op, left[at.0], right[at.1])
        }
    }

    private func value(_ op: BinaryOp, _ a: Double, _ b: Double) -> Double {
        switch op {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .maximum: a.isNaN || a > b ? a : b
        case .minimum: a.isNaN || a < b ? a : b
        case .power: pow(a, b)
        case .equal: a == b ? 1 : 0
        case .less: a < b ? 1 : 0
        case .lessOrEqual: a <= b ? 1 : 0
        case .mask: b != 0 ? a : 0
        }
    }

    /// y = op(x).
    public func unary(_ op: UnaryOp, _ x: BufferView, into y: BufferView) throws {
        let (count, x, y) = (x.count, x.doubles, y.doubles)
        for i in 0..<count {
            y[i] =
                switch op {
                case .exp: exp(x[i])
                case .log: log(x[i])
                case .log1p: log1p(x[i])
                case .sqrt: x[i].squareRoot()
                case .reciprocal: 1 / x[i]
                case .abs: abs(x[i])
                case .sign: x[i] > 0 ? 1 : x[i] < 0 ? -1 : 0
                }
        }
    }

    /// y = x as floating-point numbers.
    public func cast(_ x: BufferView, into y: BufferView) throws {
        let (count, x, y) = (x.count, x.integers, y.doubles)
        for i in 0..<count { y[i] = Double(x[i]) }
    }

    /// y = alpha · x + beta · y.
    public func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {
        let (count, alpha, beta) = (x.count, Double(alpha), Double(beta))
        let (x, y) = (x.doubles, y.doubles)
        for i in 0..<count { y[i] = alpha * x[i] + (beta == 0 ? 0 : beta * y[i]) }
    }
}

extension Shape {
    /// Returns the index of the element that broadcasting from this shape to the shape `whole` puts at position `place`.
    fileprivate func element(_ place: Int, of whole: Shape) -> Int {
        var (rest, element, step) = (place, 0, 1)
        for (extent, own) in zip(whole.dimensions.reversed(), dimensions.reversed()) {
            if own != 1 { element += rest % extent * step }
            rest /= extent
            step *= own
        }
        return element
    }
}
