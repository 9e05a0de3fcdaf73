public import SegCore

/// The extents of a tensor, outermost first; activations are channels-last, `[N, D, H, W, C]`.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral {
    /// Extents, outermost first.
    public let dimensions: [Int]

    /// Makes a shape from its extents.
    public init(_ dimensions: [Int]) { self.dimensions = dimensions }

    /// Makes a shape from a literal such as `[1, 96, 96, 96, 16]`.
    public init(arrayLiteral elements: Int...) { dimensions = elements }

    /// An activation's shape.
    public init(batch: Int, size: Triple, channels: Int) {
        dimensions = [batch, size.d, size.h, size.w, channels]
    }

    /// Number of axes.
    public var rank: Int { dimensions.count }

    /// Number of elements; 1 for the empty shape of a scalar.
    public var count: Int { dimensions.reduce(1, *) }

    /// The extent of an axis.
    public subscript(axis: Int) -> Int { dimensions[axis] }

    /// Extent of the first axis of an activation.
    public var batch: Int { dimensions[0] }

    /// Extent of the last axis.
    public var channels: Int { dimensions[dimensions.count - 1] }

    /// Depth, height and width of an activation `[N, D, H, W, C]`.
    public var size: Triple {
        precondition(rank == 5, "\(self) is not [N, D, H, W, C]")
        return Triple(dimensions[1], dimensions[2], dimensions[3])
    }

    /// Number of channel vectors: everything but the last axis.
    public var rows: Int { dimensions.dropLast().reduce(1, *) }

    /// Elements between batch and channels, the positions of one sample: 1 for `[N, C]`.
    public var positions: Int { dimensions.dropFirst().dropLast().reduce(1, *) }
}

extension Shape: CustomStringConvertible {
    /// `[1, 96, 96, 96, 16]`.
    public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
