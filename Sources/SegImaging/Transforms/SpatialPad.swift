public import SegCore

/// Pads with a constant up to a size; MONAI's `SpatialPad(spatial_size=, method=, mode="constant", value=)`.
public struct SpatialPad: Hashable, Sendable {
    /// The side on which voxels are added.
    public enum Method: String, Hashable, Sendable {
        /// Half before, rounded down, and the rest after.
        case symmetric
        /// All after.
        case end
    }

    /// The size to reach; axes that are larger already, or whose size here is -1, are left unchanged.
    public let size: Triple
    /// The value of the added voxels.
    public let value: Float
    /// The side on which voxels are added.
    public let method: Method

    /// Creates padding from the size to reach, the fill value and the side.
    public init(size: Triple, value: Float, method: Method = .symmetric) {
        self.size = size
        self.value = value
        self.method = method
    }

    /// The padded volume.
    public func callAsFunction(_ volume: Volume) -> Volume { volume.cut(box(of: volume.size), fill: value) }

    /// The padded grid as a box of the old one.
    func box(of current: Triple) -> Box3 { Self.box(of: current, grownTo: size, method) }

    /// A grid enlarged to at least a size, as a box of the old grid.
    static func box(of current: Triple, grownTo size: Triple, _ method: Method) -> Box3 {
        var box = Box3(of: current)
        for axis in 0..<3 {
            let width = max(size[axis] - current[axis], 0)
            box.start[axis] = method == .symmetric ? -(width / 2) : 0
            box.size[axis] += width
        }
        return box
    }
}

/// Pads with a constant to the next multiple of a number; MONAI's `DivisiblePad(k=, method=, mode="constant", value=)`.
public struct DivisiblePad: Hashable, Sendable {
    /// The divisors of the size along each axis; 0 or less leaves the axis unchanged.
    public let divisors: Triple
    /// The value of the added voxels.
    public let value: Float
    /// The side on which voxels are added.
    public let method: SpatialPad.Method

    /// Creates padding from the divisors, the fill value and the side.
    public init(divisors: Triple, value: Float, method: SpatialPad.Method = .symmetric) {
        self.divisors = divisors
        self.value = value
        self.method = method
    }

    /// The padded grid as a box of the old one.
    func box(of current: Triple) -> Box3 {
        var size = current
        for axis in 0..<3 where divisors[axis] > 0 {
            size[axis] = (current[axis] + divisors[axis] - 1) / divisors[axis] * divisors[axis]
        }
        return SpatialPad.box(of: current, grownTo: size, method)
    }
}
