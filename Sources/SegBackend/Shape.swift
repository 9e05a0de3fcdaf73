public import SegCore

/// The shape of a tensor, outermost axis first; activations are channels-last, `[N, D, H, W, C]`.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral {
    /// The sizes of the axes, outermost first.
    public let dimensions: [Int]

    /// Creates a shape from the sizes of its axes.
    public init(_ dimensions: [Int]) { self.dimensions = dimensions }

    /// Creates a shape from a literal such as `[1, 96, 96, 96, 16]`.
    public init(arrayLiteral elements: Int...) { dimensions = elements }

    /// Creates the shape of an activation.
    public init(batch: Int, size: Triple, channels: Int) {
        dimensions = [batch, size.d, size.h, size.w, channels]
    }

    /// The number of axes.
    public var rank: Int { dimensions.count }

    /// The number of elements; 1 for the empty shape of a scalar.
    public var count: Int { dimensions.reduce(1, *) }

    /// The size of an axis.
    public subscript(axis: Int) -> Int { dimensions[axis] }

    /// The size of the first axis of an activation.
    public var batch: Int { dimensions[0] }

    /// The size of the last axis.
    public var channels: Int { dimensions[dimensions.count - 1] }

    /// The depth, height and width of an activation `[N, D, H, W, C]`.
    public var size: Triple {
        precondition(rank == 5, "\(self) is not [N, D, H, W, C]")
        return Triple(dimensions[1], dimensions[2], dimensions[3])
    }

    /// The number of channel vectors: the product of all axes but the last.
    public var rows: Int { dimensions.dropLast().reduce(1, *) }

    /// The number of positions in a sample, the product of the axes between batch and channels; 1 for `[N, C]`.
    public var positions: Int { dimensions.dropFirst().dropLast().reduce(1, *) }
}

extension Shape: CustomStringConvertible {
    /// The text form, such as `[1, 96, 96, 96, 16]`.
    public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
