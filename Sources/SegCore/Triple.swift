/// An integer for each spatial axis: a size in voxels, an index, a kernel, a stride.
///
/// Axis 0 is depth, the slowest in memory; axis 2 is width, contiguous in memory. Axes 0, 1, 2 of a volume are the same
/// axes of a MONAI array without its channel axis. In a stored scan they are i, j and k.
public struct Triple: Hashable, Sendable {
    /// The value along axis 0, depth.
    public var d: Int
    /// The value along axis 1, height.
    public var h: Int
    /// The value along axis 2, width.
    public var w: Int

    /// Creates a triple from its three numbers.
    @inlinable public init(_ d: Int, _ h: Int, _ w: Int) {
        self.d = d
        self.h = h
        self.w = w
    }

    /// Creates a triple with the same number on all axes.
    @inlinable public init(_ value: Int) { self.init(value, value, value) }

    /// Creates a triple from an array of three numbers.
    public init(_ values: [Int]) {
        precondition(values.count == 3, "a triple needs three numbers, not \(values)")
        self.init(values[0], values[1], values[2])
    }

    /// d · h · w: the voxels of a volume of this size, the taps of a kernel.
    @inlinable public var count: Int { d * h * w }

    /// `[d, h, w]`.
    public var array: [Int] { [d, h, w] }

    /// The value along axis 0, 1 or 2.
    @inlinable public subscript(axis: Int) -> Int {
        get { axis == 0 ? d : axis == 1 ? h : w }
        set {
            switch axis {
            case 0: d = newValue
            case 1: h = newValue
            default: w = newValue
            }
        }
    }

    /// Combines two triples axis by axis.
    public func zip(_ other: Triple, _ combine: (Int, Int) -> Int) -> Triple {
        Triple(combine(d, other.d), combine(h, other.h), combine(w, other.w))
    }
}

extension Triple: ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    /// `2` is 2×2×2.
    public init(integerLiteral value: Int) { self.init(value) }

    /// `[1, 2, 2]` is 1×2×2; an array literal must have three numbers.
    public init(arrayLiteral values: Int...) { self.init(values) }
}

extension Triple: CustomStringConvertible {
    /// `96×96×96`.
    public var description: String { "\(d)×\(h)×\(w)" }
}
