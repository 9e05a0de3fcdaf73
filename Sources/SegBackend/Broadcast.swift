extension Shape {
    /// The shape of an op of two arrays element by element, by NumPy's and PyTorch's rule: the last axes stand one under
    /// the other, and an axis of extent 1, or one that is absent, repeats along the other's.
    ///
    /// `[2, 1, 5]` with `[3, 1]` is `[2, 3, 5]`; nil where two extents differ and neither is 1.
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

    /// The extent of an axis of a shape of a higher rank, 1 where this shape has no such axis.
    fileprivate func extent(_ axis: Int, of rank: Int) -> Int {
        axis < rank - self.rank ? 1 : self[axis - rank + self.rank]
    }
}

/// How two arrays repeat to the shape of a result: few axes, each with the steps that an operand takes along it.
///
/// Axes of extent 1 are left out, and neighbouring axes along which both operands go on alike are one.
package struct Broadcast {
    /// A run of axes of the result.
    package struct Axis: Hashable, Sendable {
        /// Elements along it.
        package var count: Int
        /// Elements of the first operand from one to the next; 0 where it repeats.
        package var a: Int
        /// Elements of the second operand from one to the next; 0 where it repeats.
        package var b: Int

        /// An axis of a number of elements with the steps of both operands.
        package init(count: Int, a: Int, b: Int) { (self.count, self.a, self.b) = (count, a, b) }
    }

    /// The outermost first; at least one.
    package let axes: [Axis]

    /// Joins the axes of a result that both operands are broadcast to.
    package init(_ a: Shape, _ b: Shape, to y: Shape) {
        precondition(a.broadcast(with: b)?.broadcast(with: y) == y, "\(a) and \(b) do not repeat to \(y)")
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

    /// Rows of the innermost axis.
    package var rows: Int { axes.dropLast().reduce(1) { $0 * $1.count } }

    /// Where a row of the innermost axis starts in both operands.
    package func start(of row: Int) -> (a: Int, b: Int) {
        var (rest, a, b) = (row, 0, 0)
        for axis in axes.dropLast().reversed() {
            a += rest % axis.count * axis.a
            b += rest % axis.count * axis.b
            rest /= axis.count
        }
        return (a, b)
    }

    /// The elements after which each operand starts again, where it repeats as a whole from its first element to its
    /// last: the result's own number for one that does not repeat, 1 for a single number; nil where it repeats otherwise.
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
