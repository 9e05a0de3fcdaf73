extension Shape {
    /// The shape of an elementwise op's result, by the broadcasting rule of NumPy and PyTorch. The shapes of the two
    /// arrays are aligned at their last axes. An axis that is absent or has size 1 is repeated to the size that the
    /// axis has in the other array.
    ///
    /// `[2, 1, 5]` with `[3, 1]` gives `[2, 3, 5]`; nil if two sizes differ and neither is 1.
    public func broadcast(with other: Shape) -> Shape? {
        let rank = max(self.rank, other.rank)
        var dimensions: [Int] = []
        for axis in 0..<rank {
            let (a, b) = (extent(axis, of: rank), other.extent(axis, of: rank))
            guard a == b || a == 1 || b == 1 else { return nil }
            dimensions.append(a == 1 ? b : a)
        }
        return Shape(dimensions)
    }

    /// The size of an axis, numbered as in a shape of a higher rank; 1 if this shape does not have that axis.
    fileprivate func extent(_ axis: Int, of rank: Int) -> Int {
        axis < rank - self.rank ? 1 : self[axis - rank + self.rank]
    }
}

/// The loops that broadcast two arrays to the shape of a result: few axes, each with the stride of both operands along
/// it.
///
/// Axes of size 1 are left out. Neighbouring axes are joined if each operand is either contiguous or repeated across
/// them.
package struct Broadcast {
    /// One axis of the result, or several joined axes.
    package struct Axis: Hashable, Sendable {
        /// The number of elements along the axis.
        package var count: Int
        /// The stride of the first operand, in elements; 0 if it is repeated.
        package var a: Int
        /// The stride of the second operand, in elements; 0 if it is repeated.
        package var b: Int

        /// Creates an axis from its number of elements and the strides of both operands.
        package init(count: Int, a: Int, b: Int) { (self.count, self.a, self.b) = (count, a, b) }
    }

    /// The axes, outermost first; at least one.
    package let axes: [Axis]

    /// Creates the loops for two operands that are broadcast to a result.
    package init(_ a: Shape, _ b: Shape, to y: Shape) {
        precondition(a.broadcast(with: b)?.broadcast(with: y) == y, "\(a) and \(b) cannot be broadcast to \(y)")
        var axes: [Axis] = []
        var (aStep, bStep) = (1, 1)
        for axis in (0..<y.rank).reversed() where y[axis] != 1 {
            let (aExtent, bExtent) = (a.extent(axis, of: y.rank), b.extent(axis, of: y.rank))
            let next = Axis(count: y[axis], a: aExtent == 1 ? 0 : aStep, b: bExtent == 1 ? 0 : bStep)
            aStep *= aExtent
            bStep *= bExtent
            if let inner = axes.last, next.a == inner.a * inner.count, next.b == inner.b * inner.count {
                axes[axes.count - 1].count *= next.count
            } else {
                axes.append(next)
            }
        }
        self.axes = axes.isEmpty ? [Axis(count: y.count, a: 1, b: 1)] : axes.reversed()
    }

    /// The number of rows of the innermost axis.
    package var rows: Int { axes.dropLast().reduce(1) { $0 * $1.count } }

    /// The indices of a row's first element in the two operands. A row runs along the innermost axis.
    package func start(of row: Int) -> (a: Int, b: Int) {
        var (rest, a, b) = (row, 0, 0)
        for axis in axes.dropLast().reversed() {
            a += rest % axis.count * axis.a
            b += rest % axis.count * axis.b
            rest /= axis.count
        }
        return (a, b)
    }

    /// The number of elements after which each operand starts again from its first element: the size of the result for
    /// an operand that is not repeated, 1 for a single number; nil if either operand is repeated in another way.
    package var periods: (a: Int, b: Int)? {
        let count = axes.reduce(1) { $0 * $1.count }
        func period(_ step: (Axis) -> Int) -> Int? {
            let inner = axes.reversed().prefix { step($0) != 0 }
            guard axes.dropLast(inner.count).allSatisfy({ step($0) == 0 }) else { return nil }
            return inner.count == axes.count ? count : inner.reduce(1) { $0 * $1.count }
        }
        guard let a = period(\.a), let b = period(\.b) else { return nil }
        return (a, b)
    }
}
