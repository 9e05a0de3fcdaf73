/// One number for each spatial axis: depth, height, width (axes 0, 1, 2 of the oriented volume).
public struct Triple: Hashable, Sendable {
    /// Along depth.
    public var d: Int
    /// Along height.
    public var h: Int
    /// Along width.
    public var w: Int

    /// Makes a triple from its three numbers.
    public init(d: Int, h: Int, w: Int) {
        self.d = d
        self.h = h
        self.w = w
    }

    /// The same number on all axes.
    public init(_ value: Int) { self.init(d: value, h: value, w: value) }

    /// A triple of the first three numbers of an array.
    public init(_ values: [Int]) {
        precondition(values.count == 3, "a triple needs three numbers, not \(values)")
        self.init(d: values[0], h: values[1], w: values[2])
    }

    /// d · h · w.
    public var product: Int { d * h * w }

    /// `[d, h, w]`.
    public var array: [Int] { [d, h, w] }

    /// The number of axis 0, 1 or 2.
    public subscript(axis: Int) -> Int { axis == 0 ? d : axis == 1 ? h : w }

    /// Combines two triples axis by axis.
    public func zip(_ other: Triple, _ combine: (Int, Int) -> Int) -> Triple {
        Triple(d: combine(d, other.d), h: combine(h, other.h), w: combine(w, other.w))
    }
}

extension Triple: CustomStringConvertible {
    /// `96×96×96`.
    public var description: String { "\(d)×\(h)×\(w)" }
}
